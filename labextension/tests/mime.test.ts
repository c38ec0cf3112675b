// The renderer draws views without trust, and falls back to the saved text.
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { describe, expect, it, vi } from "vitest";

import extension from "../src/mime";
import { MIME } from "../src/view";

async function drawn(data: Record<string, unknown>): Promise<HTMLElement> {
  const factory = (extension).rendererFactory;
  const renderer = factory.createRenderer({ mimeType: MIME } as IRenderMime.IRendererOptions);
  await renderer.renderModel({ data } as unknown as IRenderMime.IMimeModel);
  return (renderer as unknown as { node: HTMLElement }).node;
}

describe("the renderer", () => {
  it("serves our type in untrusted notebooks, before text/html", () => {
    const one = extension;
    expect(one.rendererFactory.mimeTypes).toEqual([MIME]);
    expect(one.rendererFactory.safe).toBe(true);
  });

  it("draws a view", async () => {
    const view = { kind: "note", text: "Built.", level: "ok", hint: "", facts: [] };
    expect((await drawn({ [MIME]: view })).textContent).toBe("✓ Built.");
  });

  it.each([
    ["null", null],
    ["an unknown kind", { kind: "hologram" }],
    ["a view without its parts", { kind: "table" }],
    ["text", "<b>no</b>"],
  ])("shows the saved text for %s", async (_name, view) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const node = await drawn({ [MIME]: view, "text/plain": "<i>saved</i>" });
    expect(node.textContent).toBe("<i>saved</i>");
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
});

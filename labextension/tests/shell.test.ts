// The output of %shell opens nothing by itself, and takes only a name from the notebook.
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { nullTranslator } from "@jupyterlab/translation";
import { describe, expect, it, vi } from "vitest";

import { ShellOutput } from "../src/shell";
import type { Terminals } from "../src/terminals";
import { MIME } from "../src/view";

const SHELL = "application/vnd.container-magics.shell.v1+json";

async function drawn(
  said: unknown,
  view: unknown = { kind: "note", text: "Up.", level: "ok", hint: "", facts: [] },
): Promise<[HTMLElement, () => void]> {
  const open = vi.fn();
  const terminals = { open } as unknown as Terminals;
  const output = new ShellOutput(terminals, nullTranslator.load("container_magics"));
  await output.renderModel({ data: { [SHELL]: said, [MIME]: view, "text/plain": "saved" } } as unknown as IRenderMime.IMimeModel);
  return [output.node, open];
}

describe("the output of %shell", () => {
  it("has a button, and opens nothing", async () => {
    const [node, open] = await drawn({ container: "web" });
    expect(node.querySelector("button")?.textContent).toBe("Open a terminal in web");
    expect(open).not.toHaveBeenCalled();
  });

  it.each([[null], [{ container: { toString: "no" } }], ["web"]])(
    "takes no name from %s",
    async (said) => {
      const [node] = await drawn(said);
      expect(node.textContent).toBe("Open a terminal in ");
    },
  );

  it("has the view above it where the cell shows one", async () => {
    const [node] = await drawn({ container: "box", view: true });
    expect(node.textContent).toBe("✓ Up.Open a terminal in box");
  });

  it("has the saved text above it where there is no view", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const [node] = await drawn({ container: "box", view: true }, "<b>none</b>");
    expect(node.textContent).toBe("savedOpen a terminal in box");
    warn.mockRestore();
  });

  it("shows a name as text", async () => {
    const [node] = await drawn({ container: "<img src=x onerror=alert(1)>" });
    expect(node.querySelector("img")).toBeNull();
  });
});

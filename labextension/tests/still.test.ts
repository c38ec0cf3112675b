// A widget's output that was saved, where no kernel has the widget.
import { Widget } from "@lumino/widgets";
import { describe, expect, it, vi } from "vitest";

import { still } from "../src/still";
import { MIME } from "../src/view";

interface Renderer {
  readonly node: HTMLElement;
  renderModel(model: unknown): Promise<void>;
}

/** What the plugin gives a notebook for our type; `live` is what ipywidgets would draw with. */
function renderer(live: Widget | null): Renderer {
  let made: (() => Renderer) | null = null;
  const rendermime = {
    addFactory: (factory: { createRenderer: () => Renderer }) => {
      made = factory.createRenderer.bind(factory);
    },
    getFactory: () => live ?? undefined,
    createRenderer: () => live,
  };
  const extend = (_: string, extension: { createNew: (panel: unknown) => void }): void => {
    extension.createNew({ content: { rendermime } });
  };
  void still.activate({ docRegistry: { addWidgetExtension: extend } } as never);
  expect(made).not.toBeNull();
  return (made as unknown as () => Renderer)();
}

describe("a saved widget", () => {
  it("is the view that it was", async () => {
    const view = { kind: "note", text: "Built.", level: "ok", hint: "", facts: [] };
    const one = renderer(null);
    await one.renderModel({ data: { [MIME]: view }, trusted: false });
    expect(one.node.textContent).toBe("✓ Built.");
  });

  it("is the text beside it where the view is damaged, and the widget is drawn all the same", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const live = Object.assign(new Widget(), {
      renderModel: () => {
        live.node.append(document.createElement("b"));
        return Promise.resolve();
      },
    });
    const one = renderer(live);
    const data = {
      [MIME]: { kind: "hologram" },
      "text/plain": "saved",
      "application/vnd.container-magics.live.v1+json": { model_id: "1" },
    };
    await one.renderModel({ data, trusted: true });
    expect(one.node.textContent).toBe("saved");
    expect(live.isHidden).toBe(false);
    warn.mockRestore();
  });
});

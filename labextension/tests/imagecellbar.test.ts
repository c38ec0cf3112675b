// Run and Save as File are there while a cell is an %%image cell, and get its text.
import { EditorView } from "@codemirror/view";
import { nullTranslator } from "@jupyterlab/translation";
import { describe, expect, it, vi } from "vitest";

import { dockerfileOf, isFileName } from "../src/cells";
import { imageCellBar } from "../src/imagecellbar";

function opened(doc: string): { view: EditorView; run: () => void; save: (text: string) => void } {
  const deeds = { run: vi.fn(), save: vi.fn() };
  const view = new EditorView({ doc, extensions: imageCellBar(deeds, nullTranslator.load("")) });
  return { view, ...deeds };
}

function buttons(view: EditorView): HTMLButtonElement[] {
  return [...view.dom.querySelectorAll<HTMLButtonElement>("[role=toolbar] button")];
}

describe("the bar", () => {
  it("runs the cell and saves what it says now", () => {
    const { view, run, save } = opened("%%image app\nFROM a");
    view.dispatch({ changes: { from: view.state.doc.length, insert: "\nRUN b" } });
    const [first, second] = buttons(view);
    first?.click();
    expect(run).toHaveBeenCalledOnce();
    second?.click();
    expect(save).toHaveBeenCalledExactlyOnceWith("%%image app\nFROM a\nRUN b");
  });

  it("comes and goes with the first line", () => {
    const { view } = opened("import os");
    expect(buttons(view)).toHaveLength(0);
    view.dispatch({ changes: { from: 0, to: 9, insert: "%%image app" } });
    expect(buttons(view)).toHaveLength(2);
    view.dispatch({ changes: { from: 0, to: 11, insert: "%%container a" } });
    expect(buttons(view)).toHaveLength(0);
  });
});

describe("a Dockerfile", () => {
  it.each([
    ["%%image app", ""],
    ["%%image app\nFROM a", "FROM a\n"],
    ["%%image app\nFROM a\n", "FROM a\n"],
    ["%%image app\n\n# b\nFROM a", "\n# b\nFROM a\n"],
  ])("of %j is %j", (cell, text) => {
    expect(dockerfileOf(cell)).toBe(text);
  });

  it.each([
    ["Dockerfile", true],
    ["Dockerfile.web", true],
    ["my image", true],
    ["", false],
    [".", false],
    ["..", false],
    ["../a", false],
    ["a/b", false],
    ["a\\b", false],
    ["RTC:a", false],
    ["a\nb", false],
    ["a".repeat(201), false],
  ])("may be saved as %j: %s", (name, may) => {
    expect(isFileName(name)).toBe(may);
  });
});

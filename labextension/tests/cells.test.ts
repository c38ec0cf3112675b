// A cell's first line says its language, and the editor follows it.
import { language, syntaxTree } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { modeOf } from "../src/cells";
import { cellLanguage, load } from "../src/highlight";

describe("the language of a cell", () => {
  it.each([
    ["%%image app:1", "dockerfile"],
    ["%%image", "dockerfile"],
    ["  %%image app", "dockerfile"],
    ["%%compose", "yaml"],
    ["%%ssh box", "shell"],
    ["%%container python:3.12", "shell"],
    ["%%container python:3.12 --as python", "python"],
    ["%%container app --as=node --rm", "javascript"],
    ['%%container db --as "psql -U me"', "sql"],
    ["%%container r-base --as r", "r"],
    ["%%container app --as tclsh", "plain"],
    ["%%container app --assist python", "shell"],
    ["%%images", null],
    ["%image ls", null],
    ["%%containers", null],
    ["# %%image app", null],
    ["import os", null],
    ["", null],
  ])("of %j is %s", (line, mode) => {
    expect(modeOf(line)).toBe(mode);
  });
});

function opened(text: string): EditorState {
  return EditorState.create({ doc: text, extensions: cellLanguage(text) });
}

function nameOf(state: EditorState): string {
  return state.facet(language)?.name ?? "";
}

/** (text, token) pairs of the whole document. */
function tokens(state: EditorState): Array<[string, string]> {
  const found: Array<[string, string]> = [];
  syntaxTree(state).iterate({
    enter: (node) => {
      if (node.from !== node.to && node.name !== "Document") {
        found.push([state.sliceDoc(node.from, node.to), node.name]);
      }
    },
  });
  return found;
}

describe("the editor", () => {
  beforeAll(() => Promise.all((["dockerfile", "shell", "yaml", "python", "plain", "sql"] as const).map(load)));

  it("has a language when its parser has come, without another key being pressed", async () => {
    const doc = "%%container db --as lua\nlocal one = 1";
    const view = new EditorView({ doc, extensions: cellLanguage(doc) });
    expect(nameOf(view.state)).toBe("cell-plain");
    await vi.waitFor(() => {
      expect(nameOf(view.state)).toBe("cell-lua");
    });
  });

  it("has a language whose parser came between the making of its extension and of its view", async () => {
    const doc = "%%container db --as ruby\nputs 1";
    const extensions = cellLanguage(doc);
    await load("ruby");
    const view = new EditorView({ doc, extensions });
    await vi.waitFor(() => {
      expect(nameOf(view.state)).toBe("cell-ruby");
    });
  });

  it("colours a Dockerfile under its magic", () => {
    const found = tokens(opened("%%image app\nFROM debian:bookworm\n# why\nRUN echo 'FROM'\n"));
    expect(found).toContainEqual(["%%image app", "meta"]);
    expect(found).toContainEqual(["FROM", "keyword"]);
    expect(found).toContainEqual(["# why", "comment"]);
    expect(found.filter(([text]) => text === "FROM")).toHaveLength(1);
  });

  it("knows the magic's line from a line like it further down", () => {
    const found = tokens(opened("%%container debian\necho 1\n%%image\n"));
    expect(found.filter(([, name]) => name === "meta")).toEqual([["%%container debian", "meta"]]);
  });

  it("follows the first line as it is typed, and back", () => {
    let state = opened("import os\nFROM x\n");
    expect(nameOf(state)).toBe("");
    state = state.update({ changes: { from: 0, to: 9, insert: "%%image app" } }).state;
    expect(nameOf(state)).toBe("cell-dockerfile");
    state = state.update({ changes: { from: 0, to: 11, insert: "%%compose" } }).state;
    expect(nameOf(state)).toBe("cell-yaml");
    state = state.update({ changes: { from: 9, insert: "\nservices:" } }).state;
    expect(nameOf(state)).toBe("cell-yaml");
    state = state.update({ changes: { from: 0, to: 9, insert: "%matplotlib" } }).state;
    expect(nameOf(state)).toBe("");
  });
});

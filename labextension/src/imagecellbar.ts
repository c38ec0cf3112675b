// Two buttons under the Dockerfile of an %%image cell, within its editor: Run, and Save as File.
import { EditorState, type Extension } from "@codemirror/state";
import { type EditorView, type Panel, showPanel } from "@codemirror/view";
import type { TranslationBundle } from "@jupyterlab/translation";

import { modeOf } from "./cells";
import { element } from "./dom";

/** What the buttons do; `text` is the whole cell. */
export interface CellDeeds {
  run(): void;
  save(text: string): void;
}

/** The extension of an editor: the bar is there while the first line says %%image. */
export function imageCellBar(deeds: CellDeeds, trans: TranslationBundle): Extension {
  const bar = (view: EditorView): Panel => ({ dom: drawn(view, deeds, trans) });
  return showPanel.compute(["doc"], (state) => (isImage(state) ? bar : null));
}

function isImage(state: EditorState): boolean {
  return modeOf(state.doc.line(1).text) === "dockerfile";
}

function drawn(view: EditorView, deeds: CellDeeds, trans: TranslationBundle): HTMLElement {
  const button = (label: string, press: () => void): HTMLButtonElement => {
    const made = element("button", { type: "button" }, label);
    made.addEventListener("click", press);
    return made;
  };
  return element(
    "div",
    { class: "container-magics-cell-bar", role: "toolbar", "aria-label": trans.__("Image") },
    button(trans.__("Run"), () => {
      deeds.run();
    }),
    button(trans.__("Save as File…"), () => {
      deeds.save(view.state.doc.toString());
    }),
  );
}

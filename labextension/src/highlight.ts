// The languages of our cells in the editor, while their first line says so.
//
// JupyterLab sets a cell's language by its kernel, and again at each news of the kernel. So ours is
// not set in its place: CodeMirror takes the language of the highest precedence, and ours has that.
//
// A parser is loaded when a cell first needs it; until then the cell has no colours, not the kernel's.
import {
  type Language,
  StreamLanguage,
  type StreamParser,
  type StringStream,
} from "@codemirror/language";
import { Compartment, EditorState, type Extension, Prec } from "@codemirror/state";
import { type EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";

import { type Mode, modeOf } from "./cells";

const PLAIN: StreamParser<unknown> = {
  name: "plain",
  token: (stream: StringStream) => {
    stream.skipToEnd();
    return null;
  },
};
type Parser = StreamParser<unknown>;
const PARSERS: Readonly<Record<Mode, () => Promise<Parser>>> = {
  dockerfile: async () => (await import("@codemirror/legacy-modes/mode/dockerfile")).dockerFile,
  javascript: async () => (await import("@codemirror/legacy-modes/mode/javascript")).javascript,
  lua: async () => (await import("@codemirror/legacy-modes/mode/lua")).lua,
  perl: async () => (await import("@codemirror/legacy-modes/mode/perl")).perl,
  plain: () => Promise.resolve(PLAIN),
  python: async () => (await import("@codemirror/legacy-modes/mode/python")).python,
  r: async () => (await import("@codemirror/legacy-modes/mode/r")).r,
  ruby: async () => (await import("@codemirror/legacy-modes/mode/ruby")).ruby,
  shell: async () => (await import("@codemirror/legacy-modes/mode/shell")).shell,
  sql: async () => (await import("@codemirror/legacy-modes/mode/sql")).standardSQL,
  yaml: async () => (await import("@codemirror/legacy-modes/mode/yaml")).yaml,
};

interface Place {
  readonly inside: unknown;
  isFirst: boolean;
}

/** The mode's parser, but for the cell's first line, which is the magic's. */
function afterFirstLine(mode: Mode, parser: Parser): StreamParser<Place> {
  return {
    ...(parser.languageData ? { languageData: parser.languageData } : {}),
    ...(parser.tokenTable ? { tokenTable: parser.tokenTable } : {}),
    name: `cell-${mode}`,
    startState: (unit) => ({ inside: parser.startState?.(unit) ?? {}, isFirst: true }),
    copyState: ({ inside, isFirst }) => ({
      inside: parser.copyState ? parser.copyState(inside) : { ...(inside as object) },
      isFirst,
    }),
    blankLine: (place, unit) => {
      place.isFirst = false;
      parser.blankLine?.(place.inside, unit);
    },
    indent: (place, text, context) => parser.indent?.(place.inside, text, context) ?? null,
    token: (stream, place) => {
      // A long document's end may be read from a fresh state: there nothing begins with %%.
      const isMagic = place.isFirst && /^\s*%%/.test(stream.string);
      place.isFirst = false;
      if (isMagic) {
        stream.skipToEnd();
        return "meta";
      }
      return parser.token(stream, place.inside);
    },
  };
}

const WAITING = StreamLanguage.define(afterFirstLine("plain", PLAIN));
const made = new Map<Mode, Language>();

/** Make the mode's language ready. */
export async function load(mode: Mode): Promise<void> {
  const parser = await PARSERS[mode]();
  if (!made.has(mode)) {
    made.set(mode, StreamLanguage.define(afterFirstLine(mode, parser)));
  }
}

function languageOf(mode: Mode | null): Extension {
  return mode === null ? [] : (made.get(mode) ?? WAITING);
}

function modeIn(state: EditorState): Mode | null {
  return modeOf(state.doc.line(1).text);
}

/** What an editor needs whose text begins as `text` does; it follows every change of its first line. */
export function cellLanguage(text: string): Extension {
  const language = new Compartment();
  const follow = EditorState.transactionExtender.of((transaction) => {
    if (!transaction.docChanged) {
      return null;
    }
    const before = modeIn(transaction.startState);
    const after = modeOf(transaction.newDoc.line(1).text);
    return before === after ? null : { effects: language.reconfigure(languageOf(after)) };
  });
  const first = languageOf(modeOf(text.split("\n", 1)[0] ?? ""));
  return [Prec.highest(language.of(first)), follow, ViewPlugin.define((view) => new Loader(view, language))];
}

/** Loads the language that an editor waits for, and gives it to the editor. */
class Loader {
  private _wanted: Mode | null = null;

  constructor(
    private readonly _view: EditorView,
    private readonly _language: Compartment,
  ) {
    this._look(_view.state);
  }

  update(update: ViewUpdate): void {
    if (update.docChanged && modeIn(update.state) !== this._wanted) {
      this._look(update.state);
    }
  }

  destroy(): void {
    this._wanted = null;
  }

  private _look(state: EditorState): void {
    const mode = modeIn(state);
    this._wanted = mode;
    if (mode === null) {
      return;
    }
    // Also one that is there: it may have come after this editor's extension was made.
    load(mode).then(
      () => {
        const language = languageOf(mode);
        if (this._wanted === mode && this._language.get(this._view.state) !== language) {
          this._view.dispatch({ effects: this._language.reconfigure(language) });
        }
      },
      (error: unknown) => {
        console.warn("container-magics: a language cannot be loaded", error);
      },
    );
  }
}

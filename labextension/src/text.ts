// What view/plain.py and view/html.py write in words and signs, and how text is made harmless.
import type { Node, Note, Step } from "./view";

const PAGE = 200;

type Words<Key extends string> = Readonly<Record<Key, string>>;

export const LEVEL_WORDS: Words<Note["level"]> = {
  info: "",
  ok: "✓",
  warning: "Warning:",
  error: "Error:",
};
export const MARK_SIGNS: Words<Node["mark"]> = {
  "": "",
  added: "+",
  changed: "~",
  hidden: "-",
};
export const STATE_SIGNS: Words<Step["state"]> = {
  waiting: "○",
  running: "▶",
  done: "✓",
  cached: "✓",
  failed: "✗",
  cancelled: "–",
};

export const CRITICAL = "◆";

// C0, DEL, C1, line separators, marks that turn the writing direction: as in view/plain.py.
const UNSAFE =
  // eslint-disable-next-line no-control-regex -- control characters are what we look for
  /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** `text` in which nothing can hide or turn the writing direction. The result is one line. */
export function visible(text: string): string {
  return text.replace(UNSAFE, picture);
}

function picture(character: string): string {
  const code = character.charCodeAt(0);
  if (code === 9) {
    return "    ";
  }
  if (code < 32) {
    return String.fromCharCode(0x2400 + code);
  }
  if (code === 127) {
    return "\u2421";
  }
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}

/** What stands for children that are not shown. */
export function more(omitted: number): string {
  return `… ${omitted.toLocaleString("en-US")} more`;
}

/** How many children do not stand right under the node. */
export function beyond(node: Node): number {
  return node.further.length + node.omitted;
}

/** The node's further children by pages, with the words that stand over each. */
export function pages(node: Node): Array<readonly [string, ReadonlyArray<Node>]> {
  const whole = (node.children.length + beyond(node)).toLocaleString("en-US");
  const starts = Array.from({ length: Math.ceil(node.further.length / PAGE) }, (_, n) => n * PAGE);
  return starts.map((start) => {
    const page = node.further.slice(start, start + PAGE);
    return [`the next ${String(page.length)} of ${whole}`, page] as const;
  });
}

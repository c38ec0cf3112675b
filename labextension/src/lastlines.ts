// The last lines of a text that grows, as text nodes: what is too much goes from the front.
import { visible } from "./text";

interface Piece {
  readonly node: Text;
  readonly lines: number;
}

export class LastLines {
  private readonly _pieces: Piece[] = [];
  private _lines = 0;

  /** Keeps at least the last `most` lines in `node`, and hardly more. */
  constructor(
    private readonly _node: HTMLElement,
    private readonly _most: number,
  ) {}

  /** Append text, which may begin and end within a line. */
  add(text: string): void {
    const parts = text.split("\n");
    // In pieces, so that one that is long does not stay whole for its last line.
    for (let from = 0; from < parts.length; from += this._most) {
      const some = parts.slice(from, from + this._most);
      const isLast = from + this._most >= parts.length;
      const words = some.map(visible).join("\n") + (isLast ? "" : "\n");
      this._append(words, some.length - (isLast ? 1 : 0));
    }
    this._trim();
  }

  clear(): void {
    this._pieces.length = 0;
    this._lines = 0;
    this._node.replaceChildren();
  }

  private _append(words: string, lines: number): void {
    if (words !== "") {
      const node = document.createTextNode(words);
      this._node.append(node);
      this._pieces.push({ node, lines });
      this._lines += lines;
    }
  }

  private _trim(): void {
    let first = this._pieces[0];
    while (first && this._lines - first.lines >= this._most) {
      first.node.remove();
      this._lines -= first.lines;
      this._pieces.shift();
      first = this._pieces[0];
    }
  }
}

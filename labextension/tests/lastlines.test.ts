// A log in the page keeps its last lines, and all of it is text.
import { describe, expect, it } from "vitest";

import { LastLines } from "../src/lastlines";

function opened(most: number): [HTMLPreElement, LastLines] {
  const node = document.createElement("pre");
  return [node, new LastLines(node, most)];
}

function linesOf(node: HTMLElement): string[] {
  return (node.textContent ?? "").split("\n");
}

describe("the last lines", () => {
  it("join what was written in pieces", () => {
    const [node, lines] = opened(10);
    lines.add("one\nt");
    lines.add("wo\n");
    lines.add("three");
    expect(linesOf(node)).toEqual(["one", "two", "three"]);
  });

  it("hold at least so many, and less than twice as many", () => {
    const [node, lines] = opened(100);
    for (let at = 0; at < 1000; at += 1) {
      lines.add(`line ${String(at)}\n`);
    }
    const shown = linesOf(node).slice(0, -1);
    expect(shown.length).toBeGreaterThanOrEqual(100);
    expect(shown.length).toBeLessThan(200);
    expect(shown.slice(-2)).toEqual(["line 998", "line 999"]);
  });

  it("are cut also where they came all at once", () => {
    const [node, lines] = opened(10);
    lines.add(Array.from({ length: 10_000 }, (_, at) => `${String(at)}\n`).join(""));
    const shown = linesOf(node).slice(0, -1);
    expect(shown.length).toBeLessThan(20);
    expect(shown.at(-1)).toBe("9999");
  });

  it("show markup as text, and what hides as signs", () => {
    const [node, lines] = opened(10);
    lines.add("<img src=x onerror=alert(1)>\u202e\n");
    expect(node.children).toHaveLength(0);
    expect(node.textContent).toBe("<img src=x onerror=alert(1)>[U+202E]\n");
  });

  it("begin anew", () => {
    const [node, lines] = opened(10);
    lines.add("old\n");
    lines.clear();
    lines.add("new\n");
    expect(node.textContent).toBe("new\n");
  });
});

// The parts of a view that are as long as a number: bars of time and of size, meters, boxes of a map.
import { type Child, element } from "./dom";
import { CRITICAL } from "./text";
import type { Meter, StackRow, Step, Strip, Treemap } from "./view";

/** Children with a space between them, as in a sentence. */
export function spaced(...children: ReadonlyArray<Child>): Child[] {
  return children
    .filter((child) => child !== null && child !== "")
    .flatMap((child, at) => (at ? [" ", child] : [child]));
}

/** Where the step lies in the whole's time, and a mark if the whole had to wait for it. */
export function timeBar(one: Step): HTMLElement {
  const begin = clamped(one.begin);
  const length = Math.min(clamped(one.length), 1 - begin);
  const look = one.state === "failed" ? "failed" : "time";
  const boxes = length ? [box(begin, "gap"), box(length, look)] : [];
  const track = element("span", { class: "bar" }, ...boxes);
  const mark = one.critical
    ? element("span", { class: "sign critical", title: "critical path" }, CRITICAL)
    : null;
  return element("div", { class: "when" }, ...spaced(track, mark));
}

export function bar(view: Meter): HTMLElement {
  if (view.fraction === null) {
    return element("progress", { title: view.label });
  }
  const value = String(clamped(view.fraction));
  return element("meter", { min: "0", max: "1", value, title: view.label });
}

export function stackBar(row: StackRow): HTMLElement {
  const whole = clamped(row.fraction);
  const hidden = whole * clamped(row.hidden);
  const boxes = [box(whole - hidden, row.kind), box(hidden, "hidden")];
  return element("div", { class: "bar" }, ...boxes);
}

/** Sizes as areas: strips of boxes, the words of each in it and as its title. */
export function map(view: Treemap): HTMLElement {
  return element("div", { class: "map" }, ...view.strips.map(strip));
}

function strip(view: Strip): HTMLElement {
  const made = element("div", { class: "strip" });
  made.style.height = `${String(100 * clamped(view.height))}%`;
  for (const tile of view.tiles) {
    const title = `${tile.label} ${tile.size}`;
    const words = spaced(element("code", {}, tile.label), tile.size);
    const shown = element("span", { class: "tile", title }, ...words);
    shown.style.width = `${String(100 * clamped(tile.width))}%`;
    made.append(shown);
  }
  return made;
}

function box(fraction: number, look: string): Child {
  if (!fraction) {
    return null;
  }
  const made = element("span", { class: `box ${look}`, title: look === "hidden" ? look : "" });
  made.style.width = `${String(100 * fraction)}%`;
  return made;
}

function clamped(fraction: number): number {
  return Math.min(Math.max(fraction, 0), 1);
}

// A list of the sidebar that folds, and how the keyboard goes from row to row of all of them.
import { element } from "./dom";

/** A list that folds; `node` stays, and so stays open what the reader has opened. */
export class Section {
  readonly node: HTMLDetailsElement;
  private readonly _count = element("span", { class: "count" });
  private readonly _list: HTMLUListElement;
  private readonly _empty: string;

  constructor(title: string, empty: string, open: boolean) {
    this._empty = empty;
    this._list = element("ul", { "aria-label": title });
    const summary = element("summary", {}, element("span", {}, title), " ", this._count);
    this.node = element("details", { class: "section" }, summary, this._list);
    this.node.open = open;
  }

  /** Show the rows, in their order; those that are in their places already are not touched.
   * `figure` stands beside the title: how many they are, where nothing else is said. */
  show(rows: ReadonlyArray<HTMLLIElement>, figure = String(rows.length)): void {
    this._count.textContent = figure;
    const shown = rows.length ? rows : [element("li", { class: "pale" }, this._empty)];
    const kept = new Set<Element>(shown);
    for (const child of [...this._list.children]) {
      if (!kept.has(child)) {
        child.remove();
      }
    }
    let place = this._list.firstElementChild;
    for (const row of shown) {
      if (row === place) {
        place = place.nextElementSibling;
      } else {
        this._list.insertBefore(row, place);
      }
    }
  }

  append(node: HTMLElement): void {
    this.node.append(node);
  }
}

/** Up and down go from row to row, to the same button where it is there. */
export function arrows(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const active = event.target;
  if (!step || !(active instanceof HTMLElement) || !(event.currentTarget instanceof HTMLElement)) {
    return;
  }
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>("summary, .row:has(button)")]
    .filter((one) => one.checkVisibility());
  const here = active.closest<HTMLElement>("summary, .row");
  const next = here && stops[stops.indexOf(here) + step];
  if (next) {
    const same = next.querySelector<HTMLElement>(`[data-verb="${active.dataset.verb ?? ""}"]:not(:disabled)`);
    const first = next.matches("summary") ? next : next.querySelector<HTMLElement>("button:not(:disabled)");
    (same ?? first)?.focus();
    event.preventDefault();
  }
}

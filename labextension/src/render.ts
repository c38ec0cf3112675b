// A View as DOM: the same words as view/html.py, drawn with the theme's variables (style/).
// Text goes in as text nodes alone; nothing here parses HTML.
import { bar, map, spaced, stackBar, timeBar } from "./bars";
import { type Child, element } from "./dom";
import { LEVEL_WORDS, MARK_SIGNS, STATE_SIGNS, beyond, more, pages, visible } from "./text";
import type {
  Group,
  Meter,
  Node as ViewNode,
  Note,
  Stack,
  StackRow,
  Step,
  Steps,
  Table,
  Tree,
  Treemap,
  View,
} from "./view";

// The last two keep MathJax away: `$HOME:$PATH` is no formula.
const CLASSES = "container-magics tex2jax_ignore mathjax_ignore";

/** The view as one element. Throws a TypeError where `view` is not one. */
export function render(view: View): HTMLElement {
  return element("div", { class: CLASSES }, ...drawn(view));
}

function drawn(view: View): Child[] {
  switch (view.kind) {
    case "note":
      return [note(view)];
    case "table":
      return [table(view)];
    case "tree":
      return tree(view);
    case "steps":
      return [steps(view)];
    case "meter":
      return [meter(view)];
    case "stack":
      return [stack(view)];
    case "treemap":
      return treemap(view);
    case "group":
      return group(view);
    default:
      throw new TypeError("not a view that this version can draw");
  }
}

function strong(text: string): Child {
  return text ? element("strong", {}, text) : null;
}

function pale(text: string): Child {
  return text ? element("span", { class: "pale" }, text) : null;
}

function lines(texts: ReadonlyArray<string>): HTMLElement {
  const made = element("pre");
  // One text node: each line is harmless by itself, the line breaks between them are ours.
  made.textContent = texts.map(visible).join("\n");
  return made;
}

function group(view: Group): Child[] {
  const views = view.views.map((part) => element("div", { class: "part" }, ...drawn(part)));
  return [strong(view.title), ...views];
}

function note(view: Note): HTMLElement {
  return element(
    "div",
    { class: `note ${view.level}` },
    ...spaced(strong(LEVEL_WORDS[view.level]), element("span", {}, ...prose(view.text))),
    view.hint ? element("div", { class: "hint" }, ...prose(view.hint)) : null,
    view.facts.length ? lines(view.facts) : null,
  );
}

/** A sentence of ours: what stands between two backticks is code. */
function prose(text: string): Child[] {
  const parts = text.split("`");
  if (parts.length % 2 === 0) {
    return [text];
  }
  return parts.map((part, index) =>
    index % 2 ? element("code", {}, part) : part,
  );
}

function table(view: Table): Child {
  if (!view.rows.length) {
    const caption = view.caption ? [strong(view.caption), ": "] : [];
    return element("div", {}, ...caption, view.empty);
  }
  const sides = view.columns.map((column) => column.align);
  const heads = view.columns.map((column): Head => [column.name, column.align]);
  const rows = view.rows.map((row) => row.map((text, at) => cell(sides[at] ?? "left", text)));
  return grid(view.caption, heads, rows);
}

type Side = "left" | "right";
type Head = readonly [name: string, side: Side];

function cell(side: Side, ...children: ReadonlyArray<Child>): HTMLElement {
  return element("td", { class: side }, ...children);
}

function grid(
  caption: string,
  heads: ReadonlyArray<Head>,
  rows: ReadonlyArray<ReadonlyArray<HTMLElement>>,
): Child {
  if (!rows.length) {
    return strong(caption);
  }
  const ths = heads.map(([name, side]) => element("th", { scope: "col", class: side }, name));
  const body = rows.map((row) => element("tr", {}, ...row));
  return element(
    "table",
    {},
    caption ? element("caption", {}, caption) : null,
    element("thead", {}, element("tr", {}, ...ths)),
    element("tbody", {}, ...body),
  );
}

function tree(view: Tree): Child[] {
  return [strong(view.caption), view.nodes.length ? nodes(view.nodes) : null];
}

function nodes(
  shown: ReadonlyArray<ViewNode>,
  after: ReadonlyArray<HTMLElement> = [],
): HTMLElement {
  const items = shown.map((node) => element("li", {}, ...branch(node)));
  return element("ul", {}, ...items, ...after);
}

/** What follows the children of a folder: pages of further ones, and how many are not there. */
function afterwards(node: ViewNode): HTMLElement[] {
  const items = pages(node).map(([words, page]) =>
    element("li", {}, details([pale(words)], () => nodes(page))),
  );
  if (node.omitted) {
    items.push(element("li", { class: "pale" }, more(node.omitted)));
  }
  return items;
}

/** A folder that draws its children when it is opened first: a layer may hold many thousands. */
function branch(node: ViewNode): Child[] {
  if (!node.children.length && !beyond(node)) {
    return nodeLine(node);
  }
  return [details(nodeLine(node), () => nodes(node.children, afterwards(node)))];
}

function nodeLine(node: ViewNode): Child[] {
  const sign = MARK_SIGNS[node.mark];
  return spaced(
    sign ? element("span", { class: `sign ${node.mark}`, title: node.mark }, sign) : null,
    element("code", {}, node.label),
    pale(node.text),
  );
}

function details(
  summary: ReadonlyArray<Child>,
  inside: () => HTMLElement,
  open = false,
): HTMLElement {
  const made = element("details", {}, element("summary", {}, ...summary));
  const fill = (): void => {
    if (made.childElementCount === 1) {
      made.append(inside());
    }
  };
  made.addEventListener("toggle", fill);
  if (open) {
    fill();
    made.open = true;
  }
  return made;
}

function steps(view: Steps): Child {
  const heads: Head[] = [
    ["State", "left"],
    ["Step", "left"],
    ["Time", "right"],
  ];
  const bars = view.steps.some((one) => one.length);
  if (bars) {
    heads.push(["When", "left"]);
  }
  const rows: HTMLElement[][] = [];
  let heading = "";
  for (const one of view.steps) {
    if (one.group && one.group !== heading) {
      const attributes = { scope: "rowgroup", colspan: String(heads.length), class: "left" };
      rows.push([element("th", attributes, one.group)]);
    }
    heading = one.group;
    rows.push(step(one, bars));
  }
  return grid(view.caption, heads, rows);
}

function step(one: Step, bars: boolean): HTMLElement[] {
  const sign = element("span", { class: `sign ${one.state}` }, STATE_SIGNS[one.state]);
  const remarks = one.remarks.map((remark) => element("div", { class: "pale" }, remark));
  const name = [element("code", {}, one.name), ...remarks];
  const open = one.state === "running" || one.state === "failed";
  const told = one.lines.length ? [details(name, () => lines(one.lines), open)] : name;
  const inside = one.group ? " inside" : "";
  const state = element("td", { class: `left state${inside}` }, ...spaced(sign, one.state));
  const cells = [state, cell("left", ...told), cell("right", one.time)];
  return bars ? [...cells, cell("left", timeBar(one))] : cells;
}

function meter(view: Meter): HTMLElement {
  const label = element("span", {}, view.label);
  return element("label", {}, ...spaced(label, bar(view), element("span", {}, view.text)));
}

function stack(view: Stack): Child {
  const heads: Head[] = [
    ["Size", "right"],
    ["Share", "left"],
    ["Layer, newest first", "left"],
  ];
  const bars = view.rows.some((row) => row.size || row.fraction);
  const rows = [...view.rows].reverse().map((row) => stackRow(row, bars));
  return grid(view.caption, bars ? heads : heads.slice(2), rows);
}

function stackRow(row: StackRow, bars: boolean): HTMLElement[] {
  const label = spaced(
    row.kind === "writable" ? element("em", {}, "writable") : null,
    element("code", {}, row.label),
    pale(row.text),
  );
  const told = row.nodes.length ? [details(label, () => nodes(row.nodes))] : label;
  const cells = [cell("right", row.size), cell("left", stackBar(row)), cell("left", ...told)];
  return bars ? cells : cells.slice(2);
}

function treemap(view: Treemap): Child[] {
  if (!view.strips.length) {
    return [strong(view.caption), view.caption ? ": " : null, "nothing that has a size"];
  }
  return [strong(view.caption), map(view)];
}

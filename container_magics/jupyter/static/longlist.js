// A list of very many rows: a tree to open, or a grid with buttons. Only the rows in sight are in
// the page, and rows are asked for as one comes near them. All text goes in as text. The kernel's
// side is container_magics/jupyter/longlist.py.
const ROW_PX = 26;
const MOST_PX = 16 * ROW_PX;
const AROUND = 12; // rows beyond the window, drawn before they are seen
const PART = 100; // rows are asked for in parts
const KEPT_PARTS = 60;
let lists = 0;

function element(kind, name, attributes = {}, text = "") {
  const made = document.createElement(kind);
  made.className = name;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}

class LongList {
  constructor(model, el) {
    this.model = model;
    this.id = `cm-longlist-${(lists += 1)}`;
    this.isTree = model.get("kind") === "tree";
    this.parts = new Map(); // number -> {version, rows}; the oldest first
    this.asked = new Set();
    this.drawn = new Map(); // index -> {row, node}
    this.at = 0; // the chosen row, and which of its buttons
    this.word = 0;
    this.key = null;
    this.canvas = element("div", "cm-longlist-rows", { role: "presentation" });
    this.window = element("div", "cm-longlist", {
      role: this.isTree ? "tree" : "grid",
      "aria-label": model.get("label"),
      tabindex: 0,
    });
    this.window.append(this.canvas);
    el.append(this.window);
    this.window.addEventListener("scroll", () => this.soon(), { passive: true });
    this.window.addEventListener("keydown", (event) => this.typed(event));
    this.window.addEventListener("click", (event) => this.clicked(event));
    this.changed = () => {
      this.asked.clear();
      this.soon();
    };
    model.on("change:version", this.changed);
    this.heard = (message) => this.take(message);
    model.on("msg:custom", this.heard);
    this.soon();
  }

  end() {
    this.model.off("change:version", this.changed);
    this.model.off("msg:custom", this.heard);
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  take({ begin, rows, version }) {
    if (version !== this.model.get("version")) return;
    this.asked.delete(begin / PART); // it may be dropped, and then asked for once more
    this.parts.delete(begin / PART);
    this.parts.set(begin / PART, { version, rows });
    if (this.parts.size > KEPT_PARTS) this.parts.delete(this.parts.keys().next().value);
    const found = rows.findIndex((row) => row.key === this.key);
    if (found >= 0) this.at = begin + found; // the chosen row has moved
    this.soon();
  }

  row(index) {
    const part = this.parts.get(Math.floor(index / PART));
    return part?.rows[index % PART];
  }

  ask(first, last) {
    const version = this.model.get("version");
    for (let part = Math.floor(first / PART); part * PART < last; part += 1) {
      if (this.parts.get(part)?.version === version || this.asked.has(part)) continue;
      this.asked.add(part);
      this.model.send({ ask: [part * PART, (part + 1) * PART], version });
    }
  }

  draw() {
    const count = this.model.get("count");
    this.at = Math.min(this.at, Math.max(0, count - 1));
    this.window.style.height = `${Math.min(MOST_PX, Math.max(1, count) * ROW_PX)}px`;
    this.canvas.style.height = `${count * ROW_PX}px`;
    this.window.setAttribute(this.isTree ? "aria-multiselectable" : "aria-rowcount", this.isTree ? "false" : count);
    const { scrollTop, clientHeight } = this.window;
    const first = Math.max(0, Math.floor(scrollTop / ROW_PX) - AROUND);
    const last = Math.min(count, Math.ceil((scrollTop + (clientHeight || MOST_PX)) / ROW_PX) + AROUND);
    const before = this.drawn;
    this.drawn = new Map();
    let moved = false;
    for (let index = first; index < last; index += 1) {
      const row = this.row(index);
      if (!row) continue;
      const old = before.get(index);
      moved ||= old?.row !== row;
      this.drawn.set(index, old?.row === row ? old : { row, node: this.node(index, row, count) });
    }
    if (moved || this.drawn.size !== before.size)
      this.canvas.replaceChildren(...[...this.drawn.values()].map(({ node }) => node));
    this.mark();
    if (last > first) this.ask(first, last);
  }

  node(index, row, count) {
    const node = element("div", "cm-longlist-row", {
      id: `${this.id}-${index}`,
      "data-index": index,
      ...(this.isTree
        ? { role: "treeitem", "aria-level": row.level, "aria-posinset": row.place, "aria-setsize": row.siblings }
        : { role: "row", "aria-rowindex": index + 1 }),
    });
    node.style.top = `${index * ROW_PX}px`;
    if (this.isTree) {
      if (row.open !== null) node.setAttribute("aria-expanded", String(row.open));
      node.style.paddingInlineStart = `${row.level * 1.2 - 0.8}em`;
      const arrow = row.open === null ? "" : row.open ? "▾" : "▸";
      node.append(element("span", "cm-longlist-arrow", { "aria-hidden": true }, arrow));
    }
    for (const text of row.cells)
      node.append(element("span", "cm-longlist-cell", { ...(this.isTree ? {} : { role: "gridcell" }), title: text }, text));
    row.words.forEach(([word, enabled], number) => {
      const cell = element("span", "cm-longlist-act", { role: "gridcell" });
      const label = `${word} ${row.cells[0]}`;
      const button = element("button", "cm-longlist-button", { tabindex: -1, title: label, "aria-label": label, "data-word": number }, word);
      button.id = `${this.id}-${index}-${number}`;
      button.disabled = !enabled;
      cell.append(button);
      node.append(cell);
    });
    return node;
  }

  mark() {
    for (const [index, { node }] of this.drawn) {
      const is = index === this.at;
      node.setAttribute("aria-selected", String(is));
      node.querySelectorAll("button").forEach((button, number) => {
        button.classList.toggle("cm-longlist-chosen", is && number === this.word);
      });
    }
    const id = `${this.id}-${this.at}${this.isTree ? "" : `-${this.word}`}`;
    if (this.drawn.has(this.at)) this.window.setAttribute("aria-activedescendant", id);
    else this.window.removeAttribute("aria-activedescendant");
  }

  choose(index) {
    this.at = Math.max(0, Math.min(this.model.get("count") - 1, index));
    this.key = this.row(this.at)?.key ?? null;
    const top = this.at * ROW_PX;
    const { scrollTop, clientHeight } = this.window;
    if (top < scrollTop) this.window.scrollTop = top;
    else if (top + ROW_PX > scrollTop + clientHeight) this.window.scrollTop = top + ROW_PX - clientHeight;
    this.mark();
    this.soon();
  }

  press() {
    const row = this.row(this.at);
    if (!row) return;
    const [word, enabled] = row.words[this.word] ?? ["", this.isTree];
    if (enabled) this.model.send({ press: row.key, word });
  }

  clicked(event) {
    const node = event.target.closest(".cm-longlist-row");
    if (!node) return;
    const button = event.target.closest("button");
    if (button) this.word = Number(button.dataset.word);
    this.choose(Number(node.dataset.index));
    this.window.focus({ preventScroll: true });
    if (button || this.isTree) this.press();
  }

  typed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.floor(this.window.clientHeight / ROW_PX) - 1;
    const row = this.row(this.at);
    const moves = {
      ArrowDown: () => this.choose(this.at + 1),
      ArrowUp: () => this.choose(this.at - 1),
      PageDown: () => this.choose(this.at + page),
      PageUp: () => this.choose(this.at - page),
      Home: () => this.choose(0),
      End: () => this.choose(this.model.get("count") - 1),
      ArrowRight: () => this.sideways(row, 1),
      ArrowLeft: () => this.sideways(row, -1),
      Enter: () => this.press(),
      " ": () => this.press(),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook would move to another cell
    moves[event.key]();
  }

  sideways(row, way) {
    if (!row) return;
    if (!this.isTree) {
      this.word = Math.max(0, Math.min(row.words.length - 1, this.word + way));
      this.mark();
    } else if (row.open === way < 0) {
      this.press(); // right opens what is shut, left shuts what is open
    } else if (way > 0 && row.open) {
      this.choose(this.at + 1);
    } else if (way < 0) {
      let above = this.at - 1;
      while (above > 0 && (this.row(above)?.level ?? row.level) >= row.level) above -= 1;
      if (row.level > 1) this.choose(above);
    }
  }
}

export default {
  render({ model, el }) {
    const list = new LongList(model, el);
    return () => list.end();
  },
};

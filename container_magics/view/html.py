"""A View as static HTML that needs no script, no style sheet and no kernel.

Only tags, attributes and styles that JupyterLab keeps in an untrusted notebook (its
``apputils/src/sanitizer.ts``, 4.6): no aria-*, no currentColor behind things, no var() there.
GitHub drops the styles too, so every fact stands in words; bars and colours only repeat it.
Colours are half transparent, for dark pages and light ones. The text keeps the page's colour.
"""

from __future__ import annotations

from collections.abc import Sequence

from container_magics.view.mapped import treemap
from container_magics.view.markup import tag as _tag
from container_magics.view.markup import text as _text
from container_magics.view.model import (
    Group,
    Level,
    Mark,
    Meter,
    Node,
    Note,
    Stack,
    StackRow,
    Step,
    Steps,
    StepState,
    Table,
    Tree,
    Treemap,
    View,
)
from container_magics.view.plain import (
    CRITICAL,
    MARK_SIGNS,
    STATE_SIGNS,
    beyond,
    clipped,
    measured,
    more,
    pages,
    span,
)

LEVEL_NAMES: dict[Level, str] = {
    "info": "",
    "ok": "✓",
    "warning": "Warning:",
    "error": "Error:",
}
GREY, BLUE = "rgba(128,128,128,0.5)", "rgba(33,120,220,0.75)"
GREEN, AMBER, RED = "rgba(40,160,70,0.8)", "rgba(230,150,0,0.85)", "rgba(220,60,50,0.85)"
LEVEL_COLOURS: dict[Level, str] = {"info": BLUE, "ok": GREEN, "warning": AMBER, "error": RED}
MARK_COLOURS: dict[Mark, str] = {"": GREY, "added": GREEN, "changed": AMBER, "hidden": RED}
STATE_COLOURS: dict[StepState, str] = {
    "waiting": GREY,
    "running": BLUE,
    "done": GREEN,
    "cached": GREY,
    "failed": RED,
    "cancelled": AMBER,
}

# The last two keep MathJax away (JupyterLab, nbconvert): `$HOME:$PATH` is no formula.
CLASSES = "container-magics tex2jax_ignore mathjax_ignore"
CELL = "vertical-align:top;padding:0.15em 0.6em;"
WHOLE = "white-space:nowrap"
LEFT, RIGHT = CELL + "text-align:left", CELL + "text-align:right;" + WHOLE
INSIDE = LEFT + ";" + WHOLE + ";padding-left:1.8em"
TRACK = "width:12em;white-space:nowrap;line-height:1"
TABLE = "border-collapse:collapse;margin:0"
CAPTION = "caption-side:top;text-align:left;font-weight:bold"
LINES = "margin:0;padding:0 0 0 0.8em;white-space:pre-wrap;font-size:90%"
LIST = "list-style:none;margin:0;padding-left:1.4em"
PALE = "opacity:0.75"
REMARK = "font-size:90%;" + PALE


def html(view: View) -> str:
    """The view as one ``div``. The same view always gives the same text."""
    return _tag("div", _view(view), **{"class": CLASSES})


def _prose(text: str) -> str:
    """A sentence of ours: what stands between two backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _text(text)
    return "".join(
        _tag("code", _text(part)) if number % 2 else _text(part)
        for number, part in enumerate(parts)
    )


def _strong(text: str) -> str:
    return _tag("strong", _text(text)) if text else ""


def _view(view: View) -> str:
    match view:
        case Note():
            return _note(view)
        case Table():
            return _table(view)
        case Tree():
            return _tree(view)
        case Steps():
            return _steps(view)
        case Meter():
            return _meter(view)
        case Stack():
            return _stack(view)
        case Treemap():
            return treemap(view)
        case Group():
            return _group(view)


def _group(group: Group) -> str:
    views = (_tag("div", _view(view), style="margin:0.4em 0") for view in group.views)
    return _strong(group.title) + "".join(views)


def _note(note: Note) -> str:
    word = LEVEL_NAMES[note.level]
    parts = [_tag("strong", _text(word)) + " " if word else "", _prose(note.text)]
    if note.hint:
        parts.append(_tag("div", _prose(note.hint), style="margin-top:0.2em"))
    if note.facts:
        facts = "\n".join(_text(fact) for fact in note.facts)
        parts.append(_tag("pre", facts, style=LINES + ";" + PALE))
    edge = f"border-left:3px solid {LEVEL_COLOURS[note.level]};padding:0.1em 0.7em"
    return _tag("div", "".join(parts), style=edge)


def _table(table: Table) -> str:
    if not table.rows:
        colon = ": " if table.caption else ""
        return _tag("div", _strong(table.caption) + colon + _text(table.empty))
    styles = [RIGHT if column.align == "right" else LEFT for column in table.columns]
    names = [column.name for column in table.columns]
    rows = [
        "".join(
            _tag("td", _text(cell), style=style) for cell, style in zip(row, styles, strict=True)
        )
        for row in table.rows
    ]
    return _grid(table.caption, list(zip(names, styles, strict=True)), rows)


def _grid(caption: str, heads: Sequence[tuple[str, str]], rows: Sequence[str]) -> str:
    """A table, or the caption alone where there are no rows.

    ``heads`` are (name, style) pairs, ``rows`` the cells of each row as HTML.
    """
    if not rows:
        return _strong(caption)
    named = _tag("caption", _text(caption), style=CAPTION) if caption else ""
    ths = "".join(_tag("th", _text(name), scope="col", style=style) for name, style in heads)
    body = "".join(_tag("tr", row) for row in rows)
    inside = named + _tag("thead", _tag("tr", ths)) + _tag("tbody", body)
    return _tag("table", inside, style=TABLE)


def _tree(tree: Tree) -> str:
    return _strong(tree.caption) + _nodes(tree.nodes)


def _nodes(nodes: Sequence[Node], depth: int = 0, after: Sequence[str] = ()) -> str:
    """A list of nodes, and ``after`` them items that are HTML already."""
    items = [_tag("li", _node(node, depth)) for node in nodes]
    return _tag("ul", "".join([*items, *after]), style=LIST) if items or after else ""


def _node(node: Node, depth: int) -> str:
    drawn = clipped(node, depth)
    if not drawn.children and not beyond(drawn):
        return _node_line(drawn)
    after = [
        _tag("li", _details(_tag("span", _text(words), style=PALE), _nodes(page, depth + 1)))
        for words, page in pages(drawn)
    ]
    if drawn.omitted:
        after.append(_tag("li", _text(more(drawn.omitted)), style=PALE))
    return _details(_node_line(drawn), _nodes(drawn.children, depth + 1, after))


def _details(summary: str, inside: str, *, is_open: bool = False) -> str:
    return _tag("details", _tag("summary", summary) + inside, open="open" if is_open else "")


def _node_line(node: Node) -> str:
    parts = [_tag("code", _text(node.label))]
    if sign := MARK_SIGNS[node.mark]:
        parts.insert(0, _sign(sign, node.mark, MARK_COLOURS[node.mark]))
    if node.text:
        parts.append(_tag("span", _text(node.text), style=PALE))
    return " ".join(parts)


def _sign(sign: str, meaning: str, colour: str) -> str:
    style = f"border-bottom:2px solid {colour};font-weight:bold"
    return _tag("span", _text(sign), title=meaning, style=style)


def _steps(steps: Steps) -> str:
    heads = [("State", LEFT), ("Step", LEFT), ("Time", RIGHT)]
    bars = any(step.length for step in steps.steps)
    if bars:
        heads.append(("When", LEFT))
    rows: list[str] = []
    group = ""
    for step in steps.steps:
        if step.group and step.group != group:
            width = str(len(heads))
            rows.append(_tag("th", _text(step.group), scope="rowgroup", colspan=width, style=LEFT))
        group = step.group
        rows.append(_step(step, bars=bars))
    return _grid(steps.caption, heads, rows)


def _step(step: Step, *, bars: bool) -> str:
    state = _sign(STATE_SIGNS[step.state], step.state, STATE_COLOURS[step.state])
    told = "".join(_tag("div", _text(remark), style=REMARK) for remark in step.remarks)
    name = _tag("code", _text(step.name)) + told
    if step.lines:
        lines = _tag("pre", "\n".join(_text(line) for line in step.lines), style=LINES)
        name = _details(name, lines, is_open=step.state in ("running", "failed"))
    style = INSIDE if step.group else LEFT + ";" + WHOLE
    cells = [(f"{state} {step.state}", style), (name, LEFT), (_text(step.time), RIGHT)]
    if bars:
        cells.append((_time_bar(step), LEFT + ";" + WHOLE))
    return "".join(_tag("td", cell, style=style) for cell, style in cells)


def _time_bar(step: Step) -> str:
    """Where the step lies in the whole's time: a gap, a box, and a mark if all waited for it."""
    begin, length = span(step)
    look = f"background-color:{RED if step.state == 'failed' else BLUE}"
    boxes = _box(begin, "") + _box(length, look) if length else ""
    track = _tag("span", boxes, style="display:inline-block;" + TRACK)
    mark = _sign(CRITICAL, "critical path", AMBER) if step.critical else ""
    return f"{track} {mark}" if mark else track


def _meter(meter: Meter) -> str:
    words = (_tag("span", _text(meter.label)), _bar_of(meter), _tag("span", _text(meter.text)))
    return _tag("label", " ".join(words))


def _bar_of(meter: Meter) -> str:
    if meter.fraction is None:
        return _tag("progress", title=meter.label)
    value = f"{_clamped(meter.fraction):.4g}"
    return _tag("meter", min="0", max="1", value=value, title=meter.label)


def _stack(stack: Stack) -> str:
    heads = [("Size", RIGHT), ("Share", LEFT), ("Layer, newest first", LEFT)]
    bars = measured(stack.rows)
    rows = [_stack_row(row, bars=bars) for row in reversed(stack.rows)]
    return _grid(stack.caption, heads if bars else heads[2:], rows)


def _stack_row(row: StackRow, *, bars: bool) -> str:
    label = _tag("code", _text(row.label))
    if row.kind == "writable":
        label = _tag("em", "writable") + " " + label
    if row.text:
        label += " " + _tag("span", _text(row.text), style=PALE)
    if row.nodes:
        label = _details(label, _nodes(row.nodes))
    cells = [(_text(row.size), RIGHT), (_stack_bar(row), LEFT), (label, LEFT)]
    shown = cells if bars else cells[2:]
    return "".join(_tag("td", cell, style=style) for cell, style in shown)


def _stack_bar(row: StackRow) -> str:
    """Two boxes in one of 12 em: what is seen, and framed after it what a later layer hides."""
    whole = _clamped(row.fraction)
    hidden = whole * _clamped(row.hidden)
    colour = GREEN if row.kind == "writable" else BLUE
    boxes = _box(whole - hidden, f"background-color:{colour}")
    if hidden:
        boxes += _box(hidden, f"border:1px dashed {GREY};box-sizing:border-box", "hidden")
    return _tag("div", boxes, style=TRACK)


def _box(fraction: float, look: str, title: str = "") -> str:
    if not fraction:
        return ""
    style = f"display:inline-block;height:0.9em;min-width:2px;width:{100 * fraction:.4g}%;{look}"
    return _tag("span", title=title, style=style)


def _clamped(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)

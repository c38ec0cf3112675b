"""A View as text: for terminals, for nbval, and where a front end shows no HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from container_magics.view.cells import BAR, bar_of, blocks_of, cells, fit
from container_magics.view.cells import visible as visible
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

WIDTH = 100
GAP = "  "
CRITICAL = "◆"
DEEPEST = 40
PAGE = 200
STACK_LEVELS = 3
STACK_CHILDREN = 4

LEVEL_WORDS: dict[Level, str] = {
    "info": "",
    "ok": "✓ ",
    "warning": "Warning: ",
    "error": "Error: ",
}
MARK_SIGNS: dict[Mark, str] = {"": "", "added": "+", "changed": "~", "hidden": "-"}
STATE_SIGNS: dict[StepState, str] = {
    "waiting": "○",
    "running": "▶",
    "done": "✓",
    "cached": "✓",
    "failed": "✗",
    "cancelled": "–",
}


def plain(view: View) -> str:
    """The view as lines without a last newline, about 100 columns wide at most.

    A table's cells are cut with an ellipsis where they do not fit; facts and the output of
    steps are given whole, since they are there to be copied.
    """
    return "\n".join(line.rstrip() for line in _lines(view))


def clipped(node: Node, depth: int) -> Node:
    """The node as it is drawn ``depth`` levels under the top: without children below ``DEEPEST``.

    They are counted as omitted. An image's archive may nest folders a thousand deep.
    """
    if depth < DEEPEST or not (node.children or node.further):
        return node
    return replace(node, children=(), further=(), omitted=beyond(node) + len(node.children))


def beyond(node: Node) -> int:
    """How many children do not stand right under the node."""
    return len(node.further) + node.omitted


def pages(node: Node) -> Iterator[tuple[str, tuple[Node, ...]]]:
    """The node's further children by pages, with the words that stand over each."""
    whole = len(node.children) + beyond(node)
    for start in range(0, len(node.further), PAGE):
        page = node.further[start : start + PAGE]
        yield f"the next {len(page):,} of {whole:,}", page


def more(omitted: int) -> str:
    """What stands for children that are not shown."""
    return f"… {omitted:,} more"


def state_text(step: Step) -> str:
    """A step's state and time in words; "done" goes without saying when the time is known."""
    word = "" if step.state == "done" and step.time else step.state
    return " ".join(part for part in (word, visible(step.time)) if part)


def span(step: Step) -> tuple[float, float]:
    """(begin, length) of a step's bar, both within the whole: 0.0 to 1.0 together."""
    begin = min(max(step.begin, 0.0), 1.0)
    return begin, min(max(step.length, 0.0), 1.0 - begin)


def measured(rows: Sequence[StackRow]) -> bool:
    """Whether any row has a size or a bar to draw."""
    return any(row.size or row.fraction for row in rows)


def _lines(view: View) -> Iterator[str]:
    match view:
        case Note():
            yield from _note(view)
        case Table():
            yield from _table(view)
        case Tree():
            yield from _captioned(view.caption, _nodes(view.nodes, 0))
        case Steps():
            yield from _captioned(view.caption, _steps(view.steps))
        case Meter():
            yield _meter(view)
        case Stack():
            yield from _captioned(view.caption, _stack(view.rows))
        case Treemap():
            yield from _captioned(view.caption, _treemap(view))
        case Group():
            yield from _group(view)


def _captioned(caption: str, lines: Iterator[str]) -> Iterator[str]:
    if caption:
        yield visible(caption)
    yield from lines


def _group(group: Group) -> Iterator[str]:
    if group.title:
        yield visible(group.title)
        yield "─" * min(WIDTH, cells(visible(group.title)))
    for number, view in enumerate(group.views):
        if number:
            yield ""
        yield from _lines(view)


def _note(note: Note) -> Iterator[str]:
    yield from _wrapped(LEVEL_WORDS[note.level] + visible(note.text))
    if note.hint:
        yield from _wrapped(visible(note.hint))
    for fact in note.facts:
        yield GAP + visible(fact)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False) or [""]


def _table(table: Table) -> Iterator[str]:
    if table.caption:
        yield visible(table.caption)
    if not table.rows:
        yield visible(table.empty)
        return
    heads = [visible(column.name) for column in table.columns]
    rows = [[visible(cell) for cell in row] for row in table.rows]
    widths = _widths([heads, *rows])
    yield _row(heads, widths, table)
    yield GAP.join("─" * width for width in widths)
    for row in rows:
        yield _row(row, widths, table)


def _row(cells: Sequence[str], widths: Sequence[int], table: Table) -> str:
    return GAP.join(
        fit(cell, width, right=column.align == "right")
        for cell, width, column in zip(cells, widths, table.columns, strict=True)
    )


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Each column as wide as its widest cell, the widest ones cut until the row fits."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    room = max(WIDTH - len(GAP) * (len(widths) - 1), 8 * len(widths))
    while sum(widths) > room:
        widest = widths.index(max(widths))
        second = max([width for width in widths if width < widths[widest]], default=0)
        widths[widest] -= min(sum(widths) - room, max(1, widths[widest] - second))
    return widths


def _nodes(nodes: Sequence[Node], omitted: int, depth: int = 0) -> Iterator[str]:
    total = len(nodes) + bool(omitted)
    for number, node in enumerate(nodes, start=1):
        branch, rail = _branch(last=number == total)
        drawn = clipped(node, depth)
        yield branch + _node(drawn)
        yield from (rail + line for line in _nodes(drawn.children, beyond(drawn), depth + 1))
    if omitted:
        yield "└─ " + more(omitted)


def _branch(*, last: bool) -> tuple[str, str]:
    """What stands before a thing in a tree, and before the lines under it."""
    return ("└─ ", "   ") if last else ("├─ ", "│  ")


def _node(node: Node) -> str:
    parts = (MARK_SIGNS[node.mark], visible(node.label), "", visible(node.text))
    return " ".join(parts if node.text else parts[:2]).strip()


def _steps(steps: Sequence[Step]) -> Iterator[str]:
    """A tree of the groups; steps of no group stand at its edge, their times in line with all."""
    right = max((cells(state_text(step)) for step in steps), default=0)
    bars = any(step.length for step in steps)
    indent = len(_branch(last=True)[0]) if any(step.group for step in steps) else 0
    room = WIDTH - indent - right - 6 - (BAR + 2 * len(GAP) if bars else 0)
    left = min(room, max((cells(visible(step.name)) for step in steps), default=0))
    groups = ["", *(step.group for step in steps), ""]
    for step, before, after in zip(steps, groups, groups[2:], strict=False):
        if step.group and step.group != before:
            yield visible(step.group)
        branch, rail = _branch(last=after != step.group) if step.group else ("", "")
        name = fit(visible(step.name), left if step.group else left + indent)
        yield branch + _step(step, name, right, bars=bars)
        yield from (f"{rail}  ↳ {visible(remark)}" for remark in step.remarks)
        yield from (f"{rail}  │ {visible(line)}" for line in step.lines)


def _step(step: Step, name: str, right: int, *, bars: bool) -> str:
    parts = [f"{STATE_SIGNS[step.state]} {name}", fit(state_text(step), right, right=True)]
    parts += [_time_bar(step)] if bars else []
    parts += [CRITICAL] if step.critical else []
    return GAP.join(parts)


def _time_bar(step: Step) -> str:
    """Where the step lies in the whole's time; at least one block for one that has a length."""
    begin, length = span(step)
    blocks = blocks_of(length, BAR)
    first = min(int(begin * BAR), BAR - blocks)
    return "·" * first + "█" * blocks + "·" * (BAR - first - blocks)


def _meter(meter: Meter) -> str:
    bar = "…" if meter.fraction is None else bar_of(meter.fraction).ljust(BAR, "·")
    return GAP.join(part for part in (visible(meter.label), bar, visible(meter.text)) if part)


def _stack(rows: Sequence[StackRow]) -> Iterator[str]:
    sizes = max((cells(visible(row.size)) for row in rows), default=0)
    bars = measured(rows)
    indent = " " * (sizes + BAR + 2 * len(GAP)) if bars else GAP
    for row in reversed(rows):
        size = fit(visible(row.size), sizes, right=True)
        before = f"{size}{GAP}{bar_of(row.fraction, row.hidden).ljust(BAR)}{GAP}" if bars else ""
        yield before + fit(_stack_label(row), WIDTH - len(before)).rstrip()
        if row.text:
            yield indent + fit(visible(row.text), WIDTH - len(indent)).rstrip()
        yield from (indent + line for line in _nodes([_shallow(node, 1) for node in row.nodes], 0))


def _treemap(view: Treemap) -> Iterator[str]:
    """A line for each box, its bar as long as its share of the largest."""
    tiles = [(one, one.width * strip.height) for strip in view.strips for one in strip.tiles]
    if not tiles:
        yield "nothing that has a size"
        return
    largest = max(area for _, area in tiles)
    sizes = max(cells(visible(tile.size)) for tile, _ in tiles)
    for tile, area in tiles:
        bar = bar_of(area / largest if largest > 0 else 0.0).ljust(BAR)
        before = fit(visible(tile.size), sizes, right=True) + GAP + bar + GAP
        yield before + fit(visible(tile.label), WIDTH - len(before)).rstrip()


def _stack_label(row: StackRow) -> str:
    return ("(writable) " if row.kind == "writable" else "") + visible(row.label)


def _shallow(node: Node, level: int) -> Node:
    """The node with its first few children, a few levels deep: text cannot be folded."""
    kept = node.children[:STACK_CHILDREN] if level < STACK_LEVELS else ()
    return replace(
        node,
        children=tuple(_shallow(child, level + 1) for child in kept),
        further=(),
        omitted=beyond(node) + len(node.children) - len(kept),
    )

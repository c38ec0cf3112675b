"""A View: what is worth saying, as plain data.

A view holds no markup, no callables and no numbers that still need a unit: text is
formatted once, by ``present``, so that the four doors (text, static HTML, the MIME bundle,
widgets) cannot disagree. Fractions (0.0 to 1.0) are there for bars alone.

``labextension/src/view.ts`` is generated from this module (``make view-ts``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["info", "ok", "warning", "error"]
Align = Literal["left", "right"]
Mark = Literal["", "added", "changed", "hidden"]
StepState = Literal["waiting", "running", "done", "cached", "failed", "cancelled"]
RowKind = Literal["layer", "empty", "writable"]


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence; ``hint`` says what to do ("" for nothing), ``facts`` are lines under it."""

    text: str
    level: Level = "info"
    hint: str = ""
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading; numbers are aligned right."""

    name: str
    align: Align = "left"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the order given, each as long as ``columns``. ``empty`` is said for no rows."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    empty: str = "none"


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a tree. ``further`` children follow ``children`` under more folds, a page in each;
    ``omitted`` counts those that are not shown at all, 0 for none."""

    label: str
    text: str = ""
    mark: Mark = ""
    children: tuple[Node, ...] = ()
    omitted: int = 0
    further: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """A forest to open; the order of ``nodes`` is the order shown."""

    nodes: tuple[Node, ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of work. ``time`` is text ("1.2 s", "" for unknown), ``lines`` its last output.

    ``remarks`` are short: what it waits for, why it ran again. ``begin`` and ``length`` place it
    in the whole work's time (0.0 to 1.0); length 0.0 is no bar. ``critical`` steps are those that
    the whole had to wait for.
    """

    name: str
    state: StepState
    time: str = ""
    lines: tuple[str, ...] = ()
    group: str = ""
    remarks: tuple[str, ...] = ()
    begin: float = 0.0
    length: float = 0.0
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps in the order shown; those of one group stand together."""

    steps: tuple[Step, ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Meter:
    """How far a thing is. ``fraction`` is 0.0 to 1.0, None while the whole is unknown."""

    label: str
    fraction: float | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class StackRow:
    """One layer. ``fraction`` is its share of the widest bar, ``hidden`` the part of that bar
    (0.0 to 1.0) which a later layer hides; ``nodes`` open under it."""

    label: str
    size: str
    fraction: float
    hidden: float = 0.0
    kind: RowKind = "layer"
    text: str = ""
    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Stack:
    """Layers, oldest first; drawn with the oldest at the bottom. Where no row has a size and
    none a bar, neither is drawn."""

    rows: tuple[StackRow, ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A box of a treemap. ``width`` is its share of its strip (0.0 to 1.0)."""

    label: str
    size: str
    width: float


@dataclass(frozen=True, slots=True)
class Strip:
    """Boxes side by side. ``height`` is the strip's share of the map (0.0 to 1.0)."""

    tiles: tuple[Tile, ...]
    height: float


@dataclass(frozen=True, slots=True)
class Treemap:
    """Sizes as areas, in strips from top to bottom."""

    strips: tuple[Strip, ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Views under one another, with a title ("" for none)."""

    views: tuple[View, ...]
    title: str = ""


View = Note | Table | Tree | Steps | Meter | Stack | Treemap | Group

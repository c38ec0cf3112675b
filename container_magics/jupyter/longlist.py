"""A widget for a list of any length: a tree to open, or a grid with buttons in each row.

Its state has the number of rows alone. The page asks for the rows that come into sight, and says
what was pressed; what it sends is not trusted. static/longlist.js draws them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import anywidget
from traitlets import Int, Unicode

STATIC = Path(__file__).parent / "static"
MOST_ROWS = 500_000
"""More are not shown: at some height browsers no longer scroll."""
MOST_ASKED = 500


class Line(NamedTuple):
    """A row. ``key`` stays its own when it moves.

    ``level`` (outermost 1), ``open`` (None for what cannot be opened), and ``place`` (from 1) among
    so many ``siblings`` are a tree's; ``words`` are a grid's: what its buttons say, and whether
    each may be pressed now.
    """

    key: str
    cells: tuple[str, ...]
    level: int = 1
    open: bool | None = None
    words: tuple[tuple[str, bool], ...] = ()
    place: int = 1
    siblings: int = 1


Rows = Callable[[int, int], list[Line]]
Press = Callable[[str, str], None]


class LongList(anywidget.AnyWidget):
    """The widget. ``show`` it how many rows there are, each time that one has changed."""

    _esm = STATIC / "longlist.js"
    _css = STATIC / "longlist.css"
    count = Int(0).tag(sync=True)
    version = Int(0).tag(sync=True)
    kind = Unicode("tree").tag(sync=True)
    label = Unicode("").tag(sync=True)

    def __init__(self, kind: Literal["tree", "grid"], label: str, rows: Rows, press: Press):
        """``rows`` gives those from one index to before another; ``press`` takes a row's key and
        a button's word, "" for the row itself. Both are called in the kernel's main thread."""
        super().__init__(kind=kind, label=label)
        self._rows, self._press = rows, press
        self.on_msg(self._heard)

    def show(self, count: int) -> None:
        """Let the page ask again for the rows that are in sight; there are ``count`` now."""
        with self.hold_sync():
            self.count = min(count, MOST_ROWS)
            self.version += 1

    def _heard(self, _: object, content: Any, _buffers: object) -> None:
        match content:
            case {"ask": [int(begin), int(end)], "version": int(version)}:
                if 0 <= begin <= end <= begin + MOST_ASKED and version == self.version:
                    rows = [one._asdict() for one in self._rows(begin, min(end, self.count))]
                    self.send({"begin": begin, "version": version, "rows": rows})
            case {"press": str(key), "word": str(word)}:
                self._press(key, word)

"""%layers -w: the file system after each layer, to walk, search and narrow.

The browser has only the names that are in sight (longlist.py). Of a container the own layer lives:
what is written in it appears.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import ipywidgets as w

from container_magics.core.layerexplore import CHOICES, Step
from container_magics.core.layertree import LayerTree
from container_magics.core.pathtree import Folder
from container_magics.errors import ContainerMagicsError
from container_magics.jupyter import longlist
from container_magics.jupyter.longlist import Line, LongList
from container_magics.jupyter.still import with_still
from container_magics.jupyter.widgets import dismiss
from container_magics.jupyter.workbench import Workbench
from container_magics.session.layerwatch import growing
from container_magics.view.html import html
from container_magics.view.model import Note
from container_magics.view.present import layerexplore as present
from container_magics.view.present import layers as layers_view
from container_magics.view.present.treemap import treemap

TILES = 60
"""So many boxes has the map at most."""
WIDE = {"width": "auto", "flex": "1 1 auto", "min_width": "0"}
Growing = Callable[[threading.Event], Generator[LayerTree, None, None]]
"""Gives the tree anew each time that the container has changed, until the event is set."""

Place = tuple[int, bytes, Folder, int, int]
"""A row: its level, the folder that it is in, itself, its place in that folder (from 1), and how
many are in it."""


class Explorer(w.VBox):  # type: ignore[misc]  # ipywidgets is untyped
    """The whole of it. ``close()`` ends its thread; so does the end of the session."""

    children: Any

    def __init__(self, tree: LayerTree, image: str, growing: Growing | None = None) -> None:
        """``growing`` gives later trees of a container; None for an image."""
        self.tree, self._image = tree, image
        self.opened: set[bytes] = set()
        self._told: bytes | None = None
        self._lock, self._over = threading.RLock(), threading.Event()
        steps = len(tree.layers)
        self._slider = w.IntSlider(
            steps, 1, max(steps, 1), description="layer", layout=w.Layout(**WIDE)
        )
        self._slider.continuous_update = False
        self._search = w.Text(
            description="search", placeholder="part of a path", continuous_update=False
        )
        self._choice = w.Dropdown(options=list(CHOICES), value="all", description="show")
        self._standing, self._owner = w.Label(layout=w.Layout(**WIDE)), w.HTML()
        self._lines: list[Place] = []
        self._tree = LongList("tree", f"the files of {image}", self.rows, self.press)
        self._map, self._tabs = w.HTML(), w.Tab()
        self._tabs.children = (self._tree, self._map)
        self._tabs.titles = ("tree", "map")  # as many as there are children, so after them
        self._tabs.selected_index = 0
        self._tabs.observe(lambda _: self._draw_map(), "selected_index")
        for control in (self._slider, self._search, self._choice):
            control.observe(lambda _: self.draw(), "value")
        controls = w.HBox([self._search, self._choice])
        super().__init__([self._slider, controls, self._standing, self._tabs, self._owner])
        self.draw()
        if growing is not None:
            self._follow(growing)

    def draw(self) -> None:
        """Show the file system where the slider stands."""
        with self._lock:
            if self._over.is_set():
                return
            at = self._slider.value - 1
            self.step = Step(self.tree, at, self._choice.value, self._search.value.strip())
            if self._told is not None:
                self.tell_owner(self._told)
            self._draw_map()
            self._unfold()

    def _unfold(self) -> None:
        """Lay the names of opened folders under them, in the order shown."""
        self._lines = []
        waiting = self._inside(1, b"")
        while waiting:
            line = waiting.pop()
            self._lines.append(line)
            if self.opened and (path := path_of(line)) in self.opened:
                waiting += self._inside(line[0] + 1, path)
        self._tree.show(len(self._lines))
        said = present.standing(self.tree, self._slider.value - 1, self.step.count)
        if len(self._lines) > longlist.MOST_ROWS:
            said += f"; the first {longlist.MOST_ROWS:,} rows are shown"
        self._standing.value = said

    def _inside(self, level: int, folder: bytes) -> list[Place]:
        nodes = self.step.nodes(folder)
        count = len(nodes)
        return [(level, folder, nodes[at], at + 1, count) for at in range(count - 1, -1, -1)]

    def rows(self, begin: int, end: int) -> list[Line]:
        """The names from one row to before another."""
        with self._lock:
            return [self._line(*line) for line in self._lines[begin:end]]

    def _line(self, level: int, folder: bytes, node: Folder, place: int, siblings: int) -> Line:
        item = self.step.item(folder, node)
        is_open = item.path in self.opened if item.is_folder else None
        texts = present.label(item), present.remark(item, self.tree)
        path = item.path.decode("latin-1")
        return Line(path, texts, level, is_open, place=place, siblings=siblings)

    def press(self, key: str, _word: str = "") -> None:
        """Open or close a folder; say who owns what is pressed. ``key``: its path's bytes."""
        path = key.encode("latin-1", "replace")
        with self._lock:
            line = next((one for one in self._lines if path_of(one) == path), None)
            if line is None or self._over.is_set():
                return
            item = self.step.item(*line[1:3])
            if item.is_folder:
                self.opened ^= {item.path}
                self._unfold()
            self.tell_owner(item.path)

    def _draw_map(self) -> None:
        """Show what is large, while the map's tab is the open one."""
        with self._lock:
            if self._tabs.selected_index == 1 and not self._over.is_set():
                view = treemap(self.step.parts(TILES), "The largest of what the tree has")
                self._map.value = html(view)

    def tell_owner(self, path: bytes) -> None:
        """Say which layers touched a path."""
        self._told = path
        text = "/" + path.decode("utf-8", "surrogateescape")
        self._owner.value = html(layers_view.owner(self.tree, text))

    def _follow(self, growing: Growing) -> None:
        def watch() -> None:
            try:
                for tree in growing(self._over):
                    with self._lock:
                        self.tree = tree
                        self.draw()
            except ContainerMagicsError as error:
                self._owner.value = html(Note(str(error), "info", hint=error.hint))

        atexit.register(self._over.set)
        threading.Thread(target=watch, daemon=True, name="container-magics layers").start()

    def close(self) -> None:
        """End the thread, and every widget."""
        self._over.set()
        atexit.unregister(self._over.set)
        with self._lock:
            for part in self.children:
                dismiss(part)
        super().close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        view = present.still(layers_view.layers(self.tree, self._image))
        return with_still(self, super()._repr_mimebundle_(**options), view)


def path_of(line: Place) -> bytes:
    """The path of a name, as an Entry has it."""
    _, folder, node, *_ = line
    return folder + b"/" + node.name if folder else node.name


def explorer(bench: Workbench, tree: LayerTree, image: str) -> Explorer:
    """The explorer of an image or a container; the one before it is closed."""
    if bench.explorer is not None:
        bench.explorer.close()
    is_container = bool(tree.layers) and tree.layers[-1].writable
    follow = partial(growing, bench.engine, image, tree) if is_container else None
    made = bench.explorer = Explorer(tree, image, follow)
    return made

"""%layers -w: the file system after each layer, to walk, search and narrow.

Only what is open is sent to the browser: a folder's names are fetched when it is opened, and a
large folder comes in parts. Of a container the own layer lives: what is written in it appears.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import ipywidgets as w

from container_magics.core.layerexplore import CHOICES, Item, Step
from container_magics.core.layertree import LayerTree
from container_magics.core.units import size
from container_magics.errors import ContainerMagicsError
from container_magics.jupyter.widgets import dismiss
from container_magics.jupyter.workbench import Workbench
from container_magics.session.layerwatch import growing
from container_magics.view.html import html
from container_magics.view.model import Note, View
from container_magics.view.plain import plain
from container_magics.view.present import layerexplore as present
from container_magics.view.present import layers as layers_view
from container_magics.view.present.treemap import treemap

PART = 40
"""So many names of a folder are shown at once."""
TILES = 60
"""So many boxes has the map at most."""
WIDE = {"width": "auto", "flex": "1 1 auto", "min_width": "0"}
Growing = Callable[[threading.Event], Generator[LayerTree, None, None]]
"""Gives the tree anew each time that the container has changed, until the event is set."""


class Names(w.VBox):  # type: ignore[misc]  # ipywidgets is untyped
    """The names of one folder, those of opened folders under them."""

    children: Any

    def __init__(self, explorer: Explorer, folder: bytes) -> None:
        self._explorer, self._folder, self._shown = explorer, folder, PART
        self._rows: dict[bytes, Name] = {}
        self._more = w.Button(layout=w.Layout(width="auto"))
        self._more.on_click(lambda _: self.grow())
        super().__init__(layout=w.Layout(margin="0 0 0 1.2em"))
        self.update()

    def grow(self) -> None:
        """Show some more of them."""
        self._shown += PART
        self.update()

    def update(self) -> None:
        """Show what the folder holds now. A name that stays keeps its row, and the focus."""
        items = self._explorer.step.items(self._folder)
        before, self._rows = self._rows, {}
        for item in items[: self._shown]:
            row = before.pop(item.path, None)
            if row is None:
                row = Name(self._explorer, item)
            else:
                row.update(item)
            self._rows[item.path] = row
        rows: list[w.Widget] = list(self._rows.values())
        if left := len(items) - len(rows):
            left_bytes = sum(item.size_bytes for item in items[len(rows) :])
            self._more.description = f"… and {left:,} more, {size(left_bytes)}"
            rows.append(self._more)
        if self.children != tuple(rows):
            self.children = tuple(rows)
        for gone in before.values():
            dismiss(gone)

    def close(self) -> None:
        """Close the button, also while it is not shown."""
        self._more.close()
        super().close()


class Name(w.VBox):  # type: ignore[misc]  # ipywidgets is untyped
    """One name: a button, what is to be said of it, and below it what it holds once opened."""

    children: Any

    def __init__(self, explorer: Explorer, item: Item) -> None:
        self._explorer, self._item = explorer, item
        self._names: Names | None = None
        self._button = w.Button(layout=w.Layout(width="auto", flex="none"))
        self._button.on_click(lambda _: self.press())
        self._remark = w.Label(layout=w.Layout(**WIDE))
        self._row = w.HBox([self._button, self._remark])
        super().__init__([self._row])
        self.update(item)
        if item.is_folder and item.path in explorer.opened:
            self._open()

    def update(self, item: Item) -> None:
        """Say what is there now."""
        self._item = item
        self._remark.value = present.remark(item, self._explorer.tree)
        if self._names is not None and item.is_folder:
            self._names.update()
        elif self._names is not None:
            self._shut()
        self._name()

    def press(self) -> None:
        """Open or close a folder; say who owns what is pressed."""
        if self._item.is_folder and self._names is None:
            self._open()
        elif self._names is not None:
            self._explorer.opened.discard(self._item.path)
            self._shut()
        self._name()
        self._explorer.tell_owner(self._item.path)

    def _open(self) -> None:
        self._explorer.opened.add(self._item.path)
        self._names = Names(self._explorer, self._item.path)
        self.children = (self._row, self._names)
        self._name()

    def _shut(self) -> None:
        names, self._names = self._names, None
        self.children = (self._row,)
        dismiss(names)

    def _name(self) -> None:
        label = present.label(self._item)
        arrow = "" if not self._item.is_folder else "▾ " if self._names else "▸ "
        self._button.description = arrow + label
        does = "close" if self._names else "open"
        self._button.tooltip = f"{does} {label}" if self._item.is_folder else f"who owns {label}"


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
        self._names: Names | None = None
        self._map, self._tabs = w.HTML(), w.Tab()
        self._tabs.observe(lambda _: self._draw_map(), "selected_index")
        for control in (self._slider, self._search, self._choice):
            control.observe(lambda _: self.draw(), "value")
        super().__init__()
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
            self._standing.value = present.standing(self.tree, at, self.step.count)
            if self._told is not None:
                self.tell_owner(self._told)
            self._draw_map()
            if self._names is not None:
                self._names.update()
                return
            self._names = Names(self, b"")
            self._tabs.children = (self._names, self._map)
            self._tabs.titles = ("tree", "map")  # as many as there are children, so after them
            self._tabs.selected_index = 0
            controls = w.HBox([self._search, self._choice])
            self.children = (self._slider, controls, self._standing, self._tabs, self._owner)

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
        data = super()._repr_mimebundle_(**options)
        view: View = layers_view.layers(self.tree, self._image)
        still = {"text/plain": plain(view), "text/html": html(view)}
        if isinstance(data, tuple):
            return {**data[0], **still}, data[1]
        return {**data, **still}


def explorer(bench: Workbench, tree: LayerTree, image: str) -> Explorer:
    """The explorer of an image or a container; the one before it is closed."""
    if bench.explorer is not None:
        bench.explorer.close()
    is_container = bool(tree.layers) and tree.layers[-1].writable
    follow = partial(growing, bench.engine, image, tree) if is_container else None
    made = bench.explorer = Explorer(tree, image, follow)
    return made

"""%containers -w: the live list, with a row of buttons for each container.

The rows are the same HTML that a saved table shows; the widgets are controls around it. It
acts on a click alone, and its saved form is the table as it was.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import Any

import ipywidgets as w

from container_magics.core.facts import ContainerFacts
from container_magics.core.rewriting import lines_of
from container_magics.core.terminal import plain
from container_magics.engine import containers
from container_magics.engine.events import Changes
from container_magics.engine.logs import logs
from container_magics.errors import ContainerMagicsError
from container_magics.jupyter.still import with_still
from container_magics.jupyter.workbench import Workbench
from container_magics.view.html import html
from container_magics.view.model import Note
from container_magics.view.present import lists

LOG_LINES = 20


class Row(w.HBox):  # type: ignore[misc]  # ipywidgets is untyped
    """One container's line. It stays while the container does; only what changed is sent."""

    def __init__(self, words: dict[str, str], act: Callable[[str, str], None]) -> None:
        """``words``: an icon for each button's word; ``act`` takes (word, container's name)."""
        self._name, self._status, self._image = (cell(flex) for flex in ("2", "2", "3"))
        self._buttons = {word: self._button(word, icon, act) for word, icon in words.items()}
        super().__init__([self._name, self._status, self._image, *self._buttons.values()])

    def _button(self, word: str, icon: str, act: Callable[[str, str], None]) -> w.Button:
        # the words stay whole in a narrow window
        layout = w.Layout(width="auto", flex="none")
        button = w.Button(description=word, icon=icon, layout=layout)
        button.on_click(lambda _: act(word, self._name.value))
        return button

    def update(self, facts: ContainerFacts) -> None:
        """Show the container as it is now."""
        self._name.value, self._status.value = facts.name, facts.status
        self._image.value = facts.image
        for word, button in self._buttons.items():
            button.tooltip = f"{word} {facts.name}"
        self._buttons["start"].disabled = facts.state == "running"
        self._buttons["stop"].disabled = facts.state != "running"


def cell(share: str) -> w.Label:
    """A text that takes its share of a row's width."""
    return w.Label(layout=w.Layout(flex=f"{share} {share} 0", min_width="0"))


class Dashboard(w.VBox):  # type: ignore[misc]  # ipywidgets is untyped
    """The live list. ``close()`` ends its thread; so does the end of the session."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._lock = threading.Lock()  # a click and an event may draw at once
        self._by_id: dict[str, Row] = {}
        self._found: list[ContainerFacts] = []
        self._closed = False
        self._none = w.HTML(html(lists.containers([], stable=bench.stable)))
        self._rows = w.VBox()
        self._message = w.HTML()
        self._all = w.Checkbox(value=False, description="also those that ended", indent=False)
        self._all.observe(lambda _: self.refresh(), "value")
        super().__init__([self._all, self._rows, self._message])
        self.refresh()
        self._events = Changes(bench.engine)
        threading.Thread(target=self._follow, daemon=True, name="container-magics list").start()
        atexit.register(self._events.close)

    def _follow(self) -> None:
        """Draw anew at each event, until the list is closed or the engine goes away."""
        try:
            for _ in self._events:
                self.refresh()
        except ContainerMagicsError as error:
            self._say(error)

    def refresh(self) -> None:
        """Ask the engine and draw."""
        try:
            with self._lock:
                if self._closed:
                    return
                self._found = containers.listed(
                    self._bench.engine, self._bench.owner, everything=self._all.value
                )
                self._draw()
        except ContainerMagicsError as error:
            self._say(error)

    def _draw(self) -> None:
        """A row for each that was found, in order; rows of others are closed."""
        rows = {one.container_id: self._row(one) for one in self._found}
        gone = [row for identity, row in self._by_id.items() if identity not in rows]
        self._by_id = rows
        children = tuple(rows.values()) or (self._none,)
        if self._rows.children != children:
            self._rows.children = children
        for row in gone:
            dismiss(row)

    def _row(self, facts: ContainerFacts) -> Row:
        row = self._by_id.get(facts.container_id) or Row(ICONS, self._act)
        row.update(facts)
        return row

    def _act(self, word: str, name: str) -> None:
        self._message.value = ""
        try:
            if word == "logs":
                self._logs(name)
            else:
                ACTIONS[word](self._bench.engine, name)
        except ContainerMagicsError as error:
            self._say(error)
        self.refresh()

    def _logs(self, name: str) -> None:
        written = b"".join(each.data for each in logs(self._bench.engine, name, tail=LOG_LINES))
        text = list(map(plain, lines_of(written)))
        self._message.value = html(
            Note(f"The last lines of {name}:", facts=tuple(text) or ("(nothing yet)",))
        )

    def _say(self, error: ContainerMagicsError) -> None:
        self._message.value = html(Note(str(error), "error", hint=error.hint))

    def close(self) -> None:
        """End the thread, and every widget of the list."""
        atexit.unregister(self._events.close)
        self._events.close()
        with self._lock:
            self._closed = True
            for part in (*self._by_id.values(), self._none, self._rows, self._message, self._all):
                dismiss(part)
            self._by_id = {}
            self.layout.close()
        super().close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        view = lists.still(self._found, stable=self._bench.stable)
        return with_still(self, super()._repr_mimebundle_(**options), view)


ICONS = {"start": "play", "stop": "stop", "logs": "align-left", "remove": "trash"}
ACTIONS: dict[str, Callable[[Any, str], None]] = {
    "start": containers.start,
    "stop": containers.stop,
    "remove": containers.remove,
}


def dismiss(widget: w.Widget) -> None:
    """Close a widget and all that it is made of: a front end keeps each until it is told."""
    for child in getattr(widget, "children", ()):
        dismiss(child)
    for part in (getattr(widget, "layout", None), getattr(widget, "style", None)):
        if part is not None:
            part.close()
    widget.close()


def dashboard(bench: Workbench) -> Dashboard:
    """The live list of containers; the one before it is closed, for a cell that is run again
    shows a new one."""
    if bench.live is not None:
        bench.live.close()
    bench.live = None
    made = bench.live = Dashboard(bench)
    return made

"""Work beside the cells whose imports happen while no cell runs.

Two threads that import one package at once, one of them a module of it and the other the package,
wait for each other; Python then hands one of them a module that is half made, and its import
fails. So a thread of ours may import only when no cell can: not before the cell has ended that
loads us, and the next cell waits until the thread has what it needs, for some tenths of a second.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from IPython.core.interactiveshell import InteractiveShell

Work = Callable[[Callable[[], None]], None]
"""Imports, calls what it is given, and goes on."""


class Beside:
    """One piece of work, in a thread of its own."""

    def __init__(self, shell: InteractiveShell, work: Work, name: str) -> None:
        """Begin now or, where a cell runs, when it has ended. ``work`` calls what it is given
        when it has imported all that it will; when it raises, no cell waits any more."""
        self._events, self._work, self._name = shell.events, work, name
        self._imported = threading.Event()
        self._events.register("pre_execute", self._wait)
        if sys.displayhook is shell.display_trap.hook:  # a cell runs
            self._events.register("post_execute", self._after)
        else:
            self._start()

    def _after(self, *_: object) -> None:
        self._events.unregister("post_execute", self._after)
        self._start()

    def _start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name=self._name).start()

    def _run(self) -> None:
        try:
            self._work(self._imported.set)
        finally:
            self._imported.set()

    def _wait(self, *_: object) -> None:
        self._events.unregister("pre_execute", self._wait)
        self._imported.wait()

"""The stop button and the time limit: both end a running program, gently and then for sure."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from container_magics.errors import ContainerMagicsError

GRACE_S = 0.6
"""How long a program may take to end by itself, once it was asked to."""
PATIENCE_S = 5.0
"""How long an engine may take to tell the end of a program that was killed."""


class Stopper:
    """Ends the program it guards: on ``press()``, or when ``timeout_s`` have passed.

    The first press sends TERM, and KILL after ``GRACE_S``; a second press sends KILL at once.
    The signals are sent by a thread, so that ``press`` may be called from a signal handler and
    the story of the run goes on to its end: last output, exit status, removal. An engine that
    does not even tell the end is given up ``PATIENCE_S`` later.
    """

    def __init__(self, timeout_s: float | None = None) -> None:
        self.timeout_s = timeout_s
        self.why: Literal["", "interrupt", "timeout"] = ""
        self._shields = 0
        self._counting = threading.Lock()  # several boxes may start at once under one stopper
        # a SimpleQueue alone may be put to from a signal handler that has interrupted a put
        self._told: queue.SimpleQueue[object] = queue.SimpleQueue()

    @property
    def guarding(self) -> bool:
        """Whether a press ends what runs, or is remembered."""
        return self._shields > 0

    def press(self) -> None:
        """Ask for the end; may be called from anywhere, as often as one likes."""
        self.why = self.why or "interrupt"
        self._told.put(self.press)

    def check(self) -> None:
        """Raise KeyboardInterrupt if the end was asked for already."""
        if self.why:
            raise KeyboardInterrupt

    @contextmanager
    def guard(self, send: Callable[[str], None], abandon: Callable[[], None]) -> Iterator[None]:
        """While the block runs, ``send("TERM")`` or ``send("KILL")`` may be called, and at the
        very last ``abandon()``, which has to bring the block to its end."""
        over = object()
        thread = threading.Thread(target=self._watch, args=(send, abandon, over), daemon=True)
        with self.shield():
            thread.start()
            try:
                yield
            finally:
                self._told.put(over)
                thread.join()

    @contextmanager
    def shield(self) -> Iterator[None]:
        """While the block runs, a press is only remembered."""
        self._shield(1)
        try:
            yield
        finally:
            self._shield(-1)

    def _shield(self, more: int) -> None:
        with self._counting:
            self._shields += more

    def _watch(
        self, send: Callable[[str], None], abandon: Callable[[], None], over: object
    ) -> None:
        told = self._next(self.timeout_s, over)
        if told is over:
            return
        if told is None:
            self.why = "timeout"
        for signal, patience_s in (("TERM", GRACE_S), ("KILL", PATIENCE_S)):
            # The engine may be gone by now: then the output's reader says so, and better.
            with suppress(ContainerMagicsError):
                send(signal)
            if self._next(patience_s, over) is over:
                return
        abandon()

    def _next(self, limit_s: float | None, over: object) -> object | None:
        """A press, or ``over``; None when neither comes in time. What ended an earlier guard is
        passed over."""
        end_s = None if limit_s is None else time.monotonic() + limit_s
        while True:
            left_s = None if end_s is None else max(0.0, end_s - time.monotonic())
            try:
                told = self._told.get(timeout=left_s)
            except queue.Empty:
                return None
            if told is over or told == self.press:
                return told

"""What is to be done at a time, by one thread for all of it; none while nothing waits."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count

THREAD = "container-magics alarms"


class Alarms:
    """Deeds with the time of each, in the order of their times. Nothing of it outlives the
    process, and nothing keeps the process."""

    def __init__(self) -> None:
        """Nothing waits, and no thread runs."""
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()  # two deeds at one time have an order too
        self._runs = False

    def add(self, after_s: float, deed: Callable[[], None]) -> None:
        """Have it done when ``after_s`` seconds are over, not before. What it raises is
        dropped, and the deeds after it wait while it works."""
        with self._changed:
            due_s = time.monotonic() + after_s
            heapq.heappush(self._waiting, (due_s, next(self._numbers), deed))
            self._changed.notify()
            if not self._runs:
                threading.Thread(target=self._live, daemon=True, name=THREAD).start()
                self._runs = True

    def _live(self) -> None:
        while deed := self._next():
            with suppress(Exception):  # the others have their time too
                deed()

    def _next(self) -> Callable[[], None] | None:
        """The next deed, waited for; None, and the thread ends, when there is none."""
        with self._changed:
            while self._waiting:
                rest_s = self._waiting[0][0] - time.monotonic()
                if rest_s <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._changed.wait(min(rest_s, threading.TIMEOUT_MAX))
            self._runs = False
            return None

"""One thread that hears of every container's life, and tells those who show one of them."""

from __future__ import annotations

import threading
from typing import Protocol

from container_magics.engine.client import Engine
from container_magics.engine.events import Changes, LifeEvent
from container_magics.errors import ContainerMagicsError

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 30.0
"""How long it waits before it asks an engine again that went away; twice as long each time."""


class Watched(Protocol):
    """Somebody who shows a container."""

    id: str

    def hear(self, event: LifeEvent | None) -> bool:
        """Something happened to the container, or (None) may have; False when it is gone."""


class Watch:
    """Tells each of those who were added, until their container is gone or ``close()``.

    The thread lives only while there is somebody to tell. An engine that goes away is asked
    again and again: it may have been restarted.
    """

    def __init__(self, engine: Engine) -> None:
        """Nothing is asked yet."""
        self._engine = engine
        self._lock = threading.Lock()
        self._watched: dict[str, list[Watched]] = {}
        self._changes: Changes | None = None
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def add(self, watched: Watched) -> None:
        """Tell it from now on; what has happened just before is told too."""
        with self._lock:
            if self._closed.is_set():
                return
            self._watched.setdefault(watched.id, []).append(watched)
            alone = self._thread is None
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, daemon=True, name="container-magics watch"
                )
                self._thread.start()
        if not alone:
            self._tell(watched, None)

    def close(self) -> None:
        """Tell nobody any more; returns when the thread is over."""
        with self._lock:
            self._closed.set()
            self._watched.clear()
            thread, changes = self._thread, self._changes
        if changes is not None:
            changes.close()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._is_over():
            try:
                self._listen()
                retry_s = FIRST_RETRY_S
            except ContainerMagicsError:
                retry_s = min(LAST_RETRY_S, retry_s * 2)
            if not self._idle():
                self._closed.wait(retry_s)

    def _listen(self) -> None:
        """Until the stream ends: that of an engine that is stopped, or ours at ``close()``."""
        changes = Changes(self._engine)
        with self._lock:
            self._changes = changes
            everybody = [one for some in self._watched.values() for one in some]
        try:
            for one in everybody:
                self._tell(one, None)
            if self._idle():
                return
            for event in changes.events():
                for one in tuple(self._watched.get(event.container_id, ())):
                    self._tell(one, event)
                if self._idle():
                    return
        finally:
            with self._lock:
                self._changes = None
            changes.close()

    def _tell(self, watched: Watched, event: LifeEvent | None) -> None:
        if watched.hear(event):
            return
        with self._lock:
            some = self._watched.get(watched.id, [])
            if watched in some:
                some.remove(watched)
            if not some:
                self._watched.pop(watched.id, None)

    def _idle(self) -> bool:
        with self._lock:
            return self._closed.is_set() or not self._watched

    def _is_over(self) -> bool:
        """Whether the thread may end; the next to be added then starts another."""
        with self._lock:
            over = self._closed.is_set() or not self._watched
            if over:
                self._thread = None
            return over

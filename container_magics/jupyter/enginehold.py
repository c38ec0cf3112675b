"""The engine of a session: found when first needed, exchanged for another, swept in the end."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from container_magics.errors import ContainerMagicsError, EngineLost

if TYPE_CHECKING:  # the docker SDK is loaded when a cell first needs it
    from container_magics.engine.client import Engine
    from container_magics.engine.ownership import Owner


class EngineHold:
    """Has at most one engine in use, and keeps those before it on which something still stands."""

    def __init__(self) -> None:
        """Nothing is asked of any engine yet."""
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._place = ""  # where `%engine use` went; "" for wherever one is found
        self._left: list[Engine] = []
        self.had = False

    @property
    def now(self) -> Engine | None:
        """The engine in use; None where none was needed yet, or it went away."""
        return self._engine

    def get(self) -> Engine:
        """The engine; looked for again after it went away, at the same place. Raises NoEngine,
        EngineDenied."""
        from container_magics.engine.client import connect

        with self._lock:
            if self._engine is None:
                self._engine = connect(self._place)
                self.had = True
            return self._engine

    def take(self, engine: Engine) -> None:
        """Use an engine that was found already."""
        with self._lock:
            self._engine, self.had = engine, True

    def move(self, engine: Engine, place: str, *, leave: bool) -> None:
        """Use that engine from here on, found by that word; with ``leave`` the one before is kept
        to the end, for something of this session stays there."""
        with self._lock:
            before, self._engine = self._engine, engine
            self._place, self.had = place, True
        if before is None:
            return
        if leave:
            self._left.append(before)
        else:
            before.close()

    def forget(self) -> None:
        """Look for an engine anew at the next need."""
        with self._lock:
            if self._engine is not None:
                self._engine.close()
            self._engine = None

    def end(self, owner: Owner) -> None:
        """Remove what this session made, everywhere. An engine that was lost is looked for once
        more: it may have kept all of it."""
        from container_magics.session.sweep import end_session

        with suppress(ContainerMagicsError):
            end_session(self.get(), owner)
        self.forget()
        for engine in self._left:
            with suppress(ContainerMagicsError):
                end_left(engine, owner)
            engine.close()
        self._left.clear()


def end_left(engine: Engine, owner: Owner) -> None:
    """Remove what this session made there. An engine that is lost, as where its ssh has ended, is
    looked for once more at the same place."""
    from container_magics.engine.client import connect
    from container_magics.session.sweep import end_session

    try:
        end_session(engine, owner)
    except EngineLost:
        with closing(connect(engine.endpoint.word)) as again:
            end_session(again, owner)

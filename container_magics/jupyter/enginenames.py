"""An engine's names for Tab: asked for beside the shell, waited for a moment, kept for another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from container_magics.core.completion import EngineKind
from container_magics.errors import ContainerMagicsError

if TYPE_CHECKING:
    from container_magics.engine.client import Engine

FRESH_S = 1.0
"""How long an answer is good for."""
PATIENCE_S = 0.4
"""How long somebody who pressed Tab waits for an answer. A later one serves the next Tab."""


class EngineNames:
    """The last answers of an engine, by kind of name."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        """Take what finds the engine; that may be slow, and may raise our errors."""
        self._engine = engine
        self._known: dict[EngineKind, tuple[float, list[str]]] = {}
        self._asking: dict[EngineKind, threading.Thread] = {}
        self._lock = threading.Lock()

    def of(self, kind: EngineKind, patience_s: float = PATIENCE_S) -> list[str]:
        """Names of that kind, after ``patience_s`` at most: older ones if the engine is slow,
        none if it never answered or there is no engine. Never raises."""
        with self._lock:
            at_s, names = self._known.get(kind, (float("-inf"), []))
            if time.monotonic() - at_s < FRESH_S:
                return names
            asking = self._asking.get(kind)
            if asking is None:
                asking = threading.Thread(
                    target=self._ask, args=(kind,), daemon=True, name="container-magics names"
                )
                self._asking[kind] = asking
                asking.start()
        asking.join(patience_s)
        return self._known.get(kind, (0.0, names))[1]

    def _ask(self, kind: EngineKind) -> None:
        names: list[str] = []
        try:
            # the others: an answer that is not what the API says
            with suppress(ContainerMagicsError, ValueError, KeyError, TypeError):
                from container_magics.engine.names import of_kind

                names = of_kind(self._engine(), kind)
        finally:
            with self._lock:
                self._known[kind] = (time.monotonic(), names)
                del self._asking[kind]

"""The engine's own events, as a stream that can be closed from another thread."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from container_magics.engine.client import Engine
from container_magics.engine.jsonlines import ask
from container_magics.errors import EngineLost

LIFE = ["create", "start", "die", "destroy", "rename", "pause", "unpause"]


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """What happened to which container; ``exit_status`` is None but for "die"."""

    action: str
    container_id: str
    exit_status: int | None = None


class Changes:
    """An item each time that something changes in a container's life; ends with ``close()``."""

    def __init__(self, engine: Engine) -> None:
        filters = json.dumps({"type": ["container"], "event": LIFE})
        limit_s = engine.api.timeout
        self._lines = ask(engine, "GET", "/events", params={"filters": filters}, timeout_s=limit_s)
        self._closed = False

    def __iter__(self) -> Iterator[str]:
        """The names of what happened ("start", "die", ...), as it happens."""
        for event in self.events():
            yield event.action

    def events(self) -> Iterator[LifeEvent]:
        """The same, and to which container. EngineLost when the engine ends it."""
        with closing(self._lines):
            for event in self._lines:
                actor = event["Actor"]
                status = actor["Attributes"].get("exitCode")
                yield LifeEvent(
                    event["Action"], actor["ID"], None if status is None else int(status)
                )
        if not self._closed:
            raise EngineLost(
                "The engine no longer tells what happens to containers.",
                hint="See whether it still runs: `%engine`. Then run the cell again.",
            )

    def close(self) -> None:
        """End the stream; whoever iterates comes to its end. May be called from any thread."""
        self._closed = True
        self._lines.abandon()

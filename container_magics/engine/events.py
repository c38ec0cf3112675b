"""The engine's own events, as a stream that can be closed from another thread."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from container_magics.engine.client import Engine
from container_magics.engine.jsonlines import Message, ask
from container_magics.errors import EngineLost

LIFE = ["create", "start", "die", "destroy", "rename", "pause", "unpause"]
HOLDINGS = [
    *LIFE,
    "commit", "connect", "delete", "disconnect", "import", "load", "prune", "pull", "remove",
    "tag", "untag",
]  # fmt: skip
"""What changes a list of containers, images, networks or volumes; execs and the like do not."""


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """What happened to which container; ``exit_status`` is None but for "die"."""

    action: str
    container_id: str
    exit_status: int | None = None


@dataclass(frozen=True, slots=True)
class HoldingEvent:
    """What happened to what the engine holds: ``kind`` is "container", "image", "network" or
    "volume", ``subject`` its ID, or a volume's name."""

    kind: str
    action: str
    subject: str


class Told:
    """The engine's events that pass ``filters`` (API, "Monitor events"), until ``close()``."""

    def __init__(self, engine: Engine, filters: Mapping[str, Sequence[str]]) -> None:
        asked = {"filters": json.dumps(filters)}
        self._lines = ask(engine, "GET", "/events", params=asked, timeout_s=engine.api.timeout)
        self._closed = False

    def messages(self) -> Iterator[Message]:
        """Each as it happens. EngineLost when the engine ends it."""
        with closing(self._lines):
            yield from self._lines
        if not self._closed:
            raise EngineLost(
                "The engine no longer tells what happens to containers.",
                hint="See whether it still runs: `%engine`. Then run the cell again.",
            )

    def close(self) -> None:
        """End the stream; whoever iterates comes to its end. May be called from any thread."""
        self._closed = True
        self._lines.abandon()


class Changes(Told):
    """An item each time that something changes in a container's life; ends with ``close()``."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, {"type": ["container"], "event": LIFE})

    def __iter__(self) -> Iterator[str]:
        """The names of what happened ("start", "die", ...), as it happens."""
        for event in self.events():
            yield event.action

    def events(self) -> Iterator[LifeEvent]:
        """The same, and to which container. EngineLost when the engine ends it."""
        for event in self.messages():
            actor = event["Actor"]
            status = actor["Attributes"].get("exitCode")
            yield LifeEvent(event["Action"], actor["ID"], None if status is None else int(status))


class Holdings(Told):
    """An item each time that something changes in what the engine holds; ends with ``close()``."""

    def __init__(self, engine: Engine) -> None:
        kinds = ["container", "image", "network", "volume"]
        super().__init__(engine, {"type": kinds, "event": HOLDINGS})

    def events(self) -> Iterator[HoldingEvent]:
        """As it happens. EngineLost when the engine ends it."""
        for event in self.messages():
            yield HoldingEvent(event["Type"], event["Action"], event["Actor"]["ID"])

"""docker buildx's own words, ``--progress=rawjson``, -> the same BuildEvents as BuildKit's trace.

Each JSON object is one of BuildKit's status responses (buildkit, client/graph.go); buildx 0.13
writes it over several lines, later ones on one. They come on stderr, where buildx also says in
plain lines what it has to remark, and at the end why it failed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from container_magics.core.events import (
    BuildEvent,
    BuildOutput,
    BuildProgress,
    BuildStep,
    BuildWarning,
)

ERROR = "ERROR: "
STDERR = 2
Part = Mapping[str, Any]


class BuildxStream:
    """Reads stderr in pieces of any length."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._decoder = json.JSONDecoder()
        self._rest = ""
        self._lines: list[str] = []

    @property
    def failure(self) -> str:
        """Why buildx failed, in its own words, once all was read; "" where it says nothing."""
        return "\n".join([*self._lines, self._rest]).rpartition(ERROR)[2].strip()

    def feed(self, text: str) -> Iterator[BuildEvent]:
        """The events of every object that is whole by now."""
        self._rest = (self._rest + text).lstrip()
        while self._rest:
            if self._rest.startswith("{"):
                try:
                    found, end = self._decoder.raw_decode(self._rest)
                except ValueError:  # its end is still to come
                    return
                yield from response_events(found)
            else:
                end = self._rest.find("\n") + 1
                if not end:
                    return
                self._lines.append(self._rest[:end].rstrip())
            self._rest = self._rest[end:].lstrip()


def response_events(response: Part) -> Iterator[BuildEvent]:
    """The events of one status response."""
    for one in response.get("vertexes") or ():
        yield BuildStep(
            digest=str(one["digest"]),
            name=str(one.get("name", "")),
            inputs=tuple(map(str, one.get("inputs") or ())),
            cached=bool(one.get("cached")),
            started_s=seconds(one.get("started")),
            completed_s=seconds(one.get("completed")),
            error=str(one.get("error", "")),
        )
    for one in response.get("statuses") or ():
        label, total = str(one.get("id", "")), one.get("total") or None
        yield BuildProgress(str(one["vertex"]), label, int(one.get("current", 0)), total)
    for one in response.get("logs") or ():
        data = base64.b64decode(one.get("data") or "")
        is_error = one.get("stream") == STDERR
        yield BuildOutput(str(one["vertex"]), "stderr" if is_error else "stdout", data)
    for one in response.get("warnings") or ():
        yield BuildWarning(
            digest=str(one["vertex"]),
            text=decoded(one.get("short")),
            url=str(one.get("url", "")),
            line=first_line(one),
            detail=tuple(decoded(line) for line in one.get("detail") or ()),
        )


def decoded(data: str | None) -> str:
    """What Go writes of bytes, base64, as the text that they are."""
    return base64.b64decode(data or "").decode("utf-8", "replace")


def first_line(warning: Part) -> int | None:
    """The line of the first range (solver/pb, Range and Position); None where none is named."""
    found = warning.get("range") or ()
    start: Part = found[0].get("start") or {} if found else {}
    return int(start.get("line", 0)) or None


def seconds(stamp: str | None) -> float | None:
    """A time as RFC 3339 has it; None where there is none yet."""
    return datetime.fromisoformat(stamp).timestamp() if stamp else None

"""The stream of messages that POST /build answers with -> BuildEvents, whichever builder spoke."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, Literal

import requests

from container_magics.core.buildtrace import trace_events
from container_magics.core.classicstream import ClassicStream
from container_magics.core.events import BuildEvent, BuildRefused, BuildStarted, Built
from container_magics.engine.client import from_status, words_of
from container_magics.errors import EngineLost

BUILDKIT: Final = 2
CLASSIC: Final = 1
CHUNK_BYTES = 64 * 1024
Version = Literal[1, 2]
Message = dict[str, Any]


def refuse_status(response: requests.Response) -> None:
    """Raise the error of a status that is none of success."""
    status = response.status_code
    if status >= 400:
        raise from_status(status, words_of(status, response.content))


def messages(response: requests.Response) -> Iterator[Message]:
    """The JSON messages, one a line, as each comes."""
    for line in response.iter_lines(chunk_size=CHUNK_BYTES):
        if line:
            try:
                yield json.loads(line)
            except ValueError as error:
                raise lost() from error


def read(found: Iterator[Message], *, version: Version, announced: bool) -> Iterator[BuildEvent]:
    """The events of a stream of either form; EngineLost when it ends without a result.

    The first message tells the form: an engine that is too old to know ``version`` ignores it.
    """
    first = next(found, {})
    classic = announced or version == CLASSIC or "stream" in first
    if not announced:
        yield BuildStarted("classic" if classic else "buildkit")
    all_of_it = chain((first,), found)
    yield from whole(read_text(all_of_it, ClassicStream()) if classic else read_buildkit(all_of_it))


def whole(events: Iterator[BuildEvent]) -> Iterator[BuildEvent]:
    """The same events; EngineLost when they end without a result."""
    result = None
    for event in events:
        if isinstance(event, Built | BuildRefused):
            result = event
        yield event
    if result is None:
        raise lost()


def read_buildkit(found: Iterator[Message]) -> Iterator[BuildEvent]:
    """Trace messages, then the image's ID or the error; the ID comes before the last traces."""
    result: Built | BuildRefused | None = None
    for message in found:
        if message.get("id") == "moby.buildkit.trace":
            yield from trace_events(str(message["aux"]))
        elif message.get("id") == "moby.image.id":
            result = Built(str(message["aux"]["ID"]))
        elif "error" in message:
            result = BuildRefused(str(message["error"]))
    if result:
        yield result


def read_text(found: Iterator[Message], stream: ClassicStream) -> Iterator[BuildEvent]:
    """The text of a builder without BuildKit; its steps are timed by our own clock."""
    for message in found:
        yield from stream.read(message, time.time())
    yield from stream.end(time.time())


def lost() -> EngineLost:
    """The error of a stream that ended too early."""
    return EngineLost(
        "The connection to the engine broke in the middle of the build.",
        hint="See whether it still runs: `%engine`. Then run the cell again.",
    )

"""BuildKit's trace -> BuildEvents: one StatusResponse of the engine's build stream at a time.

Field numbers are those of moby/buildkit api/services/control/control.proto (StatusResponse,
Vertex, VertexStatus, VertexLog, VertexWarning); fields that we have no use for are skipped.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator

from container_magics.core.events import (
    BuildEvent,
    BuildOutput,
    BuildProgress,
    BuildStep,
    BuildWarning,
)
from container_magics.core.protowire import WireError, fields, signed
from container_magics.errors import EngineError

STDERR = 2
NANOSECOND = 1e-9
Values = dict[int, list[int | bytes]]


def trace_events(aux: str) -> tuple[BuildEvent, ...]:
    """The events of one trace line's base64 ``aux``, in the order written.

    A step comes again, whole, whenever something of it changes. Raises EngineError for bytes
    that are no StatusResponse.
    """
    try:
        return tuple(read_response(base64.b64decode(aux, validate=True)))
    except (WireError, binascii.Error) as error:
        raise EngineError(
            "The engine sent a build trace that cannot be read.", facts=(str(error),)
        ) from error


def read_response(message: bytes) -> Iterator[BuildEvent]:
    """StatusResponse: 1 vertexes, 2 statuses, 3 logs, 4 warnings."""
    for number, value in fields(message):
        if number in READERS and isinstance(value, bytes):
            yield READERS[number](values_of(value))


def read_vertex(vertex: Values) -> BuildStep:
    """Vertex: 1 digest, 2 inputs, 3 name, 4 cached, 5 started, 6 completed, 7 error."""
    return BuildStep(
        digest=text(vertex, 1),
        name=text(vertex, 3),
        inputs=tuple(decoded(one) for one in vertex.get(2, ())),
        cached=bool(number_of(vertex, 4)),
        started_s=seconds(vertex, 5),
        completed_s=seconds(vertex, 6),
        error=text(vertex, 7),
    )


def read_status(status: Values) -> BuildProgress:
    """VertexStatus: 1 ID, 2 vertex, 4 current, 5 total (0 while unknown)."""
    return BuildProgress(
        digest=text(status, 2),
        label=text(status, 1),
        current_bytes=number_of(status, 4),
        total_bytes=number_of(status, 5) or None,
    )


def read_log(log: Values) -> BuildOutput:
    """VertexLog: 1 vertex, 3 stream (2 is stderr), 4 msg."""
    stream = number_of(log, 3)
    return BuildOutput(text(log, 1), "stderr" if stream == STDERR else "stdout", raw(log, 4))


def read_warning(warning: Values) -> BuildWarning:
    """VertexWarning: 1 vertex, 3 short, 4 detail (lines), 5 url, 7 ranges."""
    return BuildWarning(
        digest=text(warning, 1),
        text=text(warning, 3),
        url=text(warning, 5),
        line=first_line(warning),
        detail=tuple(decoded(one) for one in warning.get(4, ())),
    )


def first_line(warning: Values) -> int | None:
    """pb.Range: 1 start, a pb.Position whose 1 is the line, from 1; None where none is named."""
    if 7 not in warning:
        return None
    start = values_of(raw(values_of(raw(warning, 7)), 1))
    return number_of(start, 1) or None


def values_of(message: bytes) -> Values:
    """Every value by its field number, in order."""
    found: Values = {}
    for number, value in fields(message):
        found.setdefault(number, []).append(value)
    return found


def raw(values: Values, number: int) -> bytes:
    """The last value of a bytes field, b"" where it is absent: the format's own rule."""
    last = values.get(number, [b""])[-1]
    return last if isinstance(last, bytes) else b""


def text(values: Values, number: int) -> str:
    """The last value of a string field, "" where it is absent."""
    return decoded(raw(values, number))


def decoded(value: int | bytes) -> str:
    """UTF-8, whatever it holds: names come from Dockerfiles, which may hold anything."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def number_of(values: Values, number: int) -> int:
    """The last value of an integer field, 0 where it is absent."""
    last = values.get(number, [0])[-1]
    return signed(last) if isinstance(last, int) else 0


def seconds(values: Values, number: int) -> float | None:
    """A google.protobuf.Timestamp (1 seconds, 2 nanoseconds); None where it is absent."""
    if number not in values:
        return None
    stamp = values_of(raw(values, number))
    return number_of(stamp, 1) + number_of(stamp, 2) * NANOSECOND


READERS: dict[int, Callable[[Values], BuildEvent]] = {
    1: read_vertex,
    2: read_status,
    3: read_log,
    4: read_warning,
}

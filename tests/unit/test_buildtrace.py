"""BuildKit's bytes, and those that are none of its."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_magics.core.buildtrace import trace_events
from container_magics.core.events import BuildOutput, BuildProgress, BuildStep, BuildWarning
from container_magics.core.protowire import WireError, fields, signed
from container_magics.errors import EngineError


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def message(*pairs: tuple[int, int | bytes | str]) -> bytes:
    """A message as the format's own page describes it, written independently of our reader."""
    out = b""
    for number, value in pairs:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def aux(data: bytes) -> str:
    return base64.b64encode(data).decode()


VERTEX = message(
    (1, "sha256:a"), (2, "sha256:b"), (2, "sha256:c"), (3, "[1/2] RUN ls"), (4, 1),
    (5, message((1, 1700000000), (2, 500000000))), (6, message((1, 1700000002))), (7, "bad"),
)  # fmt: skip


def test_a_response_becomes_events_in_its_own_order():
    response = message(
        (1, VERTEX),
        (2, message((1, "extract"), (2, "sha256:a"), (4, 10), (5, 40))),
        (3, message((1, "sha256:a"), (3, 2), (4, b"\xffoops"))),
        (3, message((1, "sha256:a"), (3, 1), (4, b"fine\n"))),
        (4, message((1, "sha256:a"), (3, "old form"), (5, "https://example.org"))),
        (
            4,
            message(
                (1, "sha256:a"),
                (2, 1),
                (3, "odd"),
                (4, "why"),
                (4, "how"),
                (6, "file"),
                (7, message((1, message((1, 4))), (2, message((1, 5))))),
            ),
        ),
    )
    assert trace_events(aux(response)) == (
        BuildStep("sha256:a", "[1/2] RUN ls", ("sha256:b", "sha256:c"), True,
            1700000000.5, 1700000002.0, "bad"),
        BuildProgress("sha256:a", "extract", 10, 40),
        BuildOutput("sha256:a", "stderr", b"\xffoops"),
        BuildOutput("sha256:a", "stdout", b"fine\n"),
        BuildWarning("sha256:a", "old form", "https://example.org"),
        BuildWarning("sha256:a", "odd", line=4, detail=("why", "how")),
    )  # fmt: skip


def test_absent_fields_are_none_or_empty():
    assert trace_events(aux(message((1, message((1, "d")))))) == (BuildStep("d", ""),)
    assert trace_events(aux(message((2, message((2, "d")))))) == (BuildProgress("d", "", 0, None),)
    assert trace_events("") == ()


def test_fields_that_nobody_knows_yet_are_passed_over():
    fixed = varint(90 << 3 | 1) + bytes(8) + varint(91 << 3 | 5) + bytes(4)
    response = message((1, VERTEX + message((99, "new"), (98, 7)) + fixed), (17, "new"))
    assert trace_events(aux(response)) == trace_events(aux(message((1, VERTEX))))


def test_every_cut_of_a_vertex_is_refused_or_read_as_a_shorter_one():
    whole = message((1, VERTEX))
    for end in range(1, len(whole)):
        with pytest.raises(EngineError):
            trace_events(aux(whole[:end]))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes):
    with suppress(EngineError):
        assert isinstance(trace_events(aux(data)), tuple)


def test_text_that_is_no_base64_is_refused():
    with pytest.raises(EngineError):
        trace_events("no base64!")


@given(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=300))
def test_the_reader_gives_what_was_written(number: int, data: bytes):
    read = list(fields(message((1, number), (2**29 - 1, data))))
    assert [(key, signed(v) if isinstance(v, int) else v) for key, v in read] == [
        (1, number),
        (2**29 - 1, data),
    ]


def test_groups_and_endless_numbers_are_refused():
    for data in (b"\x0b", b"\x08" + b"\xff" * 11, b"\x08\x80"):
        with pytest.raises(WireError):
            list(fields(data))

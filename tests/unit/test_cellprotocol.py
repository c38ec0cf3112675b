"""Marks among a cell's output: found however the bytes are cut, and never forged."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from container_magics.core.cellprotocol import Begun, Ended, MarkReader, Said, Shown
from container_magics.core.events import Output

KEY, NUMBER = b"0123456789abcdef", b"fedcba9876543210"


def reader() -> MarkReader:
    """One in the middle of a cell."""
    made = MarkReader("stdout", KEY)
    made.number = NUMBER
    return made


def read(*pieces: bytes) -> list[Said]:
    """What these pieces say, neighbouring output put together."""
    found: list[Said] = []
    one = reader()
    for piece in pieces:
        for said in one.feed(piece):
            if isinstance(said, Output) and found and isinstance(found[-1], Output):
                found[-1] = Output(said.stream, found[-1].data + said.data)
            else:
                found.append(said)
    return found


def test_a_cell_from_its_beginning_to_its_end() -> None:
    data = (
        b"echo\x1d" + NUMBER + b"bout\n\x1d" + KEY + b"dhtml\x1da.html\x1d/f\x1d" + KEY + b"z"
        b"more\x1d" + NUMBER + b"e3\x1d/tmp\x1d" + NUMBER + b"zlate"
    )  # fmt: skip
    number = NUMBER.decode()
    assert read(data) == [
        Output("stdout", b"echo"),
        Begun("stdout", number),
        Output("stdout", b"out\n"),
        Shown("html", "a.html", "/f"),
        Output("stdout", b"more"),
        Ended(number, 3, "/tmp"),
        Output("stdout", b"late"),
    ]


@given(st.binary(max_size=60), st.binary(max_size=60), st.lists(st.integers(0, 200), max_size=6))
def test_however_it_is_cut_it_says_the_same(before: bytes, after: bytes, cuts: list[int]) -> None:
    before, after = before.replace(b"\x1d", b""), after.replace(b"\x1d", b"")
    data = before + b"\x1d" + NUMBER + b"e0\x1d/\x1d" + NUMBER + b"z" + after
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    assert read(*pieces) == read(data)


@given(st.binary(max_size=200))
def test_output_without_the_number_says_nothing_and_is_kept(noise: bytes) -> None:
    data = (b"\x1d" + noise).replace(NUMBER, b"").replace(KEY, b"")
    found = read(data, b".")
    assert all(isinstance(said, Output) for said in found)
    assert b"".join(said.data for said in found if isinstance(said, Output)) == data + b"."


def test_the_number_of_another_cell_ends_nothing() -> None:
    other = b"\x1d" + b"0" * 16 + b"e0\x1d/\x1d" + b"0" * 16 + b"z"
    assert read(other) == [Output("stdout", other)]


def test_a_mark_that_never_ends_is_given_up() -> None:
    found = read(b"\x1d" + NUMBER + b"e0\x1d", *[b"x" * 1000] * 20, b"end")
    assert isinstance(found[-1], Output)
    assert found[-1].data.endswith(b"end")

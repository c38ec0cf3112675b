"""Terminal output as text: colours kept, other sequences dropped, whatever the cuts."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_magics.core.terminal import TerminalText, plain

MIXED = (
    "plain \x1b[1;31mred\x1b[0m \x1b[2Jcleared \x1b]0;title\x07 é€😀 "
    "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1b(B \x1b7 back\b\ttab\r\n"
).encode()
SHOWN = "plain \x1b[1;31mred\x1b[0m cleared  é€😀 link   back\b\ttab\r\n"


def text_of(*chunks: bytes) -> str:
    """All chunks through one TerminalText."""
    text = TerminalText()
    return "".join([*(text.feed(chunk) for chunk in chunks), text.feed(b"", final=True)])


def test_colours_are_kept_and_all_else_is_dropped() -> None:
    assert text_of(MIXED) == SHOWN
    assert "\x1b" not in plain(MIXED.decode())


@given(st.lists(st.integers(0, len(MIXED)), max_size=8))
def test_a_cut_anywhere_changes_nothing(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(MIXED)]
    assert text_of(*(MIXED[a:b] for a, b in pairwise(ends))) == SHOWN


STRING_OPENERS = [b"\x1b]0;", b"\x1bP", b"\x1b^", b"\x1b_", b"\x1bX"]


@pytest.mark.parametrize("opener", STRING_OPENERS)
@pytest.mark.parametrize(
    ("rest", "shown"),
    [
        (b"title\nnext\n", "\nnext\n"),
        (b"title\r\nnext", "\nnext"),
        (b"title\x1b[31mred", "\x1b[31mred"),
        (b"title\x18next", "next"),
        (b"title", ""),
    ],
)
def test_a_string_without_an_end_takes_nothing_that_follows(
    opener: bytes, rest: bytes, shown: str
) -> None:
    data = b"before " + opener + rest
    for cut in range(len(data)):
        assert text_of(data[:cut], data[cut:]) == "before " + shown
    assert plain(data.decode()) == plain("before " + shown)


@pytest.mark.parametrize("opener", STRING_OPENERS)
def test_a_string_without_an_end_is_over_when_it_is_too_long(opener: bytes) -> None:
    data = opener + b"x" * 10_000
    whole = text_of(data)
    assert 5_000 < len(whole) < 10_000
    for size in (1, 7, 1000, 4096):
        assert text_of(*(data[at : at + size] for at in range(0, len(data), size))) == whole
    fed = TerminalText()
    for _ in range(100):
        fed.feed(opener + b"y" * 100)
    assert fed.feed(b"\nnext") == "\nnext"


@given(st.binary())
def test_no_bytes_bring_a_control_through(data: bytes) -> None:
    shown = plain(text_of(data))
    assert not any(ord(c) < 32 and c not in "\b\t\n\r" for c in shown)
    assert not any(0x7F <= ord(c) < 0xA0 for c in shown)


def test_bytes_that_are_no_text_are_counted() -> None:
    text = TerminalText()
    assert text.feed(b"a\xff\xfeb\xc3") + text.feed(b"", final=True) == "a\ufffd\ufffdb\ufffd"
    assert text.lost_bytes == 3


@pytest.mark.parametrize(
    "hostile", [b"\x1b[1", b"\x1b]1", b"\x1b]" + b"1" * 50, b"\x1b", b"\x1b[(", b"\x9b1;"]
)
def test_hostile_sequences_take_no_more_than_linear_time(hostile: bytes) -> None:
    def seconds(times: int) -> float:
        started = time.perf_counter()
        TerminalText().feed(hostile * times)
        return time.perf_counter() - started

    seconds(1000)
    assert seconds(200_000) < 40 * seconds(20_000) + 1

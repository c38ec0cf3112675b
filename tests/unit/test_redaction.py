"""Secrets in what is printed: replaced however the bytes are cut, and nothing else is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from container_magics.core.redaction import Redaction

SECRET = b"abcabd"


def fed(redaction: Redaction, pieces: list[bytes]) -> bytes:
    return b"".join(redaction.feed(piece) for piece in pieces) + redaction.rest()


@given(st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"ab", b"abcabd", b"x"]), max_size=30))
def test_however_it_is_cut_the_result_is_that_of_the_whole(pieces: list[bytes]) -> None:
    assert fed(Redaction([SECRET]), pieces) == b"".join(pieces).replace(SECRET, b"***")


def test_nothing_is_held_back_that_is_surely_no_secret() -> None:
    redaction = Redaction([SECRET])
    assert redaction.feed(b"hello ab") == b"hello "
    assert redaction.feed(b"out") == b"about"


def test_a_line_of_a_secret_of_several_lines_is_one_too() -> None:
    key = b"-----BEGIN KEY-----\nMIIEowIB\n-----END KEY-----\n"
    assert Redaction([key]).whole(b"x MIIEowIB y") == b"x *** y"


def test_a_short_value_is_not_looked_for() -> None:
    assert Redaction([b"1", b""]).whole(b"1 + 1") == b"1 + 1"


def test_the_longer_of_two_goes_first() -> None:
    assert Redaction([b"word", b"word-long"]).whole(b"word-long word") == b"*** ***"

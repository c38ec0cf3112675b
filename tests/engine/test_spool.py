"""What is kept of a program's output."""

from __future__ import annotations

from container_magics.engine.spool import IN_MEMORY_BYTES, Spool


def test_what_is_beyond_the_limit_is_counted_and_not_kept() -> None:
    spool = Spool(limit_bytes=10)
    for part in (b"123456", b"7890ab", b"cd"):
        spool.append(part)
    assert (spool.read(), spool.size_bytes, spool.lost_bytes) == (b"1234567890", 10, 4)
    assert str(spool) == "10 bytes (and 4 more, not kept)"


def test_a_character_that_the_limit_cuts_does_not_make_bytes_of_text() -> None:
    spool = Spool(limit_bytes=4)
    spool.append("abcä".encode())
    assert spool.text() == "abc"
    whole = Spool()
    whole.append("abcä".encode()[:4])
    assert whole.text() == b"abc\xc3"


def test_much_is_kept_whole() -> None:
    spool = Spool()
    for _ in range(5):
        spool.append(b"x" * (IN_MEMORY_BYTES // 4))
    assert len(spool.read()) == spool.size_bytes == IN_MEMORY_BYTES // 4 * 5
    assert str(spool) == "5242880 bytes"

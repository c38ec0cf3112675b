"""What is read ahead comes whole, in order; what goes wrong is told; no thread stays."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import closing

import pytest

from container_magics.engine.ahead import BUFFER_BYTES, BUFFERS, ahead


def readers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "container-magics ahead"]


def test_all_comes_in_order_whatever_the_pieces() -> None:
    chance = random.Random(7)
    data = chance.randbytes(9 * BUFFER_BYTES + 5)
    at = 0

    def fill(buffer: memoryview) -> int:
        nonlocal at
        part = data[at : at + chance.choice([1, 1000, len(buffer)])]
        buffer[: len(part)] = part
        at += len(part)
        return len(part)

    assert b"".join(map(bytes, ahead(fill))) == data
    assert readers() == []


def test_what_the_reading_raises_is_raised_where_it_is_asked_for() -> None:
    left = [3, 2, 1]

    def fill(buffer: memoryview) -> int:
        if not left:
            raise ConnectionResetError("gone")
        return left.pop()

    pieces = ahead(fill)
    assert [len(next(pieces)) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ConnectionResetError, match="gone"):
        next(pieces)
    assert readers() == []


def test_it_reads_no_more_than_its_buffers_ahead() -> None:
    asked, enough = list[int](), threading.Event()

    def fill(buffer: memoryview) -> int:
        asked.append(1)
        if len(asked) > BUFFERS:
            enough.set()
        return 1

    with closing(ahead(fill)) as pieces:
        next(pieces)
        assert not enough.wait(0.2)
        assert len(asked) == BUFFERS
        next(pieces)
        assert enough.wait(5)
    assert readers() == []


def test_a_reading_that_waits_is_ended_when_no_more_is_wanted() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"x")
        pieces = ahead(ours.recv_into, lambda: ours.shutdown(socket.SHUT_RDWR))
        assert bytes(next(pieces)) == b"x"
        pieces.close()  # what reads now waits for a second byte
    assert readers() == []

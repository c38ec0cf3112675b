"""The packets by which BuildKit takes a folder, as bytes."""

from __future__ import annotations

import stat

import pytest

from container_magics.core.filesync import (
    ASKED,
    END,
    ERROR,
    FIN,
    Packet,
    data_packet,
    go_mode,
    packet_of,
    stat_packet,
)
from container_magics.core.protowire import fields


def test_what_an_engine_says_is_read():
    assert packet_of(b"\x08\x01\x18\x2a") == Packet(ASKED, 42)
    assert packet_of(END) == Packet(FIN)
    assert packet_of(b"\x08\x04\x22\x03bad") == Packet(ERROR, words="bad")


def test_a_file_is_named_with_what_the_engine_compares():
    packet = dict(fields(stat_packet(b"a/b", stat.S_IFREG | 0o644, 7, 5)))
    assert isinstance(packet[2], bytes)
    assert dict(fields(packet[2])) == {1: b"a/b", 2: 0o644, 5: 7, 6: 5}


def test_a_time_before_1970_is_a_negative_number():
    packet = dict(fields(stat_packet(b"a", stat.S_IFREG, 0, -1)))
    assert isinstance(packet[2], bytes)
    assert dict(fields(packet[2]))[6] == 2**64 - 1


def test_a_content_ends_with_an_empty_packet():
    assert dict(fields(data_packet(3, b"x"))) == {1: 2, 3: 3, 4: b"x"}
    assert dict(fields(data_packet(3))) == {1: 2, 3: 3}


@pytest.mark.parametrize(
    ("mode", "go"),
    [
        (stat.S_IFREG | 0o755, 0o755),
        (stat.S_IFDIR | 0o1777, 0o777 | 1 << 31 | 1 << 20),
        (stat.S_IFLNK | 0o777, 0o777 | 1 << 27),
        (stat.S_IFREG | 0o6755, 0o755 | 1 << 23 | 1 << 22),
    ],
)
def test_modes_are_those_of_go(mode: int, go: int):
    assert go_mode(mode) == go

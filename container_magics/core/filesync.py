"""The messages by which BuildKit takes a folder from its client: bytes -> packets, and back.

Source: tonistiigi/fsutil, types/wire.proto and types/stat.proto. The client names what is there,
folders before what is in them, and numbers it from 0; the engine asks for the content of what
it does not have from the last time, by number.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass

from container_magics.core.protowire import fields, length_field, written_varint

STAT, ASKED, DATA, FIN, ERROR = range(5)
END_OF_STATS = b""  # a packet of the type 0, STAT, without a stat
END = b"\x08" + bytes([FIN])
# Modes are those of Go's os.FileMode, not of the kernel.
GO_FOLDER, GO_LINK = 1 << 31, 1 << 27
GO_BITS = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}


@dataclass(frozen=True, slots=True)
class Packet:
    """What the engine sent: a number that it asks for (ASKED), the end (FIN), or its words of what
    went wrong (ERROR)."""

    kind: int
    number: int = 0
    words: str = ""


def packet_of(message: bytes) -> Packet:
    """Packet: 1 type, 3 ID, 4 data. Raises WireError."""
    found = dict(fields(message))
    kind, number, data = found.get(1, STAT), found.get(3, 0), found.get(4, b"")
    words = data.decode("utf-8", "replace") if isinstance(data, bytes) else ""
    return Packet(int(kind), int(number), words)


def stat_packet(path: bytes, mode: int, size_bytes: int, time_ns: int, link: bytes = b"") -> bytes:
    """One thing of the folder: ``mode`` as the kernel has it; ``link`` is where a link leads.

    Stat: 1 path, 2 mode, 5 size, 6 time of change, 7 link. The owner, 3 and 4, stays root.
    """
    about = length_field(1, path) + number_field(2, go_mode(mode))
    if not stat.S_ISDIR(mode):
        about += number_field(5, size_bytes)
    about += number_field(6, time_ns)
    if link:
        about += length_field(7, link)
    return length_field(2, about)


def data_packet(number: int, data: bytes = b"") -> bytes:
    """A part of the content of that number; an empty one is its end."""
    head = b"\x08" + bytes([DATA]) + number_field(3, number)
    return head + length_field(4, data) if data else head


def number_field(number: int, value: int) -> bytes:
    """A varint field; negative ones are written in two's complement of 64 bits."""
    return written_varint(number << 3) + written_varint(value & (1 << 64) - 1)


def go_mode(mode: int) -> int:
    """A mode of the kernel as one of Go's os.FileMode."""
    kind = GO_FOLDER * stat.S_ISDIR(mode) | GO_LINK * stat.S_ISLNK(mode)
    return mode & 0o777 | kind | sum(bit for ours, bit in GO_BITS.items() if mode & ours)

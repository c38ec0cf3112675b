"""What a container kernel and the program that runs its cells say to each other on a terminal.

The program writes marks among the cells' output: a byte that text hardly ever has (GS, group
separator, ECMA-48), and a number that is new for each cell, so that nothing a cell writes can be
taken for one. A cell begins with ``GS NUMBER b`` and ends with ``GS NUMBER e STATUS GS FOLDER GS
NUMBER z``; ``GS KEY d KIND GS NAME GS FILE GS KEY z`` shows a file, KEY being the kernel's own. On
stderr, which has a way of its own, ``GS NUMBER b`` says that nothing more of the cell comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from container_magics.core.events import Output, Stream

GS = b"\x1d"
LONGEST_MARK = 8192
"""What a mark may hold between its beginning and its end, in bytes."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The cell of that number has begun; on stderr: it has ended."""

    stream: Stream
    number: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The cell has ended; ``folder`` is where, "" where the program does not say."""

    number: str
    status: int
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A file in the container that the cell shows. ``kind`` is what it was said to be ("html"),
    ``name`` the name that it had; each may be ""."""

    kind: str
    name: str
    path: str


Said = Output | Begun | Ended | Shown


class MarkReader:
    """Bytes of one stream in; output, and what the marks in it say, out, in order.

    ``number`` is that of the cell which runs, b"" when none does.
    """

    def __init__(self, stream: Stream, key: bytes) -> None:
        """Nothing has come yet; ``key`` is the kernel's."""
        self.number = b""
        self._stream: Stream = stream
        self._key = key
        self._held = b""

    def feed(self, data: bytes) -> Iterator[Said]:
        """What ``data`` completes; what may be the beginning of a mark is held back."""
        data, self._held, place = self._held + data, b"", 0
        while (found := data.find(GS, place)) >= 0:
            if not self._is_mark(data[found + 1 :]):
                place = found + 1
                continue
            if found:
                yield Output(self._stream, data[:found])
            said, length = self._mark(data[found:])
            if not length:
                self._held = data[found:]
                return
            if said is not None:
                yield said
            data, place = data[found + length :], 0
        if data:
            yield Output(self._stream, data)

    def _is_mark(self, after: bytes) -> bool:
        """Whether a mark begins so, or may do when more has come."""
        names = [name for name in (self.number, self._key) if name]
        return any(after.startswith(name) or name.startswith(after) for name in names)

    def _mark(self, data: bytes) -> tuple[Said | None, int]:
        """(what the mark at the beginning says, how many bytes it has); no bytes while some are
        missing."""
        name = self._key if data.startswith(GS + self._key) else self.number
        head = len(GS) + len(name)
        if len(data) <= head:
            return None, 0
        kind = data[head : head + 1]
        if kind == b"b":
            return Begun(self._stream, name.decode()), head + 1
        tail = GS + name + b"z"
        end = data.find(tail, head, head + LONGEST_MARK)
        if end < 0:
            return None, 0 if len(data) < LONGEST_MARK else len(data)
        fields = [field.decode("utf-8", "replace") for field in data[head + 1 : end].split(GS)]
        return said(kind, name.decode(), fields), end + len(tail)


def said(kind: bytes, number: str, fields: list[str]) -> Said | None:
    """What a whole mark says; None for one that says nothing."""
    if kind == b"e" and fields[0].isdecimal():
        return Ended(number, int(fields[0]), fields[1] if len(fields) > 1 else "")
    if kind == b"d" and len(fields) == 3:
        return Shown(*fields)
    return None

"""Docker's own records of a layer: its tar archive without the files' contents.

Format: github.com/vbatts/tar-split, `tar/storage`: a line of JSON for each part. Type 2 is a
segment, whose payload is the bytes themselves: headers, padding, the end. Type 1 stands for a
file's content: its size, and as payload its CRC-64 (ISO 3309, big-endian), which is missing for a
file without content.
"""

from __future__ import annotations

import zlib
from collections import deque

import msgspec

from container_magics.core.layers import Entry, EntryScanner, entry_of
from container_magics.core.tarheader import MAX_MEMBERS, Sink
from container_magics.core.tarmember import Member
from container_magics.errors import BadArchive

_LONGEST_LINE = 16 << 20
_CONTENT, _SEGMENT = 1, 2
_CRC_BYTES = 8
_PIECE_BYTES = 1 << 17


class _Part(msgspec.Struct, gc=False):
    type: int
    size: int = 0
    payload: bytes | None = None


_PARTS = msgspec.json.Decoder(_Part)


class TarSplit:
    """A sink for a layer's records, unpacked; ``entries()`` after ``close()`` is what it holds.

    The headers go through the scanner that reads archives, so both give the same entries; these
    have the ``crc`` besides. Raises BadArchive for what is no such record, or cut short.
    """

    def __init__(self, max_members: int = MAX_MEMBERS) -> None:
        self._scanner = _Headers(max_members)
        self._rest = b""  # of a line that goes on
        self._segments: list[bytes] = []  # since the last content

    def feed(self, data: memoryview | bytes) -> None:
        """Take the next part; any length."""
        lines, newline, self._rest = (self._rest + bytes(data)).rpartition(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise BadArchive("The engine's record of a layer has a line that does not end.")
        if newline:
            self._take(lines)

    def close(self) -> None:
        """The records are over."""
        self._take(self._rest)
        self._scanner.feed(b"".join(self._segments))
        self._scanner.close()
        if not self._scanner.ended or self._scanner.contents:
            raise BadArchive("The engine's record of a layer is cut short.")

    def entries(self) -> tuple[Entry, ...]:
        """As ``EntryScanner.entries``."""
        return self._scanner.entries()

    def _take(self, lines: bytes) -> None:
        try:
            parts = _PARTS.decode_lines(lines)
        except msgspec.MsgspecError as error:
            raise BadArchive("The engine's record of a layer cannot be read.") from error
        segments, contents = self._segments, self._scanner.contents
        told = 0  # segments before the last content: a header may follow whose content is to come
        for part in parts:
            if part.type == _SEGMENT:
                segments.append(part.payload or b"")
            elif part.type == _CONTENT:
                contents.append(part)
                told = len(segments)
            else:
                raise BadArchive("The engine's record of a layer has a part of an unknown type.")
        self._scanner.feed(b"".join(segments[:told]))
        del segments[:told]


class _Headers(EntryScanner):
    """Reads an archive without contents, and is told these beside it: one for each member."""

    def __init__(self, max_members: int) -> None:
        super().__init__(max_members, bodiless=True)
        self.contents: deque[_Part] = deque()

    def _take(self, member: Member) -> Sink | None:
        content = self.contents.popleft() if self.contents else _Part(_CONTENT, -1)
        size, crc = content.size, content.payload
        # of a sparse file the record has the size of the file, its header that of what is stored
        if size != member.size_bytes and size != self._scanner.body_bytes:
            raise BadArchive("The engine's record of a layer does not fit its headers.")
        known = crc is not None and len(crc) == _CRC_BYTES
        self._keep(entry_of(member, int.from_bytes(crc) if known and crc else None))
        return None


class PackedTarSplit:
    """The same for the records as Docker keeps them: packed with gzip."""

    def __init__(self, max_members: int = MAX_MEMBERS) -> None:
        self._split = TarSplit(max_members)
        self._unpacker = zlib.decompressobj(wbits=31)
        self.entries = self._split.entries

    def feed(self, data: memoryview | bytes) -> None:
        """Take the next part; any length."""
        rest: memoryview | bytes = data
        while rest and not self._unpacker.eof:
            try:
                self._split.feed(self._unpacker.decompress(rest, _PIECE_BYTES))
            except zlib.error as error:
                raise BadArchive("The engine's record of a layer cannot be unpacked.") from error
            rest = self._unpacker.unconsumed_tail

    def close(self) -> None:
        """The records are over."""
        if not self._unpacker.eof:
            raise BadArchive("The engine's record of a layer is cut short.")
        self._split.close()

"""Docker's own records of a layer: its tar archive without the files' contents.

Format: github.com/vbatts/tar-split, `tar/storage`: a line of JSON for each part. Type 2 is a
segment, whose payload is the bytes themselves: headers, padding, the end. Type 1 stands for a
file's content: its size, and as payload its CRC-64 (ISO 3309, big-endian), which is missing for a
file without content.
"""

from __future__ import annotations

import zlib

import msgspec

from container_magics.core.layers import Entry, EntryScanner
from container_magics.core.tarheader import MAX_MEMBERS
from container_magics.errors import BadArchive

_LONGEST_LINE = 16 << 20
_CONTENT, _SEGMENT = 1, 2
_CRC_BYTES = 8
_PIECE_BYTES = 1 << 20


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
        self._scanner = EntryScanner(max_members)
        self._rest = b""  # of a line that goes on
        self._header = b""  # the segment that came last

    @property
    def members(self) -> int:
        """Members so far."""
        return self._scanner.members

    def feed(self, data: memoryview | bytes) -> None:
        """Take the next part; any length."""
        lines, newline, self._rest = (self._rest + bytes(data)).rpartition(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise BadArchive("The engine's record of a layer has a line that does not end.")
        if newline:
            self._take(lines)

    def close(self) -> None:
        """The records are over."""
        if self._rest:
            self._take(self._rest)
            self._rest = b""
        self._scanner.crc = None
        self._scanner.feed(memoryview(self._header))
        self._scanner.close()
        if not self._scanner.ended:
            raise BadArchive("The engine's record of a layer is cut short.")

    def entries(self) -> tuple[Entry, ...]:
        """As ``EntryScanner.entries``."""
        return self._scanner.entries()

    def _take(self, lines: bytes) -> None:
        try:
            parts = _PARTS.decode_lines(lines)
        except msgspec.MsgspecError as error:
            raise BadArchive("The engine's record of a layer cannot be read.") from error
        scanner, header = self._scanner, self._header
        for part in parts:
            # the header waits for what comes next, which is the CRC of its file
            if part.type == _CONTENT:
                crc = part.payload
                scanner.crc = int.from_bytes(crc) if crc and len(crc) == _CRC_BYTES else None
                scanner.feed(memoryview(header))
                header = b""
                if part.size:
                    scanner.pass_over(part.size)
            elif part.type == _SEGMENT:
                if header:
                    scanner.crc = None
                    scanner.feed(memoryview(header))
                header = part.payload or b""
            else:
                raise BadArchive("The engine's record of a layer has a part of an unknown type.")
        self._header = header


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

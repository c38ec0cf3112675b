"""Packed layers, unpacked piece by piece: gzip and zstd, of any number of members or frames.

Formats: gzip (RFC 1952; estargz writes a member for each file), zstd (RFC 8878, with its skippable
frames, in which zstd:chunked keeps its table of contents); OCI image spec 1.1, `layer.md`,
"+gzip Media Types" and "+zstd Media Types".
"""

from __future__ import annotations

import zlib
from typing import Protocol

from container_magics.core.tarheader import Sink
from container_magics.errors import BadArchive

try:
    from compression import zstd  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from backports import zstd

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
LONGEST_MAGIC = 4
MAX_UNPACKED_BYTES = 1 << 37
"""Of one layer, 128 GiB. It costs no memory, but nobody waits so long for what is a bomb."""
_PIECE_BYTES = 1 << 20
_LONGEST_WINDOW_LOG = 27  # 128 MB of memory: what zstd itself takes unless told otherwise


def packing(start: bytes) -> str:
    """How a body that begins so is packed: "gzip", "zstd", or "" when it is not."""
    if start.startswith(GZIP):
        return "gzip"
    skippable = start[1:4] == b"\x2a\x4d\x18" and start[0] & 0xF0 == 0x50
    return "zstd" if start.startswith(ZSTD) or skippable else ""


def unpacking(start: bytes, sink: Sink, max_bytes: int = MAX_UNPACKED_BYTES) -> Sink:
    """A sink for a body that begins so (``start`` is not fed), which gives it plain to ``sink``.

    It raises BadArchive for what is damaged, cut short, or unpacks to over ``max_bytes``.
    """
    match packing(start):
        case "gzip":
            return _Unpacker(_Gzip, sink, max_bytes)
        case "zstd":
            return _Unpacker(_Zstd, sink, max_bytes)
    return sink


class _Part(Protocol):
    """One member of gzip, or one frame of zstd."""

    name: str
    eof: bool

    def take(self, data: bytes | memoryview) -> tuple[bytes, bytes | memoryview, bool]:
        """The next piece, at most _PIECE_BYTES of it; what of the data is left; whether there
        may be more to come without any data. Raises BadArchive."""


class _Gzip:
    name = "gzip"

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=31)
        self.eof = False

    def take(self, data: bytes | memoryview) -> tuple[bytes, bytes | memoryview, bool]:
        try:
            plain = self._unpacker.decompress(data, _PIECE_BYTES)
        except zlib.error as error:
            raise BadArchive("A layer's gzip cannot be unpacked.") from error
        self.eof = self._unpacker.eof
        rest = self._unpacker.unused_data if self.eof else self._unpacker.unconsumed_tail
        return plain, rest, not self.eof and len(plain) == _PIECE_BYTES


class _Zstd:
    name = "zstd"

    def __init__(self) -> None:
        limit = zstd.DecompressionParameter.window_log_max
        self._unpacker = zstd.ZstdDecompressor(options={limit: _LONGEST_WINDOW_LOG})
        self.eof = False

    def take(self, data: bytes | memoryview) -> tuple[bytes, bytes | memoryview, bool]:
        try:
            plain = self._unpacker.decompress(data, _PIECE_BYTES)
        except (zstd.ZstdError, MemoryError) as error:
            raise BadArchive("A layer's zstd cannot be unpacked.") from error
        self.eof = self._unpacker.eof
        rest = self._unpacker.unused_data if self.eof else b""
        return plain, rest, not self.eof and not self._unpacker.needs_input


class _Unpacker:
    """A sink for parts of one kind, one after the other."""

    def __init__(self, kind: type[_Gzip] | type[_Zstd], sink: Sink, max_bytes: int) -> None:
        self._kind, self._sink, self._max_bytes = kind, sink, max_bytes
        self._part: _Part | None = None  # none is open between two of them
        self._bytes = 0

    def feed(self, data: memoryview) -> None:
        rest: bytes | memoryview = data
        more = False
        while rest or more:
            if self._part is None:
                self._part = self._kind()
            plain, rest, more = self._part.take(rest)
            self._bytes += len(plain)
            if self._bytes > self._max_bytes:
                raise BadArchive(
                    f"A layer unpacks to over {self._max_bytes:,} bytes, which is not read."
                )
            if plain:
                self._sink.feed(memoryview(plain))
            if self._part.eof:
                self._part = None

    def close(self) -> None:
        if self._part is not None:
            raise BadArchive(f"A layer's {self._part.name} is cut short.")
        self._sink.close()

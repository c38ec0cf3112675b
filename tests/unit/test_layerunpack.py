"""Packed layers: bombs, damage, pieces of any length, and little memory."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from container_magics.core.layerblob import LayerBlob
from container_magics.core.layers import EntryScanner
from container_magics.core.layerunpack import packing, unpacking, zstd
from container_magics.errors import BadArchive

TEXT = bytes(range(256)) * 9000
SKIPPED = b"\x50\x2a\x4d\x18\0\0\0\0"


class Kept:
    def __init__(self) -> None:
        self.data, self.largest, self.closed = bytearray(), 0, False

    def feed(self, data: memoryview) -> None:
        self.data += data
        self.largest = max(self.largest, len(data))

    def close(self) -> None:
        self.closed = True


class Counted:
    def __init__(self) -> None:
        self.bytes = 0

    def feed(self, data: memoryview) -> None:
        self.bytes += len(data)

    def close(self) -> None:
        pass


PACKED = {
    "": TEXT,
    "gzip": gzip.compress(TEXT[:100_000]) + gzip.compress(TEXT[100_000:]),
    "zstd": zstd.compress(TEXT[:100_000]) + SKIPPED + zstd.compress(TEXT[100_000:]),
}  # fmt: skip


@pytest.mark.parametrize("step", [1, 1000, 1 << 22])
@pytest.mark.parametrize("kind", PACKED)
def test_what_was_packed_is_unpacked_piece_by_piece(kind: str, step: int) -> None:
    data, sink = memoryview(PACKED[kind])[: None if step > 1 else 30_000], Kept()
    assert packing(bytes(data[:4])) == kind
    unpacker = unpacking(bytes(data[:4]), sink)
    for at in range(0, len(data), step):
        unpacker.feed(data[at : at + step])
    if step > 1:
        unpacker.close()
        assert sink.data == TEXT
        assert sink.closed
    else:
        assert TEXT.startswith(sink.data)
    assert not kind or sink.largest <= 1 << 20


def bombs() -> dict[str, bytes]:
    zeros = bytes(1 << 20)
    packer = zlib.compressobj(9, wbits=31)
    gzipped = b"".join(packer.compress(zeros) for _ in range(256)) + packer.flush()
    zipper = zstd.ZstdCompressor(level=3)
    zipped = b"".join(zipper.compress(zeros) for _ in range(256)) + zipper.flush()
    return {"gzip": gzipped, "zstd": zipped}


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_bomb_takes_no_memory_and_ends_at_the_limit(kind: str) -> None:
    bomb, sink = bombs()[kind], Counted()
    assert len(bomb) < 300_000
    tracemalloc.start()
    try:
        whole = unpacking(bomb[:4], sink)
        whole.feed(memoryview(bomb))
        whole.close()
        assert sink.bytes == 256 << 20
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    limited = unpacking(bomb[:4], Counted(), max_bytes=100 << 20)
    with pytest.raises(BadArchive, match="unpacks to over 104,857,600 bytes"):
        limited.feed(memoryview(bomb))


def test_a_window_that_wants_much_memory_is_refused() -> None:
    options = {
        zstd.CompressionParameter.window_log: 30,
        zstd.CompressionParameter.compression_level: 1,
    }
    packer = zstd.ZstdCompressor(options=options)
    data = packer.compress(bytes(1000)) + packer.flush()
    with pytest.raises(BadArchive, match="zstd cannot be unpacked"):
        unpacking(data[:4], Counted()).feed(memoryview(data))


@pytest.mark.parametrize("start", [b"", b"\x1f", b"\x28\xb5", b"\x28"])
def test_a_blob_of_hardly_any_bytes(start: bytes) -> None:
    blob = LayerBlob(EntryScanner())
    blob.feed(memoryview(start))
    blob.close()
    if start:
        with pytest.raises(BadArchive, match="cut short"):
            blob.entries("sha256:x")
    else:
        assert blob.entries("sha256:x") == ()

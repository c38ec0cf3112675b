"""What is kept of a layer comes back as it was; what is damaged does not come back at all."""

from __future__ import annotations

import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_magics.core.layerindex import (
    VERSION,
    HistoryLine,
    ImageIndex,
    pack_image,
    pack_layer,
    unpack_image,
    unpack_layer,
)
from container_magics.core.layers import Entry

LAYER = "sha256:" + "1" * 64
KINDS = ["file", "dir", "symlink", "hardlink", "fifo", "char", "block", "whiteout", "opaque"]
NUMBER = st.integers(-(2**62), 2**63)
ENTRIES = st.builds(
    Entry,
    st.binary(),
    st.integers(0, 2**50),
    st.integers(0, 0o7777),
    st.sampled_from(KINDS),
    st.binary(),
    NUMBER,
    NUMBER,
    st.one_of(NUMBER, st.floats(allow_nan=False, allow_infinity=False)),
    st.none() | st.integers(0, 2**64 - 1),
)


@given(st.lists(ENTRIES, max_size=20))
@settings(max_examples=200)
def test_a_layer_comes_back(entries: list[Entry]) -> None:
    found = unpack_layer(pack_layer(LAYER, entries), LAYER)
    assert found == tuple(entries)
    assert [[type(each) for each in entry] for entry in found] == [
        [type(each) for each in entry] for entry in entries
    ]


def test_a_column_of_one_value_is_kept_once() -> None:
    first = Entry(b"a", 5, 0o644, "file", b"", 0, 0, 1, 7)
    same = [first._replace(path=b"f%d" % n, size_bytes=n) for n in range(500)]
    mixed = [one._replace(mtime_s=float(1)) if n % 2 else one for n, one in enumerate(same)]
    kept = msgspec.json.decode(zlib.decompress(pack_layer(LAYER, same)))
    assert (kept["uid"], kept["crc"], len(kept["path"])) == ([0], [7], 500)
    for entries in (same, mixed, same[:1]):
        found = unpack_layer(pack_layer(LAYER, entries), LAYER)
        assert found == tuple(entries)
        assert [type(one.mtime_s) for one in found] == [type(one.mtime_s) for one in entries]


ONE = pack_layer(LAYER, [Entry(b"etc/caf\xe9", 5, 0o644, "file", b"", 0, 0, 1.5, 7)])


def changed(data: bytes, **columns: object) -> bytes:
    return zlib.compress(msgspec.json.encode(msgspec.json.decode(zlib.decompress(data)) | columns))


def test_the_frame_of_these_tests() -> None:
    assert unpack_layer(changed(ONE), LAYER) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"hello", ONE[:-1], ONE[:20], ONE + b"x", ONE[:30] + b"\xff" + ONE[31:],
        zlib.compress(b"{}"), zlib.compress(b"[1]"), zlib.compress(b"\xff\xfe"),
        changed(ONE, version=VERSION + 1), changed(ONE, version=VERSION - 1),
        changed(ONE, diff_id="sha256:" + "2" * 64), changed(ONE, path=[]), changed(ONE, path=[5]),
        changed(ONE, kind=["socket"]), changed(ONE, size_bytes=["5"]), changed(ONE, mode=[None]),
        changed(ONE, path=["\u20ac"]), changed(ONE, path=["a", "b"], size_bytes=[1, 2], uid=[]),
        changed(ONE, path=["a", "b", "c"], size_bytes=[1, 2, 3], mode=[1, 2]),
    ],
)  # fmt: skip
def test_what_is_damaged_or_of_another_version_is_not_there(data: bytes) -> None:
    assert unpack_layer(data, LAYER) is None


IMAGE = ImageIndex(
    VERSION, "sha256:i", (LAYER,), ("",),
    (HistoryLine("RUN a", 1.5, False), HistoryLine("ENV b", None, True)),
)  # fmt: skip


def test_an_image_comes_back() -> None:
    assert unpack_image(pack_image(IMAGE), "sha256:i") == IMAGE
    assert unpack_image(pack_image(IMAGE), "sha256:other") is None
    assert unpack_image(b"x", "sha256:i") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"history": IMAGE.history[1:]},
        {"history": IMAGE.history * 2},
        {"digests": ()},
        {"version": 0},
    ],
)
def test_an_image_whose_history_does_not_fit_its_layers(wrong: dict[str, object]) -> None:
    data = pack_image(msgspec.structs.replace(IMAGE, **wrong))
    assert unpack_image(data, "sha256:i") is None

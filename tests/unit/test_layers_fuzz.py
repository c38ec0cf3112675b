"""Whatever bytes come: a tree, or BadArchive, and nothing else.

Hypothesis tries some hundred of each kind; `CONTAINER_MAGICS_FUZZ=20000` tries more of them.
"""

from __future__ import annotations

import io
import json
import os
import random
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container_magics.core.imagearchive import ImageArchive
from container_magics.core.layers import EntryScanner, ImageLayers, Layer
from container_magics.core.layertree import merge
from container_magics.core.layerunpack import unpacking
from container_magics.core.layerwaste import dive
from container_magics.errors import BadArchive
from tests.unit.imageforms import BLOCK, FORMS, ONE, TWO, config_of, docker, oci, sealed

# On a CI, hypothesis would try the same examples for ever: here each run tries others.
FRESH: dict[str, Any] = {"derandomize": False, "print_blob": True, "database": None}
MOST = int(os.environ.get("CONTAINER_MAGICS_FUZZ", "200"))
bounded = settings(
    max_examples=MOST, deadline=None, suppress_health_check=[HealthCheck.too_slow], **FRESH
)


def tree_or_bad(archive: bytes, step: int, *, verify: bool) -> bool:
    """Whether there is a tree; its sums hold then."""
    reader = ImageArchive(max_members=5000, verify=verify)
    try:
        for at in range(0, len(archive), step):
            reader.feed(memoryview(archive)[at : at + step])
        reader.close()
        image = reader.image()
    except BadArchive:
        return False
    holds(image)
    return True


def holds(image: ImageLayers) -> None:
    tree = merge(image)
    hidden = sum(each.entry.size_bytes for each in tree.hidden)
    assert hidden == tree.total_bytes - tree.visible_bytes
    assert 0 <= dive(tree).score <= 1


@st.composite
def edited(draw: Callable[[Any], Any], source: bytes) -> bytes:
    """Some bytes changed, a piece left out, one put in twice, or the end cut off."""
    data = bytearray(source)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.sampled_from((1, 2, 8, 100, BLOCK, 3 * BLOCK)))
        match draw(st.sampled_from(("change", "leave out", "twice", "cut", "put in"))):
            case "change":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "leave out":
                del data[at : at + length]
            case "twice":
                data[at:at] = data[at : at + length]
            case "cut":
                del data[at:]
            case "put in":
                data[at:at] = draw(st.binary(max_size=40))
    return bytes(data)


@pytest.mark.parametrize("form", FORMS)
@bounded
@given(data=st.data(), step=st.sampled_from((1000, 1 << 16)), verify=st.booleans())
def test_archives_with_damage(form: str, data: st.DataObject, step: int, verify: bool) -> None:
    tree_or_bad(data.draw(edited(FORMS[form])), step, verify=verify)


@pytest.mark.parametrize("form", FORMS)
def test_without_damage_there_is_a_tree(form: str) -> None:
    assert tree_or_bad(FORMS[form], 1000, verify=True)


KEYS = st.sampled_from(
    ("Config", "Layers", "RepoTags", "manifests", "digest", "config", "layers", "rootfs",
     "diff_ids", "history", "created", "created_by", "empty_layer", "annotations", "platform",
     "os", "architecture", "org.opencontainers.image.ref.name", "mediaType")
)  # fmt: skip
with tarfile.open(fileobj=io.BytesIO(FORMS["oci"])) as _oci:
    BLOBS = _oci.getnames()
TEXTS = st.sampled_from(
    ["", "..", "/", "0/layer.tar", "manifest.json", "index.json", "../../etc/passwd", "a\0b",
     "\ud800", "linux", *BLOBS, *("sha256:" + name.rpartition("/")[2] for name in BLOBS)]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1 << 70) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@bounded
@given(value=VALUES, place=st.sampled_from(("config", "manifest", "index")), verify=st.booleans())
def test_manifests_and_configs_of_any_shape(value: object, place: str, verify: bool) -> None:
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    if place == "index":
        tree_or_bad(oci(ONE, TWO, index=body), 1 << 16, verify=verify)
    else:
        tree_or_bad(docker(ONE, TWO, **{place: body}), 1 << 16, verify=verify)


@bounded
@given(history=VALUES, diff_ids=VALUES)
def test_configs_of_nearly_the_right_shape(history: object, diff_ids: object) -> None:
    config = json.loads(config_of(ONE, TWO))
    for changed in ({"history": history}, {"rootfs": {"diff_ids": diff_ids}}):
        body = json.dumps({**config, **changed}).encode("utf-8", "surrogatepass")
        tree_or_bad(docker(ONE, TWO, config=body), 1 << 16, verify=False)


NAMES = st.binary(max_size=40) | st.sampled_from(
    (b"a", b"a/b", b"./a/", b"/", b"", b"..", b"a/../../b", b".wh.a", b"a/.wh..wh..opq", b".wh.",
     b".wh..wh.aufs", b".wh...", b"a\nb", b"<b>\x1b[1m", b"\xff\xfe", b"a/b/c/d", b"." * 100)
)  # fmt: skip
NUMBERS = st.binary(min_size=12, max_size=12) | st.sampled_from(
    (b"0" * 11 + b"\0", b"00000001000\0", b"7" * 12, b"\xff" * 12, b"\x80" + b"\0" * 10 + b"\x05",
     b"-1\0" + b"\0" * 9, b" " * 12)
)  # fmt: skip
KINDS = st.sampled_from(b"0123456789xgXLKSDVM\0Z").map(lambda kind: bytes([kind]))
PAX = st.sampled_from(
    (b"path", b"linkpath", b"size", b"uid", b"mtime", b"GNU.sparse.size", b"GNU.sparse.realsize",
     b"GNU.sparse.name", b"SCHILY.xattr.user.x", b"hdrcharset")
)  # fmt: skip


@st.composite
def members(draw: Callable[[Any], Any]) -> bytes:
    """One header of a true checksum, and a body that may not be what it says."""
    kind = draw(KINDS)
    body = draw(st.binary(max_size=600))
    if kind in b"xg":
        value = draw(NAMES | st.integers(-5, 1 << 66).map(lambda n: b"%d" % n))
        record = b" " + draw(PAX) + b"=" + value + b"\n"
        body = b"%d" % (len(record) + draw(st.integers(0, 3))) + record
    size = b"%011o\0" % len(body) if draw(st.integers(0, 3)) else draw(NUMBERS)
    block = (
        draw(NAMES)[:100].ljust(100, b"\0") + draw(st.sampled_from((b"0000644\0", b"\xff" * 8)))
        + b"0000000\0" * 2 + size + draw(NUMBERS) + b" " * 8 + kind
        + draw(NAMES)[:100].ljust(100, b"\0")
        + draw(st.sampled_from((b"ustar\x0000", b"ustar  \0"))) + bytes(80)
        + draw(NAMES).ljust(155, b"\0")[:155] + bytes(12)
    )  # fmt: skip
    return sealed(block) + body.ljust(-len(body) % BLOCK + len(body), b"\0")


@bounded
@given(layers=st.lists(st.lists(members(), max_size=8).map(b"".join), min_size=1, max_size=3))
def test_layers_of_odd_members(layers: list[bytes]) -> None:
    found = []
    for number, data in enumerate(layers):
        scanner = EntryScanner()
        try:
            scanner.feed(memoryview(data + bytes(1024)))
            scanner.close()
        except BadArchive:
            continue
        entries = scanner.entries()
        size_bytes = sum(entry.size_bytes for entry in entries)
        found.append(Layer(f"sha256:{number}", "", "RUN", None, size_bytes, entries))
    holds(ImageLayers("sha256:x", tuple(found)))


class Counted:
    def __init__(self) -> None:
        self.bytes = 0

    def feed(self, data: memoryview) -> None:
        self.bytes += len(data)

    def close(self) -> None:
        pass


def cut(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    while view:
        step = random.Random(len(view)).randrange(1, 400)
        yield view[:step]
        view = view[step:]


@pytest.mark.parametrize("magic", [b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"])
@bounded
@given(tail=st.binary(max_size=2000))
def test_packed_bytes_of_any_kind(magic: bytes, tail: bytes) -> None:
    unpacker = unpacking(magic, Counted(), max_bytes=1 << 26)
    try:
        for piece in cut(magic + tail):
            unpacker.feed(piece)
        unpacker.close()
    except BadArchive:
        pass

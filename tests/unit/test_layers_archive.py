"""Image archives of each form, and archives that lie about what is in them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time

import pytest
from imageforms import blob, digest, scanners_begun, tar

from container_magics.core import imagearchive
from container_magics.core.imagearchive import MAX_PARTS, ImageArchive
from container_magics.core.knownlayers import KnownLayers
from container_magics.core.layers import EntryScanner, ImageLayers
from container_magics.core.layerunpack import zstd
from container_magics.errors import BadArchive

ONE, TWO = tar(("etc/a", b"a" * 3000), ("etc/b", b"b")), tar(("etc/.wh.a", b""))
HISTORY = [
    {"created_by": "ADD one"},
    {"created_by": "ENV x=y", "empty_layer": True},
    {"created_by": "RUN two", "created": "2024-05-01T10:00:00.123456789Z"},
]
CONFIG = json.dumps(
    {"rootfs": {"type": "layers", "diff_ids": [digest(ONE), digest(TWO)]}, "history": HISTORY}
).encode()


def read(data: bytes, chunk: int = 1 << 16, choice: str = "") -> ImageLayers:
    archive = ImageArchive(choice=choice, verify=True)
    for start in range(0, len(data), chunk):
        archive.feed(memoryview(data)[start : start + chunk])
    archive.close()
    return archive.image()


def legacy(
    config: bytes = CONFIG, layers: tuple[str, ...] = ("1/layer.tar", "2/layer.tar")
) -> bytes:
    manifest = json.dumps([{"Config": "c.json", "Layers": list(layers)}]).encode()
    return tar(
        ("1/VERSION", b"1.0"), ("1/layer.tar", ONE), ("2/layer.tar", TWO), ("c.json", config),
        ("manifest.json", manifest),
    )  # fmt: skip


def oci(pack: object, *, manifest_json: bool = False) -> bytes:
    one, two = blob(pack(ONE)), blob(pack(TWO))  # type: ignore[operator]
    config = blob(CONFIG)
    described = [{"digest": digest(data)} for _, data in (one, two)]
    manifest = blob(
        json.dumps({"config": {"digest": digest(CONFIG)}, "layers": described}).encode()
    )
    nested = blob(json.dumps({"manifests": [{"digest": digest(manifest[1])}]}).encode())
    index = json.dumps({"manifests": [{"digest": digest(nested[1])}]}).encode()
    members = [one, two, config, manifest, nested, ("index.json", index), ("oci-layout", b"{}")]
    if manifest_json:
        saved = [{"Config": config[0], "Layers": [one[0], two[0]]}]
        members.append(("manifest.json", json.dumps(saved).encode()))
    return tar(*members)


def estargz(data: bytes) -> bytes:
    return b"".join(gzip.compress(data[at : at + 700]) for at in range(0, len(data), 700))


def zstd_chunked(data: bytes) -> bytes:
    """Frames of some of it, and frames to be skipped, as zstd:chunked has them; one comes first."""
    skipped = b"\x5e\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"table"
    parts = (zstd.compress(data[at : at + 900]) for at in range(0, len(data), 900))
    return skipped + skipped.join(parts) + skipped


CHECKED = {zstd.CompressionParameter.checksum_flag: 1}


OLD_CHUNKED = oci(lambda data: zstd_chunked(data[:-1024]))


def kaniko() -> bytes:
    packed = [gzip.compress(each) for each in (ONE, TWO)]
    names = [digest(each)[7:] + ".tar.gz" for each in packed]
    manifest = [{"Config": digest(CONFIG), "RepoTags": ["x:latest"], "Layers": names}]
    return tar(
        (digest(CONFIG), CONFIG), *zip(names, packed, strict=True),
        ("manifest.json", json.dumps(manifest).encode()),
    )  # fmt: skip


def podman() -> bytes:
    """Layers before any word about them, and the old form's names as links to them."""
    manifest = [{"Config": digest(CONFIG)[7:] + ".json", "Layers": [hex_tar(ONE), hex_tar(TWO)]}]
    return tar(
        (hex_tar(ONE), ONE), (hex_tar(TWO), TWO), (digest(CONFIG)[7:] + ".json", CONFIG),
        ("manifest.json", json.dumps(manifest).encode()),
        links=(("1/layer.tar", f"../{hex_tar(ONE)}"), ("2/layer.tar", f"../{hex_tar(TWO)}")),
    )  # fmt: skip


def hex_tar(layer: bytes) -> str:
    return digest(layer)[7:] + ".tar"


@pytest.mark.parametrize("chunk", [1, 700, 1 << 16])
@pytest.mark.parametrize(
    "data",
    [
        legacy(),
        oci(bytes),
        oci(gzip.compress),
        oci(estargz),
        oci(bytes, manifest_json=True),
        oci(zstd.compress),
        oci(zstd_chunked),
        OLD_CHUNKED,
        kaniko(),
        podman(),
    ],
    ids=[
        "legacy",
        "oci",
        "oci-gzip",
        "oci-estargz",
        "docker-25",
        "oci-zstd",
        "zstd-chunked",
        "old-chunked",
        "kaniko",
        "podman",
    ],
)
def test_each_form_gives_the_same_layers(data: bytes, chunk: int) -> None:
    image = read(data, chunk)
    assert [layer.diff_id for layer in image.layers] == [digest(ONE), "", digest(TWO)]
    assert [layer.instruction for layer in image.layers] == ["ADD one", "ENV x=y", "RUN two"]
    assert [layer.size_bytes for layer in image.layers] == [3001, 0, 0]
    assert [layer.empty for layer in image.layers] == [False, True, False]
    assert [e.path for e in image.layers[0].entries] == [b"etc/a", b"etc/b"]
    assert image.layers[2].entries[0].kind == "whiteout"
    assert image.layers[2].created_s == pytest.approx(1714557600.123456)


def test_a_layer_that_is_there_twice_is_a_link() -> None:
    config = json.dumps({"rootfs": {"diff_ids": [digest(ONE), digest(ONE)]}}).encode()
    named = [{"Config": "c.json", "Layers": ["1/layer.tar", "2/layer.tar"]}]
    manifest = json.dumps(named).encode()
    data = tar(
        ("1/layer.tar", ONE), ("c.json", config), ("manifest.json", manifest),
        links=(("2/layer.tar", "../1/layer.tar"),),
    )  # fmt: skip
    assert [layer.size_bytes for layer in read(data).layers] == [3001, 3001]


def test_links_in_a_ring() -> None:
    manifest = json.dumps([{"Config": "c.json", "Layers": ["a", "b"]}]).encode()
    data = tar(
        ("c.json", CONFIG), ("manifest.json", manifest), links=(("a", "b"), ("b", "a")),
    )  # fmt: skip
    with pytest.raises(BadArchive, match="lacks a layer"):
        read(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (tar(("a", b"b")), "neither"),
        (legacy(layers=("1/layer.tar", "9/layer.tar")), "lacks a layer"),
        (legacy(layers=("1/layer.tar",)), "different layers"),
        (legacy(config=b"{}"), "different layers"),
        (legacy(config=b"[" * 100_000), "no JSON"),
        (legacy(config=b"[]"), "cannot be read"),
        (legacy(config=CONFIG.replace(b'"history": [', b'"history": 1, "x": [')), "its history"),
        (tar(("manifest.json", b"[1]")), "cannot be read"),
        (tar(("manifest.json", b"[{}, {}]")), "cannot be read"),
        (tar(("index.json", b'{"manifests": [{"digest": 5}]}')), "names no image"),
        (legacy()[:-14_000], "cut short|neither"),
        (oci(lambda data: gzip.compress(data)[:-20]), "cut short"),
        (oci(lambda data: b"\x28\xb5\x2f\xfd" + data), "zstd cannot be unpacked"),
        (oci(lambda data: zstd.compress(data)[:-5]), "zstd is cut short"),
        (oci(lambda data: gzip.compress(data) + b"\x1f\x8b"), "gzip is cut short"),
        (oci(lambda data: gzip.compress(data) + b"more"), "gzip cannot be unpacked"),
        (oci(lambda data: data[:-1024] + b"\1" * 1024), "not what its digest says"),
        (legacy().replace(b"a" * 3000, b"b" * 3000), "not what its digest says"),
        (oci(bytes).replace(b"ADD one", b"ADD two"), "not what its digest says"),
        (
            oci(gzip.compress).replace(
                gzip.compress(TWO)[4:], gzip.compress(ONE)[4:][: len(gzip.compress(TWO)) - 4]
            ),
            "digest",
        ),
    ],
)
def test_archives_that_lie(data: bytes, says: str) -> None:
    with pytest.raises(BadArchive, match=says):
        read(data)


def test_damage_inside_a_layer() -> None:
    bad = bytearray(ONE)
    bad[5] ^= 0xFF
    data = legacy().replace(ONE[:512], bytes(bad)[:512])
    with pytest.raises(BadArchive, match="checksum"):
        read(data)


def test_the_cap_on_entries_is_for_all_layers_together() -> None:
    archive = ImageArchive(max_members=6)
    many = [tar(*((f"f{n}", b"") for n in range(4))) for _ in range(2)]
    named = json.dumps([{"Config": "c.json", "Layers": ["1/layer.tar", "2/layer.tar"]}]).encode()
    layers = (("1/layer.tar", many[0]), ("2/layer.tar", many[1]))
    archive.feed(memoryview(tar(*layers, ("c.json", CONFIG), ("manifest.json", named))))
    archive.close()
    with pytest.raises(BadArchive, match="more than"):
        archive.image()


def parts(count: int) -> bytes:
    """An archive of so many members of one byte, that may be layers, and of empty lists."""
    return tar(*((f"p{n}", b"x" if n % 2 else b"[]") for n in range(count)))


def test_many_parts_cost_no_more_than_they_are() -> None:
    archive, data = ImageArchive(), parts(MAX_PARTS)
    start = time.perf_counter()
    archive.feed(memoryview(data))
    assert time.perf_counter() - start < 6  # by sums over all of them it was a minute


def test_too_many_parts() -> None:
    with pytest.raises(BadArchive, match="more than 20,000 members"):
        ImageArchive().feed(memoryview(parts(MAX_PARTS + 1)))


def test_the_cap_on_documents_is_for_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagearchive, "MAX_DOCUMENT_BYTES", 100)
    ImageArchive().feed(memoryview(tar(("a", b"[" * 60), ("b", b"[" * 40))))
    with pytest.raises(BadArchive, match="bytes"):
        ImageArchive().feed(memoryview(tar(("a", b"[" * 60), ("b", b"[" * 41))))


@pytest.mark.parametrize("name", ["[id].js", "{a}", " {"])
def test_a_layer_is_a_layer_whatever_its_first_file_is_called(name: str) -> None:
    odd = tar((name, b"1"))
    config = json.dumps(
        {"rootfs": {"type": "layers", "diff_ids": [digest(odd)]}, "history": HISTORY[:1]}
    ).encode()
    manifest = json.dumps([{"Config": "c.json", "Layers": ["1/layer.tar"]}]).encode()
    found = read(tar(("1/layer.tar", odd), ("c.json", config), ("manifest.json", manifest)))
    assert [entry.path for layer in found.layers for entry in layer.entries] == [name.encode()]


def members_read(
    data: bytes, known: KnownLayers, monkeypatch: pytest.MonkeyPatch
) -> tuple[ImageLayers, list[bytes]]:
    """The image, and the paths of all that was read for it."""
    scanners = scanners_begun(monkeypatch)
    archive = ImageArchive(known=known)
    archive.feed(memoryview(data))
    archive.close()
    image = archive.image()
    assert sum(scanner.members for scanner in scanners) == sum(
        len(scanner.entries()) for scanner in scanners
    )
    return image, [entry.path for scanner in scanners for entry in scanner.entries()]


@pytest.mark.parametrize("data", [oci(bytes), podman()], ids=["oci", "podman"])
def test_a_layer_that_is_known_is_passed_over(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(data)
    known = KnownLayers((digest(ONE), digest(TWO)), {digest(ONE): whole.layers[0].entries})
    found, members = members_read(data, known, monkeypatch)
    assert found == whole
    assert members == [b"etc/a"]


def test_a_packed_layer_is_known_by_its_diff_id_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    data = oci(gzip.compress)
    packed = digest(gzip.compress(ONE))
    known = KnownLayers((packed,), {digest(ONE): ()})
    found, members = members_read(data, known, monkeypatch)
    assert [entry.path for entry in found.layers[0].entries] == [b"etc/a", b"etc/b"]
    assert members == [b"etc/a", b"etc/b", b"etc/a"]


def test_an_old_layer_is_known_only_when_its_json_proves_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The form of Engine 20.10, with the JSON's keys in another order than the digest's."""
    old = {"created": "1970-01-01T00:00:00Z", "container_config": {"Cmd": ["<&>"], "Env": None}}
    proof = (
        '{"container_config":{"Cmd":["\\u003c\\u0026\\u003e"],"Env":null},'
        f'"created":"1970-01-01T00:00:00Z","layer_id":"{digest(ONE)}"}}'
    )
    layer_id = digest(proof.encode())[7:]
    for claimed, passed in ((layer_id, True), ("0" * 64, False)):
        told = json.dumps({"id": claimed, **old, "os": "linux"}).encode()
        manifest = [{"Config": "c.json", "Layers": [f"{claimed}/layer.tar", "2/layer.tar"]}]
        data = tar(
            (f"{claimed}/json", told), (f"{claimed}/layer.tar", ONE), ("2/layer.tar", TWO),
            ("c.json", CONFIG), ("manifest.json", json.dumps(manifest).encode()),
        )  # fmt: skip
        whole = read(data)
        known = KnownLayers((digest(ONE), digest(TWO)), {digest(ONE): whole.layers[0].entries})
        with monkeypatch.context() as patch:
            found, members = members_read(data, known, patch)
        assert found == whole
        assert (b"etc/b" not in members) is passed


def test_a_root_that_is_no_folder_is_left_out() -> None:
    """What the fuzzer found: its bytes counted, and no tree could show them."""
    scanner = EntryScanner()
    for name in ("./", ".", "a/.."):
        scanner.feed(tar((name, b"x" * 10))[:1024])
    scanner.close()
    assert scanner.entries() == ()


MANY = """
import resource, sys, zlib
from container_magics.core.layerblob import LayerBlob
from container_magics.core.layers import EntryScanner
from container_magics.errors import BadArchive
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
packer, blob = zlib.compressobj(1, wbits=31), LayerBlob(EntryScanner())
def header(n):
    block = b"usr/lib/%07d" % n + bytes(85) + b"0000644\\0" + b"0000000\\0" * 2
    block += b"0" * 11 + b"\\0" + b"0" * 11 + b"\\0" + b" " * 8 + b"0" + bytes(355)
    return block[:148] + b"%06o\\0 " % sum(block) + block[156:]
for start in range(0, 2_000_001, 3000):
    members = b"".join(header(n) for n in range(start, min(start + 3000, 2_000_001)))
    blob.feed(memoryview(packer.compress(members)))
blob.feed(memoryview(packer.flush()))
try:
    blob.scanned("sha256:x")
except BadArchive as error:
    print(error)
"""


def test_two_million_members_and_one_end_in_an_error_within_a_gigabyte() -> None:
    """Packed they are 30 MB, or less."""
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "The archive has more than 2,000,000 members.\n"

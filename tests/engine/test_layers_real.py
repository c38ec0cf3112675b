"""Layers of real images: the same entries as tarfile finds, the same files as the engine shows."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import uuid
from collections.abc import Iterator

import pytest
from faultproxy import Fault, through
from oddimage import saved

from container_magics.core.buildspec import BuildSpec
from container_magics.core.layers import Entry, EntryScanner, LayersReading
from container_magics.core.layertree import LayerTree
from container_magics.engine.client import Engine
from container_magics.engine.layersources import Sources
from container_magics.errors import EngineLost, ImageNotFound
from container_magics.session.build import build
from container_magics.session.layers import LayersRead, explore
from container_magics.view.html import html
from container_magics.view.plain import plain
from container_magics.view.present import layers as present


def tar_of(*members: tuple[str, bytes, bytes | str]) -> bytes:
    """(name, type, body or link)"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.mtime, info.mode = kind, 1_700_000_000, 0o755
            if isinstance(content, str):
                info.linkname = content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content if isinstance(content, bytes) else b""))
    return out.getvalue()


FILE, DIR, HARD, SOFT, FIFO = (
    tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE,
)  # fmt: skip
BASE = tar_of(
    ("etc", DIR, b""), ("etc/conf", FILE, b"c" * 5000), ("etc/kept", FILE, b"k" * 10),
    ("old", DIR, b""), ("old/one", FILE, b"1" * 700), ("old/sub", DIR, b""),
    ("old/sub/two", FILE, b"2" * 900), ("hard/first", FILE, b"h" * 1234),
    ("hard/second", HARD, "hard/first"), ("soft", SOFT, "etc/conf"), ("pipe", FIFO, b""),
    ("todir", FILE, b"t" * 50), ("tofile/inner", FILE, b"i" * 60),
    ("n" * 90 + "/" + "m" * 200, FILE, b"long"),
    (b"latin\xe9".decode("utf-8", "surrogateescape"), FILE, b"bytes"),
    ("line\nbreak<b>", FILE, b"odd"),
)  # fmt: skip
# What a layer's own archive says is hidden, as the format writes it.
TOP = tar_of(
    ("etc/conf", FILE, b"C" * 20), ("old", DIR, b""), ("old/.wh..wh..opq", FILE, b""),
    ("old/fresh", FILE, b"f" * 30), ("hard/.wh.first", FILE, b""), ("todir", DIR, b""),
    ("todir/in", FILE, b"n" * 5), ("tofile", FILE, b"flat"),
)  # fmt: skip


@pytest.fixture(scope="module")
def image(engine: Engine) -> Iterator[str]:
    tag = f"cm-test-layers-{uuid.uuid4().hex[:12]}"
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/none"]},
        "rootfs": {
            "type": "layers",
            "diff_ids": ["sha256:" + hashlib.sha256(t).hexdigest() for t in (BASE, TOP)],
        },
        "history": [
            {"created": "2024-05-01T10:00:00Z", "created_by": "/bin/sh -c #(nop) ADD base /"},
            {"created": "2024-05-01T10:00:01Z", "created_by": "ENV A=b", "empty_layer": True},
            {"created": "2024-05-01T10:00:02Z", "created_by": "/bin/sh -c rewrite"},
        ],
    }
    for line in engine.api.load_image(saved(config, tag, BASE, TOP)):
        assert "error" not in line, line
    try:
        yield tag
    finally:
        engine.api.remove_image(tag, force=True)


BY_SAVE = Sources(records=False)


def tree_of(engine: Engine, name: str, sources: Sources = BY_SAVE) -> LayerTree:
    *reading, last = explore(engine, name, sources=sources)
    assert sources is not BY_SAVE or isinstance(reading[0], LayersReading)
    assert isinstance(last, LayersRead)
    return last.tree


def by_tarfile(data: bytes) -> dict[bytes, tuple[object, ...]]:
    kinds = {DIR: "dir", HARD: "hardlink", SOFT: "symlink", FIFO: "fifo"}
    found: dict[bytes, tuple[object, ...]] = {}
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as tar:
        for m in tar:
            name = m.name.encode("utf-8", "surrogateescape")
            found[name] = (
                m.size if m.isreg() else 0, m.mode & 0o7777, kinds.get(m.type, "file"),
                m.linkname.encode() if m.type in (HARD, SOFT) else b"", m.uid, m.gid, m.mtime,
            )  # fmt: skip
    return found


def marked(entry: Entry) -> bytes:
    """The name that the format gives a mark."""
    if entry.kind == "opaque":
        return entry.path + b"/.wh..wh..opq"
    folder, slash, name = entry.path.rpartition(b"/")
    return folder + slash + (b".wh." if entry.kind == "whiteout" else b"") + name


def test_each_layer_has_the_entries_that_tarfile_finds(engine: Engine, image: str) -> None:
    data = b"".join(engine.api.get_image(image))
    with tarfile.open(fileobj=io.BytesIO(data)) as outer:
        manifest = json.loads(outer.extractfile("manifest.json").read())  # type: ignore[union-attr]
        layers = [outer.extractfile(name).read() for name in manifest[0]["Layers"]]  # type: ignore[union-attr]
    ours = [layer for layer in tree_of(engine, image).layers if not layer.empty]
    assert len(ours) == len(layers) == 2
    for layer, raw in zip(ours, layers, strict=True):
        expected = by_tarfile(raw)
        assert {marked(entry) for entry in layer.entries} == set(expected)
        for entry in layer.entries:
            if entry.kind not in ("whiteout", "opaque"):
                assert tuple(entry)[1:8] == expected[entry.path]


def exported(engine: Engine, container: str) -> dict[bytes, Entry]:
    scanner = EntryScanner()
    for chunk in engine.api.export(container):
        scanner.feed(memoryview(chunk))
    scanner.close()
    # The engine puts these into every container, above the image.
    own = (b".dockerenv", b"dev", b"etc/hostname", b"etc/hosts", b"etc/resolv.conf", b"etc/mtab",
           b"proc", b"sys")  # fmt: skip
    return {
        entry.path: entry
        for entry in scanner.entries()
        if entry.path not in own and not entry.path.startswith(b"dev/")
    }


def bytes_of(entries: dict[bytes, Entry]) -> int:
    return sum(entry.size_bytes for entry in entries.values())


def test_the_merged_tree_is_the_file_system_of_a_container(engine: Engine, image: str) -> None:
    found = tree_of(engine, image)
    container = engine.api.create_container(image)["Id"]
    try:
        theirs = exported(engine, container)
    finally:
        engine.api.remove_container(container, force=True)
    ours = {v.entry.path: v for v in found.after(99)}
    implicit = {path for path, e in theirs.items() if e.kind == "dir" and path not in ours}
    assert set(ours) == set(theirs) - implicit
    for path, visible in ours.items():
        assert visible.entry.kind.replace("hardlink", "file") == theirs[path].kind
        assert visible.size_bytes == theirs[path].size_bytes
    assert found.visible_bytes == bytes_of(theirs)
    assert found.visible_bytes + sum(h.size_bytes for h in found.hidden) == found.total_bytes


def test_what_was_hidden_and_why(engine: Engine, image: str) -> None:
    found = tree_of(engine, image)
    assert {(h.entry.path, h.size_bytes, h.cause) for h in found.hidden} == {
        (b"etc/conf", 5000, "overwritten"), (b"old/one", 700, "opaque"), (b"old/sub", 0, "opaque"),
        (b"old/sub/two", 900, "opaque"), (b"hard/first", 0, "whiteout"),
        (b"todir", 50, "type change"), (b"tofile/inner", 60, "type change"),
    }  # fmt: skip
    assert [layer.empty for layer in found.layers] == [False, True, False]
    assert found.owner(b"etc/conf").winner == 2
    view = present.layers(found, image)
    text = plain(view)
    assert "RUN rewrite" in text
    assert "line\\nbreak&lt;b&gt;" in html(view)


def test_layers_that_the_engine_itself_built(engine: Engine) -> None:
    tag = f"cm-test-layers-{uuid.uuid4().hex[:12]}"
    context = tar_of(
        ("Dockerfile", FILE, b"FROM scratch\nCOPY a /x\nCOPY b /x\nENV K=v\nCOPY a /again/y\n"),
        ("a", FILE, b"a" * 4000), ("b", FILE, b"b" * 1000),
    )  # fmt: skip
    lines = list(
        engine.api.build(
            fileobj=io.BytesIO(context), custom_context=True, tag=tag, rm=True, decode=True
        )
    )
    try:
        assert not [line for line in lines if "error" in line]
        found = tree_of(engine, tag)
        assert [layer.size_bytes for layer in found.layers] == [4000, 1000, 0, 4000]
        assert (found.hidden_bytes, found.total_bytes) == (4000, 9000)
        assert found.image_id == engine.api.inspect_image(tag)["Id"]
        real = [layer.diff_id for layer in found.layers if not layer.empty]
        assert real == engine.api.inspect_image(tag)["RootFS"]["Layers"]
        said = [present.instruction(layer).split()[0] for layer in found.layers]
        assert said == ["COPY", "COPY", "ENV", "COPY"]
    finally:
        engine.api.remove_image(tag, force=True)


def test_a_containers_writable_layer_is_on_top(engine: Engine, image: str) -> None:
    container = engine.api.create_container(image, command="/none")["Id"]
    try:
        written = tar_of(("etc/kept", FILE, b"K" * 99), ("fresh/file", FILE, b"f" * 7))
        engine.api.put_archive(container, "/", written)
        found = tree_of(engine, container)
        top = found.layers[-1]
        assert top.writable
        assert {(e.path, e.size_bytes) for e in top.entries if e.kind == "file"} == {
            (b"etc/kept", 99), (b"fresh/file", 7),
        }  # fmt: skip
        assert found.owner(b"etc/kept").winner == len(found.layers) - 1
        assert found.changes[-1].hides_bytes == 10
        assert found.changes[-1].added.count == 2
    finally:
        engine.api.remove_container(container, force=True)


def test_names_in_a_containers_own_layer_that_are_not_utf8(engine: Engine, base: str) -> None:
    """The engine tells them as JSON, where each such byte is the same character."""
    tag = f"cm-test-bytes-{uuid.uuid4().hex[:12]}"
    made = "touch \"$(printf '/old\\351')\" \"$(printf '/old\\350')\""
    does = "rm \"$(printf '/old\\351')\"; echo x > \"$(printf '/new\\342\\202')\""
    container = ""
    try:
        for _ in build(engine, BuildSpec(f"FROM {base}\nRUN {made}\n", tag)):
            pass
        container = engine.api.create_container(tag, command=["sh", "-c", does])["Id"]
        engine.api.start(container)
        assert engine.api.wait(container)["StatusCode"] == 0
        top = tree_of(engine, container).layers[-1]
        assert {(e.path, e.kind) for e in top.entries if e.kind != "dir"} == {
            (b"old\xe9", "whiteout"), (b"new\xe2\x82", "file"),
        }  # fmt: skip
    finally:
        if container:
            engine.api.remove_container(container, force=True)
        engine.api.remove_image(tag, force=True)


@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_each_way_to_the_engine_gives_the_same(engine: Engine, image: str, way: str) -> None:
    with through(engine, tcp=way == "tcp") as (remote, _):
        assert tree_of(remote, image) == tree_of(engine, image)


@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_a_stream_that_is_cut_is_an_error_and_not_an_end(
    engine: Engine, image: str, way: str
) -> None:
    fault = Fault("cut", at=20_000)
    with through(engine, fault, tcp=way == "tcp") as (remote, _), pytest.raises(EngineLost):
        tree_of(remote, image)


def test_a_layer_whose_first_file_is_named_as_json_begins(engine: Engine, base: str) -> None:
    tag = f"cm-test-json-{uuid.uuid4().hex[:12]}"
    spec = BuildSpec(f"FROM {base}\nRUN echo x > '/[id].js'\nRUN echo x > '/{{a}}'\n", tag)
    try:
        for _ in build(engine, spec):
            pass
        layers = tree_of(engine, tag).layers
        assert [entry.path for layer in layers[-2:] for entry in layer.entries if entry.path] == [
            b"[id].js",
            b"{a}",
        ]
    finally:
        engine.api.remove_image(tag, force=True)


def test_an_image_that_is_not_there(engine: Engine) -> None:
    with pytest.raises(ImageNotFound) as caught:
        list(explore(engine, "cm-no-such-image"))
    assert "%image pull cm-no-such-image" in caught.value.hint

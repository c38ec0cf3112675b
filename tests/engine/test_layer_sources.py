"""Whoever tells an image's layers tells the same, and nobody is asked for what is known."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from oddimage import (
    DIR,
    FIFO,
    FILE,
    GROUND,
    HARD,
    SOFT,
    SPARSE_BYTES,
    TOP,
    layer_of,
    layers_of,
    loaded,
    sparse_layer,
)  # fmt: skip

from container_magics.core.layers import Entry, ImageLayers, Layer
from container_magics.core.layertree import LayerTree, merge
from container_magics.engine import flattened, layerhelper
from container_magics.engine.client import Engine, connect
from container_magics.engine.layercache import LayerCache
from container_magics.engine.layersources import Sources, read_image
from tests.unit.imageforms import scanners_begun

SAVE, RECORDS, CACHE = "docker save", "the engine's own records", "cache"
HELPER, EXPORT = "a helper container", "an export, flattened"
BY_SAVE, BY_HELPER = Sources(records=False), Sources(records=False, helper=True)


@pytest.fixture(scope="module")
def odd(engine: Engine, base: str) -> Iterator[str]:
    layers = (
        layer_of(GROUND, tarfile.PAX_FORMAT),
        layer_of(TOP, tarfile.GNU_FORMAT),
    )
    with loaded(engine, *layers, ground=base) as tag:
        yield tag


@pytest.fixture
def cache(tmp_path: Path) -> LayerCache:
    return LayerCache(tmp_path / "cache")


def image_of(engine: Engine, name: str, sources: Sources) -> ImageLayers:
    *_, last = read_image(engine, name, sources)
    assert isinstance(last, ImageLayers)
    return last


def ways(image: ImageLayers) -> list[tuple[str, int]]:
    assert all(way.seconds > 0 for way in image.ways)
    return [(way.name, way.layers) for way in image.ways]


def without_crcs(image: ImageLayers) -> ImageLayers:
    def bare(layer: Layer) -> Layer:
        return replace(layer, entries=tuple(each._replace(crc=None) for each in layer.entries))

    return replace(image, layers=tuple(map(bare, image.layers)))


def test_the_engines_own_records_tell_what_its_archive_tells(
    as_root: None, engine: Engine, odd: str
) -> None:
    records, save = (image_of(engine, odd, each) for each in (Sources(), BY_SAVE))
    assert ways(records) == [(RECORDS, len(records.layers))]
    assert ways(save) == [(SAVE, len(save.layers))]
    assert without_crcs(records) == save
    hidden = [h for h in merge(records).hidden if h.entry.path in (b"same", b"todir")]
    assert [(h.entry.path, h.cause, h.same_content) for h in hidden] == [
        (b"todir", "type change", None),
        (b"same", "overwritten", True),
    ]
    files = [e for layer in records.layers for e in layer.entries if e.kind == "file"]
    assert [e.path for e in files if (e.crc is None) != (e.size_bytes == 0)] == []


def test_a_helper_container_tells_the_same_and_is_gone(
    engine: Engine, odd: str, nothing_left: object
) -> None:
    helper, save = (image_of(engine, odd, each) for each in (BY_HELPER, BY_SAVE))
    assert ways(helper) == [(HELPER, len(helper.layers))]
    assert without_crcs(helper) == save


def test_a_helper_container_is_removed_when_the_reading_is_given_up(
    engine: Engine, odd: str, nothing_left: object
) -> None:
    with layerhelper.helper(engine, odd, {}) as container:
        facts = engine.api.inspect_container(container)
        assert facts["State"]["Status"] == "created"
        assert facts["Config"]["Labels"]["container-magics.purpose"] == "look"
    with pytest.raises(KeyboardInterrupt), layerhelper.helper(engine, odd, {}):
        raise KeyboardInterrupt


def test_an_engine_that_does_not_give_its_folder_is_asked_for_its_archive(
    engine: Engine, odd: str, tmp_path: Path, nothing_left: object
) -> None:
    facts = replace(engine.facts(), data_folder=str(tmp_path / "not there"))
    other = connect()
    other._facts = facts
    found = image_of(other, odd, Sources(helper=True))
    other.close()
    assert ways(found) == [(SAVE, len(found.layers))]
    assert not (tmp_path / "not there").exists()


def test_what_is_kept_is_what_was_read(
    as_root: None, engine: Engine, odd: str, cache: LayerCache
) -> None:
    first, second = (image_of(engine, odd, Sources(cache)) for _ in range(2))
    assert ways(second) == [(CACHE, len(first.layers))]
    assert second == first


KINDS = {
    DIR: "dir", HARD: "hardlink", SOFT: "symlink", FIFO: "fifo", tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
}  # fmt: skip


def by_tarfile(data: bytes) -> dict[bytes, tuple[object, ...]]:
    found: dict[bytes, tuple[object, ...]] = {}
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape") as tar:
        for m in tar:
            name = os.fsencode("" if m.name == "." else m.name.removeprefix("./"))
            target = m.linkname.removeprefix("./") if m.type == HARD else m.linkname
            found[name] = (
                m.size if m.isreg() else 0, m.mode & 0o7777, KINDS.get(m.type, "file"),
                os.fsencode(target) if m.type in (HARD, SOFT) else b"", m.uid, m.gid, m.mtime,
            )  # fmt: skip
    return found


def marked(entry: Entry) -> bytes:
    """The name that the format gives a mark."""
    if entry.kind == "opaque":
        return entry.path + b"/.wh..wh..opq"
    folder, slash, name = entry.path.rpartition(b"/")
    return folder + slash + (b".wh." if entry.kind == "whiteout" else b"") + name


@pytest.mark.parametrize("sources", [Sources(), BY_SAVE], ids=["records", "save"])
def test_each_layer_holds_what_tarfile_finds(
    as_root: None, engine: Engine, odd: str, sources: Sources
) -> None:
    layers = image_of(engine, odd, sources).layers
    for layer, data in zip(layers, layers_of(engine, odd), strict=True):
        expected = by_tarfile(data)
        assert {marked(entry) for entry in layer.entries} == set(expected)
        for entry in layer.entries:
            if entry.kind not in ("whiteout", "opaque"):
                assert tuple(entry)[1:8] == expected[entry.path], entry.path


class Seen(NamedTuple):
    """What a file system shows at a path. ``size_bytes`` is 0 for all but files, and so is the
    ``mode`` of a symbolic link, which Linux does not keep."""

    kind: str
    size_bytes: int
    mode: int
    uid: int
    gid: int
    link: bytes


TESTS = {
    "dir": stat.S_ISDIR, "file": stat.S_ISREG, "symlink": stat.S_ISLNK, "fifo": stat.S_ISFIFO,
    "char": stat.S_ISCHR, "block": stat.S_ISBLK,
}  # fmt: skip
# The engine puts these into every container, above the image.
OWN = {b".dockerenv", b"dev", b"etc/hostname", b"etc/hosts", b"etc/resolv.conf", b"etc/mtab",
       b"proc", b"sys"}  # fmt: skip


def is_own(path: bytes) -> bool:
    return path in OWN or path.startswith((b"dev/", b"proc/", b"sys/"))


def seen_at(path: Path) -> Seen:
    facts = path.lstat()
    kind = next(kind for kind, holds in TESTS.items() if holds(facts.st_mode))
    link = os.fsencode(path.readlink()) if kind == "symlink" else b""
    size_bytes = facts.st_size if kind == "file" else 0
    mode = 0 if kind == "symlink" else stat.S_IMODE(facts.st_mode)
    return Seen(kind, size_bytes, mode, facts.st_uid, facts.st_gid, link)


def walked(root: Path) -> dict[bytes, Seen]:
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            below = os.fsencode(path.relative_to(root))
            if not is_own(below):
                found[below] = seen_at(path)
    return found


def exported(engine: Engine, container: str) -> dict[bytes, Seen]:
    data = b"".join(engine.api.export(container))
    return {
        path: Seen(*(("file", size) if kind == "hardlink" else (kind, size)), mode, uid, gid,
                   link if kind == "symlink" else b"")
        for path, (size, mode, kind, link, uid, gid, _) in by_tarfile(data).items()  # type: ignore[misc]
        if path and not is_own(path)
    }  # fmt: skip


def facts(entry: Entry, sizes: dict[bytes, int]) -> Seen:
    """Of a name as its readers see it; ``sizes`` of files, by path."""
    hard = entry.kind == "hardlink"
    return Seen(
        "file" if hard else entry.kind, sizes[entry.link] if hard else entry.size_bytes,
        0 if entry.kind == "symlink" else entry.mode, entry.uid, entry.gid,
        entry.link if entry.kind == "symlink" else b"",
    )  # fmt: skip


def merged_root(tree: LayerTree) -> tuple[dict[bytes, Seen], set[bytes]]:
    """What the tree shows in the end; and the folders on the way to it, which some layers do not
    name."""
    sizes: dict[bytes, int] = {}
    for layer in tree.layers:
        sizes |= {e.path: e.size_bytes for e in layer.entries if e.kind == "file"}
    ours, implied = dict[bytes, Seen](), set[bytes]()
    for each in tree.after(len(tree.layers) - 1):
        path = each.entry.path
        ours[path] = facts(each.entry, sizes)
        implied |= {path[:at] for at, byte in enumerate(path) if byte == 0x2F}
    return {path: seen for path, seen in ours.items() if path and not is_own(path)}, implied


def test_an_export_flattened_has_what_the_merged_tree_shows(engine: Engine, odd: str) -> None:
    tree = merge(image_of(engine, odd, BY_SAVE))
    ours, implied = merged_root(tree)
    *_, flat = flattened.read(engine, tree.image_id)
    assert isinstance(flat, ImageLayers)
    entries = [e for e in flat.layers[0].entries if e.path and not is_own(e.path)]
    sizes = {e.path: e.size_bytes for e in entries if e.kind == "file"}
    theirs = {e.path: facts(e, sizes) for e in entries}
    assert set(theirs) - set(ours) <= implied - set(ours)
    assert {path: theirs.get(path) for path in ours} == ours


def test_the_merged_tree_is_a_containers_root_to_the_entry(
    as_root: None, engine: Engine, odd: str
) -> None:
    tree = merge(image_of(engine, odd, Sources()))
    ours, implied = merged_root(tree)
    container = engine.api.create_container(odd)["Id"]
    try:
        by_export = exported(engine, container)
        engine.api.start(container)
        root = engine.api.inspect_container(container)["GraphDriver"]["Data"]["MergedDir"]
        by_walk = walked(Path(root))
    finally:
        engine.api.remove_container(container, force=True)
    assert set(by_walk) - set(ours) <= implied - set(ours)  # folders that no layer names
    assert set(ours) <= set(by_walk)
    for path, seen in ours.items():
        assert by_walk[path] == seen, path
    assert set(by_export) == set(by_walk)
    assert {path: seen.kind for path, seen in by_export.items()} == {
        path: seen.kind for path, seen in by_walk.items()
    }
    assert sum(seen.size_bytes for seen in by_export.values()) == sum(
        each.size_bytes for each in tree.after(len(tree.layers) - 1) if not is_own(each.entry.path)
    )


@pytest.mark.parametrize(
    ("helper", "records", "way"),
    [(False, True, RECORDS), (True, False, HELPER), (False, False, SAVE)],
)
def test_no_layer_is_read_twice(
    as_root: None, engine: Engine, odd: str, cache: LayerCache, monkeypatch: pytest.MonkeyPatch,
    helper: bool, records: bool, way: str,
) -> None:  # fmt: skip
    scanners = scanners_begun(monkeypatch)

    def layers_read() -> int:
        return sum(bool(scanner.members) for scanner in scanners)

    sources = Sources(cache, records=records, helper=helper)
    first = image_of(engine, odd, sources)
    assert ways(first) == [(way, len(first.layers))]
    assert layers_read() == len(first.layers)
    image_of(engine, odd, sources)
    assert layers_read() == len(first.layers)
    more = layer_of((("fresh", FILE, b"f" * 99, {}),), tarfile.GNU_FORMAT)
    with loaded(engine, more, ground=odd) as second:
        found = image_of(engine, second, sources)
        scanners.clear()
        whole = image_of(engine, second, Sources(records=False))
    assert ways(found) == [(CACHE, len(first.layers)), (way, 1)]
    assert without_crcs(found) == whole
    assert layers_read() == len(whole.layers)


def test_an_archive_is_read_but_for_the_layers_that_are_known(
    as_root: None, engine: Engine, odd: str, cache: LayerCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_of(engine, odd, Sources(cache))
    scanners = scanners_begun(monkeypatch)
    more = layer_of((("fresh", FILE, b"f" * 99, {}),), tarfile.GNU_FORMAT)
    with loaded(engine, more, ground=odd) as second:
        image_of(engine, second, Sources(cache, records=False))
    assert [e.path for scanner in scanners for e in scanner.entries()] == [b"fresh"]
    assert sum(scanner.members for scanner in scanners) == 1


def test_a_sparse_file_which_the_engine_can_load_but_not_save(
    as_root: None, engine: Engine, tmp_path: Path, cache: LayerCache, nothing_left: object
) -> None:
    with loaded(engine, sparse_layer(tmp_path)) as tag:
        layer = image_of(engine, tag, Sources()).layers[0]
        assert [(e.path, e.size_bytes) for e in layer.entries] == [(b"sparse", SPARSE_BYTES)]
        assert layer.entries[0].crc is not None
        flat = image_of(engine, tag, Sources(cache, records=False))
        assert ways(flat) == [(EXPORT, 1)]
        assert [(e.path, e.size_bytes) for e in flat.layers[0].entries if e.kind == "file"] == [
            (b"sparse", SPARSE_BYTES)
        ]
        assert "all layers in one" in flat.layers[0].instruction
        assert not cache.folder.exists(), "what is not a layer is not kept as one"


def test_podman_is_asked_for_its_archive_once(
    podman: Engine, base: str, cache: LayerCache, nothing_left: object
) -> None:
    first, second = (image_of(podman, base, Sources(cache, helper=True)) for _ in range(2))
    assert ways(first) == [(SAVE, len(first.layers))]
    assert ways(second) == [(CACHE, len(first.layers))]
    assert second == first
    assert any(entry.path == b"etc/passwd" for entry in first.layers[0].entries)


def test_a_newer_docker_keeps_the_same_records(newer: Engine, base: str, cache: LayerCache) -> None:
    records, save = (image_of(newer, base, each) for each in (Sources(), BY_SAVE))
    helper = image_of(newer, base, BY_HELPER)
    assert [ways(each) for each in (records, helper, save)] == [
        [(way, len(save.layers))] for way in (RECORDS, HELPER, SAVE)
    ]
    assert records.layers[0].entries == helper.layers[0].entries
    assert without_crcs(records).layers[0].entries == save.layers[0].entries


def test_containerds_store_is_asked_for_its_archive_once(
    newer_containerd: Engine, base: str, cache: LayerCache
) -> None:
    first, second = (
        image_of(newer_containerd, base, Sources(cache, helper=True)) for _ in range(2)
    )
    assert ways(first) == [(SAVE, len(first.layers))]
    assert ways(second) == [(CACHE, len(first.layers))]
    assert second == first

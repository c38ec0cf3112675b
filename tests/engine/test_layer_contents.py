"""Any version of a file, also a hidden one: the bytes that the layer's archive has."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from oddimage import FIFO, FILE, GROUND, HARD, SOFT, TOP, Odd, layer_of, layers_of, loaded

from container_magics.core.layers import Entry, Wanted
from container_magics.engine import layerhelper
from container_magics.engine.client import Engine
from container_magics.engine.layercontents import EngineContents, read_beneath
from container_magics.engine.layersources import Sources
from tests.engine.test_layer_sources import image_of

BY_SAVE, BY_HELPER = Sources(records=False), Sources(records=False, helper=True)
MANY_BYTES = 1 << 20
WAYS = pytest.mark.parametrize(
    "sources", [Sources(), BY_HELPER, BY_SAVE], ids=["local", "helper", "save"]
)


@pytest.fixture(scope="module")
def odd(engine: Engine, base: str) -> Iterator[str]:
    ground = layer_of(GROUND, tarfile.PAX_FORMAT)
    with loaded(engine, ground, layer_of(TOP, tarfile.GNU_FORMAT), ground=base) as tag:
        yield tag


def contents_of(engine: Engine, image: str, sources: Sources) -> EngineContents:
    found = image_of(engine, image, Sources())
    return EngineContents(engine, found.image_id, found.layers, sources)


def by_tarfile(engine: Engine, image: str) -> dict[Wanted, bytes]:
    """Every file of an image but those of its oldest layer."""
    found: dict[Wanted, bytes] = {}
    for index, data in enumerate(layers_of(engine, image)[1:], 1):
        with tarfile.open(
            fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape"
        ) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isreg() or member.islnk() else None
                if file is not None and ".wh." not in member.name:
                    found[index, os.fsencode(member.name)] = file.read()
    return found


@WAYS
def test_each_file_is_what_tarfile_reads(
    as_root: None, engine: Engine, odd: str, sources: Sources
) -> None:
    expected = by_tarfile(engine, odd)
    contents = contents_of(engine, odd, sources)
    assert (1, b"odd/third") in expected
    assert dict(contents.read(expected, MANY_BYTES)) == expected
    hidden = (1, b"whole/inner/file")
    assert list(contents.read([hidden], 100)) == [(hidden, b"w" * 100)]
    made = dict(contents.read_as(expected, MANY_BYTES, lambda path, body: (path, len(body))))
    assert made == {one: (one[1], len(body)) for one, body in expected.items()}


@WAYS
def test_what_is_no_file_is_left_out(
    as_root: None, engine: Engine, odd: str, sources: Sources
) -> None:
    wanted = [
        (1, b"odd"), (1, b"odd/pipe"), (1, b"odd/null"), (1, b"odd/soft"), (1, b"nowhere"),
        (2, b"odd/pipe"), (2, b"odd/first"), (2, b"whole"), (99, b"kept"), (-1, b"kept"),
        (1, b"../../kept"), (1, b""), (1, b"kept"),
    ]  # fmt: skip
    found = dict(contents_of(engine, odd, sources).read(wanted, MANY_BYTES))
    assert found == {(1, b"kept"): b"k" * 10}


def test_a_helper_container_has_the_layer_that_is_asked_for_and_no_other(
    as_root: None, engine: Engine, odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = list[dict[str, Path]]()
    helper = layerhelper.helper

    def noted(engine: Engine, image: str, places: dict[str, Path]) -> AbstractContextManager[str]:
        bound.append(places)
        return helper(engine, image, places)

    monkeypatch.setattr(layerhelper, "helper", noted)
    hidden = (1, b"whole/inner/file")
    found = dict(contents_of(engine, odd, BY_HELPER).read([hidden], 100))
    assert found == {hidden: b"w" * 100}
    assert [[*places] for places in bound] == [["1"]]
    assert bound[0]["1"].name == "diff"


def file(path: bytes, size_bytes: int) -> Entry:
    return Entry(path, size_bytes, 0o644, "file", b"", 0, 0, 0)


def test_nothing_leads_out_of_a_layers_folder(tmp_path: Path) -> None:
    layer, outside = tmp_path / "layer", tmp_path / "outside"
    (layer / "in").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (layer / "in" / "good").write_bytes(b"good!!")
    (layer / "folder").symlink_to(outside)
    (layer / "same").symlink_to("in")
    (layer / "link").symlink_to(outside / "secret")
    os.mkfifo(layer / "pipe")
    assert read_beneath(layer, file(b"in/good", 6), 4) == b"good"
    for path in (b"folder/secret", b"same/good", b"link", b"pipe", b"in", b"in/../in/good", b"",
                 b"../outside/secret", b"in//good", b"./in/good", b"in/good/more"):  # fmt: skip
        assert read_beneath(layer, file(path, 6), 10) is None, path
    assert read_beneath(layer, file(b"in/good", 7), 10) is None, "another file than was asked for"
    (tmp_path / "moved").symlink_to(layer)
    assert read_beneath(tmp_path / "moved", file(b"in/good", 6), 10) is None


HOSTILE: tuple[Odd, ...] = (
    ("a", HARD, "b", {}), ("b", HARD, "a", {}), ("c", HARD, "gone", {}), ("d", SOFT, "d", {}),
    ("e", FIFO, b"", {}), ("f", FILE, b"first", {}), ("f", FILE, b"second", {}),
)  # fmt: skip


def test_links_in_a_ring_and_files_that_are_there_twice() -> None:
    from container_magics.core.layercontents import ContentScanner, files_wanted, whole
    from container_magics.core.layers import Layer

    paths = {name.encode() for name, *_ in HOSTILE}
    scanner = ContentScanner({path: [path] for path in paths}, MANY_BYTES, whole)
    scanner.feed(memoryview(layer_of(HOSTILE, tarfile.PAX_FORMAT)))
    scanner.close()
    assert scanner.contents == {b"f": {b"f": b"second"}}
    layer = Layer("sha256:x", "", "", None, 0, scanner.entries())
    found = files_wanted([layer], [(0, path) for path in paths])
    assert {place: names for place, (_, names) in found.items()} == {(0, b"f"): [(0, b"f")]}


def test_a_newer_docker_gives_a_layers_file_through_a_helper_container(
    as_root: None, newer: Engine, base: str
) -> None:
    contents = contents_of(newer, base, BY_HELPER)
    files = {e.path for e in contents.layers[0].entries if e.kind == "file" and e.size_bytes}
    wanted = [(0, path) for path in sorted(files) if path.startswith(b"etc/") and b"/" in path][:5]
    helped = contents._helped(
        {(0, e.path): e for e in contents.layers[0].entries if (0, e.path) in wanted}, MANY_BYTES
    )
    found = dict(helped)
    assert len(found) == 5
    assert found == dict(contents_of(newer, base, BY_SAVE).read(wanted, MANY_BYTES))

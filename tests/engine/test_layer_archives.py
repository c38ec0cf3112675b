"""Archives that real engines write: each form tells the layers that the engine's image has."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from oddimage import BLOCK, CHAR, GROUND, TOP, layer_of, loaded
from otherengines import newer_docker

from container_magics.core.layers import EntryScanner, ImageLayers
from container_magics.core.layersource import FileSource, Transport
from container_magics.engine.archivefile import contents_of, read_file
from container_magics.engine.client import Engine
from container_magics.engine.layercache import LayerCache
from container_magics.engine.layersources import Sources, read_image
from container_magics.errors import BadArchive, UsageError

STATE = Path(__file__).resolve().parents[2] / ".state"
# Podman without root cannot make devices.
LAYERS = [
    layer_of(tuple(odd for odd in GROUND if odd[1] not in (CHAR, BLOCK)), tarfile.PAX_FORMAT),
    layer_of(tuple(odd for odd in TOP if odd[0] != "odd/.wh.null"), tarfile.GNU_FORMAT),
]
SECOND = layer_of((("fresh", tarfile.REGTYPE, b"f" * 99, {}),), tarfile.GNU_FORMAT)
DIFF_IDS = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in LAYERS]
MANY_BYTES = 1 << 20


@pytest.fixture
def image(builder: Engine) -> Iterator[str]:
    with loaded(builder, *LAYERS) as tag:
        yield tag


def expected() -> list[tuple[object, ...]]:
    found = []
    for layer in LAYERS:
        scanner = EntryScanner()
        scanner.feed(memoryview(layer))
        scanner.close()
        found.append(scanner.entries())
    return found


def image_in(
    path: Path, transport: Transport = "", choice: str = "", sources: Sources | None = None
) -> ImageLayers:
    *_, last = read_file(FileSource(transport, str(path), choice), sources or Sources())
    assert isinstance(last, ImageLayers)
    return last


def saved(engine: Engine, folder: Path, *names: str) -> Path:
    path = folder / "saved.tar"
    with path.open("wb") as file:
        many = list(names) if len(names) > 1 else names[0]
        file.writelines(engine.api.get_image(many) if len(names) == 1 else several(engine, many))
    return path


def several(engine: Engine, names: object) -> Iterator[bytes]:
    answer = engine.api.get(engine.url("/images/get"), params={"names": names}, stream=True)
    answer.raise_for_status()
    yield from answer.iter_content(1 << 20)


def check(found: ImageLayers) -> None:
    assert [layer.diff_id for layer in found.layers] == DIFF_IDS
    assert [layer.entries for layer in found.layers] == expected()
    assert [layer.instruction for layer in found.layers] == [
        "/bin/sh -c layer 0",
        "/bin/sh -c layer 1",
    ]


def test_what_each_engine_saves(builder: Engine, image: str, tmp_path: Path) -> None:
    path = saved(builder, tmp_path, f"{image}:latest")
    found = image_in(path)
    check(found)
    *_, own = read_image(builder, image, Sources(records=False))
    assert isinstance(own, ImageLayers)
    assert [layer.entries for layer in own.layers] == [layer.entries for layer in found.layers]
    check(image_in(path, "docker-archive", f"{image}:latest"))
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    check(image_in(packed))


def test_files_out_of_what_each_engine_saves(builder: Engine, image: str, tmp_path: Path) -> None:
    path = saved(builder, tmp_path, f"{image}:latest")
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    layers = image_in(path).layers
    wanted = [
        (0, b"odd/third"),
        (0, b"whole/inner/file"),
        (1, b"gone/fresh"),
        (1, b"odd"),
        (7, b"x"),
    ]
    for each in (path, packed):
        found = dict(contents_of(FileSource("", str(each)), layers).read(wanted, MANY_BYTES))
        assert found == {
            (0, b"odd/third"): b"h" * 1234,
            (0, b"whole/inner/file"): b"w" * 4096,
            (1, b"gone/fresh"): b"f" * 30,
        }


def test_two_images_in_one_archive(builder: Engine, image: str, tmp_path: Path) -> None:
    with loaded(builder, LAYERS[0], SECOND) as other:
        path = saved(builder, tmp_path, f"{image}:latest", f"{other}:latest")
    with pytest.raises(BadArchive, match="2 images; one is wanted") as told:
        image_in(path)
    assert all(any(name in fact for fact in told.value.facts) for name in (image, other))
    check(image_in(path, choice=image))
    found = image_in(path, choice=f"{other}:latest")
    assert [entry.path for entry in found.layers[1].entries] == [b"fresh"]


def test_a_layer_that_is_known_is_not_read_again(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = LayerCache(tmp_path / "cache")
    with loaded(engine, *LAYERS) as image:
        path = saved(engine, tmp_path, f"{image}:latest")
    first = image_in(path, sources=Sources(cache))
    assert [(way.name, way.layers) for way in first.ways] == [("an archive", 2)]
    monkeypatch.setattr(EntryScanner, "feed", None, raising=False)
    second = image_in(path, sources=Sources(cache))
    assert [(way.name, way.layers) for way in second.ways] == [("cache", 2)]
    assert second == first


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "oci-dir"])
def test_what_podman_saves(podman: Engine, open_path: Path, form: str) -> None:
    program = shutil.which("podman")
    assert program
    with loaded(podman, *LAYERS) as image:
        path = open_path / form
        subprocess.run(
            [program, "--url", podman.endpoint.url, "save", "-q", f"--format={form}",
             f"--output={path}", f"localhost/{image}:latest"],
            check=True, capture_output=True,
        )  # fmt: skip
    transport: Transport = "oci" if form == "oci-dir" else form  # type: ignore[assignment]
    for found in (image_in(path), image_in(path, transport)):
        check(found)
    if form != "docker-archive":
        layer = image_in(path).layers[0]
        assert layer.digest.startswith("sha256:")
        assert layer.digest != layer.diff_id, "a packed blob has another digest"


@pytest.mark.parametrize("packing", ["zstd", "gzip", "estargz"])
def test_what_buildkit_writes(newer_containerd: Engine, tmp_path: Path, packing: str) -> None:
    """Packed layers, and attestations beside the image."""
    path = tmp_path / "built.tar"
    with loaded(newer_containerd, *LAYERS) as image:
        (tmp_path / "Dockerfile").write_text(f"FROM {image}\nADD Dockerfile /etc/\n")
        output = f"type=oci,dest={path},compression={packing},force-compression=true"
        subprocess.run(
            [newer_docker(STATE) / "docker-buildx", "build", "--provenance=true",
             f"--output={output}", tmp_path],
            check=True, capture_output=True,
            env={**os.environ, "DOCKER_HOST": newer_containerd.endpoint.url, "HOME": str(tmp_path)},
        )  # fmt: skip
    found = image_in(path)
    assert len([layer for layer in found.layers if layer.diff_id]) == 3
    ours = [each for each in found.layers if each.diff_id][:2]
    if packing == "estargz":  # it puts its table of contents into the layer, and sorts it
        names = [{e.path for e in layer.entries} for layer in ours]
        assert all({e[0] for e in old} <= new for old, new in zip(expected(), names, strict=True))
    else:
        assert [layer.entries for layer in ours] == expected()
        assert [layer.diff_id for layer in ours] == DIFF_IDS
        assert all(layer.digest not in ("", layer.diff_id) for layer in ours)
    folder = tmp_path / "folder"
    with tarfile.open(path) as tar:
        tar.extractall(folder)
    assert image_in(folder, "oci") == found


@pytest.mark.parametrize(
    ("name", "transport", "says"),
    [("nothing", "", "cannot be read"), ("folder", "docker-archive", "does not take"),
     ("file", "oci", "does not take"), ("folder", "", "is no image"), ("pipe", "", "is no file"),
     ("nul\0", "", "is no path|cannot be read"), ("n" * 5000, "", "cannot be read|no path")],
)  # fmt: skip
def test_paths_that_lead_to_no_image(
    tmp_path: Path, name: str, transport: Transport, says: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match=says):
        image_in(tmp_path / name, transport)

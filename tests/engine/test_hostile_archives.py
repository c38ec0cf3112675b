"""Archive files and OCI folders that are damaged, lie, or want more than there is."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container_magics.core.layers import ImageLayers, shown
from container_magics.core.layersource import FileSource
from container_magics.core.layertree import merge
from container_magics.core.layerunpack import zstd
from container_magics.engine import blobsource
from container_magics.engine.archivefile import contents_of, read_file
from container_magics.engine.layercache import LayerCache
from container_magics.engine.layersources import Sources
from container_magics.errors import BadArchive, UsageError
from container_magics.view.html import html as to_html
from container_magics.view.plain import plain as to_plain
from container_magics.view.present import layers as present
from tests.unit.imageforms import FORMS, ONE, TWO, blob, config_of, digest, docker, oci, tar
from tests.unit.test_layers_fuzz import FRESH, MOST, edited, holds

DIFF_IDS = [digest(ONE), digest(TWO)]


def image_at(path: Path, choice: str = "", sources: Sources | None = None) -> ImageLayers:
    *_, last = read_file(FileSource("", str(path), choice), sources or Sources())
    assert isinstance(last, ImageLayers)
    return last


def written(folder: Path, data: bytes) -> Path:
    path = folder / "image.tar"
    path.write_bytes(data)
    return path


def laid_out(folder: Path, archive: bytes) -> Path:
    """The OCI folder that an archive has."""
    path = written(folder, archive)
    with tarfile.open(path) as tar_file:
        tar_file.extractall(folder / "layout")
    return folder / "layout"


@pytest.mark.parametrize("form", FORMS)
def test_each_form_and_its_packed_form(form: str, tmp_path: Path) -> None:
    for pack in (bytes, gzip.compress, zstd.compress):
        found = image_at(written(tmp_path, pack(FORMS[form])))
        assert [layer.diff_id for layer in found.layers] == DIFF_IDS
        assert [e.path for e in found.layers[0].entries] == [b"etc/a", b"etc/b"]


def test_the_view_says_that_digests_were_verified(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path / "cache")
    (tmp_path / "packed").mkdir()
    for place, sources, said in (
        (written(tmp_path, docker(ONE, TWO)), Sources(), "from an archive ("),
        (
            written(tmp_path / "packed", gzip.compress(oci(ONE, TWO))),
            Sources(),
            "from an archive (",
        ),
        (laid_out(tmp_path, oci(ONE, TWO)), Sources(cache), "from an OCI folder ("),
    ):
        text = to_plain(present.layers(merge(image_at(place, sources=sources)), "x"))
        assert ", digests verified)" in text.split(said)[1].split("\n")[0]
    again = to_plain(present.layers(merge(image_at(place, sources=Sources(cache))), "x"))
    assert "from cache (" in again
    assert "verified" not in again


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_cut_short(form: str, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    whole = pack(FORMS[form].rstrip(b"\0"))
    for parts in range(1, 12):
        with pytest.raises(BadArchive):
            image_at(written(tmp_path, whole[: len(whole) * parts // 12]))


@pytest.mark.parametrize("data", [b"", b"\0" * 1024, b"no archive" * 100, b"PK\3\4" * 300])
def test_what_is_no_archive(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadArchive):
        image_at(written(tmp_path, data))


def test_a_layer_of_another_digest_is_neither_shown_nor_kept(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path / "cache")
    evil = docker(TWO, TWO, config=config_of(ONE, TWO))
    with pytest.raises(BadArchive, match="not what its digest says") as told:
        image_at(written(tmp_path, evil), sources=Sources(cache))
    assert told.value.facts == (f"named {digest(ONE)}", f"found {digest(TWO)}")
    assert cache.layer(digest(ONE)) is None


def test_a_config_of_another_digest_is_not_kept_for_that_image(tmp_path: Path) -> None:
    """A link by the name of a true config to a false one."""
    true, false = config_of(ONE), config_of(ONE).replace(b"RUN 0", b"RUN 1")
    name = digest(true)[7:] + ".json"
    manifest = json.dumps([{"Config": name, "Layers": ["0/layer.tar"]}]).encode()
    data = tar(
        ("0/layer.tar", ONE), ("c.json", false), ("manifest.json", manifest),
        links=((name, "c.json"),),
    )  # fmt: skip
    for each in (data, gzip.compress(data)):
        with pytest.raises(BadArchive, match="not what its digest says"):
            image_at(written(tmp_path, each))


@pytest.mark.parametrize("target", ["../../../etc/passwd", "/etc/passwd", "1/layer.tar", "", "."])
def test_links_that_lead_out_or_to_themselves(target: str, tmp_path: Path) -> None:
    manifest = json.dumps([{"Config": "c.json", "Layers": ["1/layer.tar"]}]).encode()
    data = tar(
        ("c.json", config_of(ONE)), ("manifest.json", manifest), links=(("1/layer.tar", target),)
    )
    with pytest.raises(BadArchive, match="lacks a layer"):
        image_at(written(tmp_path, data))


def test_links_in_a_folder(tmp_path: Path) -> None:
    """A store may link to its blobs: what they hold is verified. A ring, a pipe and a device are
    not there; a link to another file is not what its digest says."""
    layout = laid_out(tmp_path, oci(ONE, TWO))
    one = layout / blob(ONE)[0]
    moved = tmp_path / "elsewhere"
    one.rename(moved)
    one.symlink_to(moved)
    assert [layer.diff_id for layer in image_at(layout).layers] == DIFF_IDS
    moved.write_bytes(b"secret: x\n" * 100)
    with pytest.raises(BadArchive, match="not what its digest says") as told:
        image_at(layout)
    assert "secret" not in "\n".join(told.value.told())
    moved.unlink()
    moved.symlink_to(one)
    with pytest.raises(BadArchive, match="lacks"):
        image_at(layout)
    one.unlink()
    os.mkfifo(one)
    with pytest.raises(BadArchive, match="lacks"):
        image_at(layout)


def test_a_file_that_grows_shorter_while_it_is_read(tmp_path: Path) -> None:
    layout = laid_out(tmp_path, oci(ONE, TWO))
    layers = image_at(layout).layers
    (layout / blob(ONE)[0]).write_bytes(ONE[:600])
    reader = contents_of(FileSource("oci", str(layout)), layers)
    with pytest.raises(BadArchive, match="not what its digest says"):
        list(reader.read([(0, b"etc/a")], 10))


NAMES = (
    b"line\nbreak", b"<b>&amp;", b"tab\there\x1b[31m", "\u202edlrow".encode(), b"\xff\xfe-not-utf8",
    b"/".join([b"d" * 200] * 20), b"-rf", b" ", b"a'\"`$(x)",
)  # fmt: skip


def test_names_of_any_bytes(tmp_path: Path) -> None:
    """4 KB long, too: they are told whole, and shown so that they do nothing."""
    layer = tar(*((name.decode("utf-8", "surrogateescape"), b"x" * 5) for name in NAMES))
    found = image_at(written(tmp_path, oci(layer)))
    assert {entry.path for entry in found.layers[0].entries} == set(NAMES)
    view = present.layers(merge(found), "x.tar")
    for text in (to_plain(view), to_html(view)):
        assert not {"\x1b", "\u202e", "\t"} & set(text)
    assert "<b>" not in to_html(view)
    assert "line\nbreak" not in to_plain(view)
    assert all(shown(name).isprintable() for name in NAMES)


def test_a_name_that_no_system_takes(tmp_path: Path) -> None:
    layer = tar(("/".join(["d" * 200] * 60), b""))
    with pytest.raises(BadArchive, match="name of 12,059 bytes"):
        image_at(written(tmp_path, oci(layer)))


def test_the_last_of_two_entries_and_of_two_members(tmp_path: Path) -> None:
    layer = tar(("a", b"first"), ("b", b""), ("a", b"second one"))
    found = image_at(written(tmp_path, oci(layer))).layers[0]
    assert [(e.path, e.size_bytes) for e in found.entries] == [(b"a", 10), (b"b", 0)]
    named = json.dumps([{"Config": "c.json", "Layers": ["layer"]}]).encode()
    other = json.dumps([{"Config": "none", "Layers": []}]).encode()
    for first, last in ((named, other), (other, named)):
        data = tar(
            ("layer", TWO), ("layer", ONE), ("c.json", config_of(ONE)),
            ("manifest.json", first), ("manifest.json", last),
        )  # fmt: skip
        for each in (data, gzip.compress(data)):
            path = written(tmp_path, each)
            if last is named:
                assert [e.path for e in image_at(path).layers[0].entries] == [b"etc/a", b"etc/b"]
            else:
                with pytest.raises(BadArchive, match="lacks"):
                    image_at(path)


def test_millions_of_entries_end_at_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is for all layers together; here it is small."""
    monkeypatch.setattr(blobsource, "MAX_MEMBERS", 3)
    many = tar(("c", b""), ("d", b""))
    assert image_at(written(tmp_path, oci(many)))
    with pytest.raises(BadArchive, match="more than 1 members"):
        image_at(written(tmp_path, oci(ONE, many)))


HUGE = 1 << 30
LIMITED = """
import pathlib, re, resource, sys
from container_magics.core.layersource import FileSource
from container_magics.engine.archivefile import read_file
resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))
*_, image = read_file(FileSource("", sys.argv[1]))
status = pathlib.Path("/proc/self/status").read_text()  # ru_maxrss begins with the parent's
print(image.layers[0].size_bytes, int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) >> 10)
"""


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "bomb"])
def test_a_layer_larger_than_memory(tmp_path: Path, packed: bool) -> None:
    """In a process that may have 0.7 GB, a layer of 1 GB: a file with a hole, or 5 MB of gzip."""
    header = tarfile.TarInfo("huge")
    header.size = HUGE
    start = header.tobuf()
    pieces = [start, *[bytes(1 << 20)] * (HUGE >> 20), bytes(1024)]
    path = tmp_path / "image.tar"
    hasher = hashlib.sha256()
    for piece in pieces:
        hasher.update(piece)
    diff_id = f"sha256:{hasher.hexdigest()}"
    config = json.dumps({"rootfs": {"diff_ids": [diff_id]}, "history": []}).encode()
    manifest = json.dumps([{"Config": "c.json", "Layers": ["layer"]}]).encode()
    with tarfile.open(path, "w") as archive:
        for name, body in (("c.json", config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        info = tarfile.TarInfo("layer")
        if packed:
            bomb = tmp_path / "bomb"
            with gzip.open(bomb, "wb", compresslevel=1) as file:
                file.writelines(pieces)
            info.size = bomb.stat().st_size
            with bomb.open("rb") as file:
                archive.addfile(info, file)
        else:
            info.size = len(start) + HUGE + 1024
            assert archive.fileobj is not None
            archive.fileobj.write(info.tobuf() + start)
            archive.fileobj.seek(HUGE + 1024, os.SEEK_CUR)
            archive.offset = archive.fileobj.tell()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    size_bytes, peak_mb = map(int, done.stdout.split())
    assert size_bytes == HUGE
    assert peak_mb < 120


COMPARED = """
import pathlib, re, sys
from container_magics.core.layerdiff import diff
from container_magics.core.layersecrets import secrets
from container_magics.core.layersource import FileSource
from container_magics.core.layertree import merge
from container_magics.engine.archivefile import contents_of, read_file
sources = [FileSource("", name) for name in sys.argv[1:]]
trees = [merge([*read_file(source)][-1]) for source in sources]
contents = [contents_of(source, tree.layers) for source, tree in zip(sources, trees)]
differ = diff(*trees, tuple(contents))
found = secrets(trees[0], contents[0])
status = pathlib.Path("/proc/self/status").read_text()
peak_mb = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) >> 10
print(len(differ), {one.what for one in differ}, len(found), peak_mb)
"""


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_files_are_compared_and_looked_into_one_by_one(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """Of more bytes than the process may hold: forty files of 4 MB, and six hundred of 250 KB."""
    names = [("big", 40, 4 << 20), ("srv/small", 600, 250 << 10)]
    paths = []
    for number in range(2):
        layer = tar(
            *((f"{name}{n}", b"%d" % number * size) for name, count, size in names
              for n in range(count))
        )  # fmt: skip
        path = tmp_path / f"{number}.tar"
        path.write_bytes(pack(docker(layer)))
        paths.append(path)
    done = subprocess.run(
        [sys.executable, "-c", COMPARED, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told, peak_mb = done.stdout.strip().rsplit(" ", 1)
    assert told == "640 {('content',)} 0"
    assert int(peak_mb) < 120  # with all held at once it was 800


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=MOST // 2, deadline=None, suppress_health_check=list(HealthCheck), **FRESH)
@given(data=st.data())
def test_files_with_damage(form: str, data: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), data.draw(edited(FORMS[form])))
        with contextlib.suppress(BadArchive):
            holds(image_at(path))


@settings(max_examples=MOST // 2, deadline=None, suppress_health_check=list(HealthCheck), **FRESH)
@given(data=st.data())
def test_folders_with_damage(data: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        layout = laid_out(Path(folder), FORMS["oci-zstd"])
        files = sorted(path for path in layout.rglob("*") if path.is_file())
        path = data.draw(st.sampled_from(files))
        path.write_bytes(data.draw(edited(path.read_bytes())))
        with contextlib.suppress(BadArchive, UsageError):
            holds(image_at(layout))

"""Images to a file and back: what was there stays until the new is whole; faults are told."""

from __future__ import annotations

import io
import os
import resource
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from faultproxy import Fault, through
from registry import tiny_image

from container_magics.core.events import ArchiveProgress, Loaded, Saved
from container_magics.engine import images
from container_magics.engine.client import Engine
from container_magics.engine.imagefiles import load, load_file, save
from container_magics.errors import BadArchive, EngineLost, UsageError

OLD = b"what was here before"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "image.tar"
    path.write_bytes(OLD)
    return path


def unchanged(path: Path) -> bool:
    """Whether the old content is there, and nothing beside it."""
    return path.read_bytes() == OLD and list(path.parent.iterdir()) == [path]


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """No file may become larger meanwhile: the kernel refuses the write, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("form", ["whole ID", "short ID", "name"])
def test_an_image_is_saved_by_name_or_id(
    docker_builder: Engine, base: str, file: Path, form: str
) -> None:
    image_id = images.inspect(docker_builder, base)["Id"]
    name = {"whole ID": image_id, "short ID": image_id[7:19], "name": base}[form]
    file.chmod(0o640)
    told = list(save(docker_builder, [name], file))
    assert told[-1] == Saved(str(file), file.stat().st_size)
    grown = [one.done_bytes for one in told if isinstance(one, ArchiveProgress)]
    assert grown == sorted(grown)
    assert len(grown) > 10
    assert grown[-1] == file.stat().st_size > len(OLD)
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(file.parent.iterdir()) == [file]
    with tarfile.open(file) as tar:
        assert "manifest.json" in tar.getnames()


def test_a_save_that_breaks_leaves_the_file_that_was_there(
    engine: Engine, base: str, file: Path
) -> None:
    with (
        through(engine, Fault("cut", at=3_000_000)) as (broken, _),
        pytest.raises(EngineLost),
    ):
        list(save(broken, [base], file))
    assert unchanged(file)


def test_a_full_disk_leaves_the_file_that_was_there(engine: Engine, base: str, file: Path) -> None:
    with largest_file(1_000_000), pytest.raises(UsageError, match=str(file)):
        list(save(engine, [base], file))
    assert unchanged(file)


def test_an_interrupt_leaves_the_file_that_was_there(engine: Engine, base: str, file: Path) -> None:
    story = save(engine, [base], file)
    next(story)
    assert len(list(file.parent.iterdir())) == 2, "it is being written"
    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        story.throw(KeyboardInterrupt)
    assert time.monotonic() - began_s < 1
    assert unchanged(file)


def test_an_unknown_image_leaves_the_file_that_was_there(engine: Engine, file: Path) -> None:
    with pytest.raises(images.ImageNotFound):
        list(save(engine, ["cm-no-such-image"], file))
    assert unchanged(file)


@pytest.mark.parametrize("place", ["missing/image.tar", "/sys/image.tar", ".", "/dev/null"])
def test_a_place_that_takes_no_file_is_named(
    engine: Engine, base: str, tmp_path: Path, place: str
) -> None:
    with pytest.raises(UsageError) as caught:
        list(save(engine, [base], tmp_path / place))
    assert str((tmp_path / place).resolve()) in str(caught.value)
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("content", ["garbage", "empty archive"])
def test_what_holds_no_image_is_told(engine: Engine, tmp_path: Path, content: str) -> None:
    path = tmp_path / "image.tar"
    if content == "garbage":
        path.write_bytes(b"garbage" * 1000)
    else:
        with tarfile.open(path, "w"):
            pass
    with pytest.raises(BadArchive, match=str(path)) as caught:
        list(load_file(engine, path))
    assert caught.value.hint


@pytest.mark.parametrize("place", ["missing.tar", "missing/image.tar", "."])
def test_a_file_that_cannot_be_read_is_named(engine: Engine, tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError, match=str(tmp_path)):
        list(load_file(engine, tmp_path / place))


@pytest.fixture
def pair(docker_builder: Engine) -> Iterator[list[str]]:
    """Two images, one larger than an engine takes in at once."""
    names = ["cm-test/saved:a", "cm-test/saved:b"]
    tiny_image(docker_builder, names[0], os.urandom(30_000_000), "cm-test=saved")
    tiny_image(docker_builder, names[1], b"b", "cm-test=saved")
    yield names
    for name in names:
        with suppress(images.ImageNotFound):
            images.remove(docker_builder, name, force=True)


def test_several_images_go_into_one_file_and_come_out_of_memory(
    docker_builder: Engine, pair: list[str], file: Path
) -> None:
    list(save(docker_builder, pair, file))
    for name in pair:
        images.remove(docker_builder, name)
    content = file.read_bytes()
    told = list(load(docker_builder, io.BytesIO(content), len(content), "a variable"))
    loaded = [one.sentence for one in told if isinstance(one, Loaded)]
    assert [each for each in pair if any(each in line for line in loaded)] == pair
    unpacked = [one for one in told if isinstance(one, ArchiveProgress) and one.layer]
    assert unpacked or docker_builder.facts().containerd_store  # which says nothing of it
    assert all(images.listed(docker_builder, name) for name in pair)


class Slow(io.BytesIO):
    """Bytes that come slowly, as from a disk that is far away."""

    def read(self, size: int | None = -1, /) -> bytes:
        time.sleep(0.1)
        return super().read(size)


def test_a_load_tells_how_far_it_is_and_stops_at_once(
    docker_builder: Engine, pair: list[str], file: Path
) -> None:
    list(save(docker_builder, pair, file))
    for name in pair:
        images.remove(docker_builder, name)
    content = file.read_bytes()
    story = load(docker_builder, Slow(content), len(content), "a variable")
    told = [next(story), next(story)]
    assert 0 < told[1].done_bytes < len(content) == told[1].total_bytes
    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        story.throw(KeyboardInterrupt)
    assert time.monotonic() - began_s < 1
    time.sleep(2)
    assert not [name for name in pair if images.listed(docker_builder, name)]


def test_much_that_holds_no_image_is_told(engine: Engine) -> None:
    """The engine refuses it while most of it is still being sent."""
    content = os.urandom(60_000_000)
    with pytest.raises(BadArchive, match="a variable"):
        list(load(engine, io.BytesIO(content), len(content), "a variable"))


def test_a_cut_load_is_told(docker_builder: Engine, pair: list[str], file: Path) -> None:
    list(save(docker_builder, pair, file))
    cut = Fault("cut", path="/images/load")
    with through(docker_builder, cut) as (broken, _), pytest.raises(EngineLost):
        list(load_file(broken, file))

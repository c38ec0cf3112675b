"""What is kept of layers: within a limit, safe under two kernels, no harm when it is damaged."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest

from container_magics.core.layerindex import VERSION, HistoryLine, ImageIndex
from container_magics.core.layers import Entry
from container_magics.engine.layercache import (
    CACHE_VARIABLE,
    LayerCache,
    cache_dir,
    user_cache,
)


def diff_id(number: int) -> str:
    return "sha256:" + hashlib.sha256(str(number).encode()).hexdigest()


def entries(number: int, count: int = 50) -> tuple[Entry, ...]:
    names = [diff_id(number * 1000 + n).encode() for n in range(count)]
    return tuple(Entry(name, n, 0o644, "file", b"", 0, 0, n) for n, name in enumerate(names))


IMAGE = ImageIndex(VERSION, diff_id(0), (diff_id(1),), ("",), (HistoryLine("RUN x", 1.0, False),))


@pytest.fixture
def cache(tmp_path: Path) -> LayerCache:
    return LayerCache(tmp_path / "made" / "layers")


def bytes_in(cache: LayerCache) -> int:
    return sum(each.stat().st_blocks * 512 for each in cache.folder.iterdir())


def test_what_was_kept_is_there_and_nobody_else_may_look(cache: LayerCache) -> None:
    assert cache.layer(diff_id(1)) is None
    assert cache.image(IMAGE.image_id, IMAGE.diff_ids) is None
    cache.keep(IMAGE, {diff_id(1): entries(1), diff_id(2): ()})
    assert cache.layer(diff_id(1)) == entries(1)
    assert cache.layer(diff_id(2)) == ()
    assert cache.image(IMAGE.image_id, IMAGE.diff_ids) == IMAGE
    assert cache.image(IMAGE.image_id, (diff_id(2),)) is None, "the same ID on another platform"
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert sorted(each.suffix for each in cache.folder.iterdir()) == [".image", ".layer", ".layer"]


@pytest.mark.parametrize("name", ["", "x", "sha256:..", "sha256:" + "g" * 64, "../" * 5])
def test_what_has_no_digest_for_a_name_is_not_kept(cache: LayerCache, name: str) -> None:
    cache.keep(None, {name: entries(1)})
    assert cache.layer(name) is None
    assert list(cache.folder.iterdir()) == []


def test_the_layers_go_that_were_not_used_for_the_longest_time(cache: LayerCache) -> None:
    for number in range(6):
        cache.keep(None, {diff_id(number): entries(number)})
        time.sleep(0.02)
    one = bytes_in(cache) // 6
    assert cache.layer(diff_id(0)) is not None  # used now
    small = LayerCache(cache.folder, limit_bytes=3 * one)
    small.keep(None, {diff_id(9): entries(9)})
    left = [number for number in (*range(6), 9) if small.layer(diff_id(number)) is not None]
    assert left == [0, 5, 9]
    assert bytes_in(small) <= small.limit_bytes


def test_what_alone_is_over_the_limit_is_not_kept(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path, limit_bytes=1000)
    cache.keep(None, {diff_id(1): entries(1)})
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_file_of_a_kernel_that_died_counts_and_goes(cache: LayerCache) -> None:
    cache.keep(None, {diff_id(1): entries(1)})
    part = cache.folder / ".x.layer.0.part"
    part.write_bytes(bytes(100_000))
    os.utime(part, (1, 1))
    LayerCache(cache.folder, limit_bytes=50_000).keep(None, {diff_id(2): entries(2)})
    assert not part.exists()
    assert cache.layer(diff_id(1)) == entries(1)


def damaged(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.unlink()
    if how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        path.touch()
    elif how == "foreign":
        path.write_bytes(b"\x80\x04cos\nsystem\n")  # a pickle, say
    elif how == "another layer":
        LayerCache(path.parent).keep(None, {diff_id(7): entries(7)})
        next(path.parent.iterdir()).replace(path)
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "link":
        other = path.parent.parent / "other"
        other.write_bytes(data)
        path.symlink_to(other)


@pytest.mark.parametrize("how", ["cut", "empty", "foreign", "another layer", "pipe", "link"])
def test_a_damaged_file_is_not_there_and_is_written_anew(cache: LayerCache, how: str) -> None:
    cache.keep(None, {diff_id(1): entries(1)})
    (path,) = cache.folder.iterdir()
    damaged(path, how)
    assert cache.layer(diff_id(1)) is None
    cache.keep(None, {diff_id(1): entries(1)})
    assert cache.layer(diff_id(1)) == entries(1)
    assert path.is_file()
    assert not path.is_symlink()


def test_a_folder_that_cannot_be_made_or_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        cache = LayerCache(folder)
        cache.keep(IMAGE, {diff_id(1): entries(1)})
        assert cache.layer(diff_id(1)) is None
    (tmp_path / "dir" / f"{diff_id(1)[7:]}.layer").mkdir(parents=True)
    cache = LayerCache(tmp_path / "dir")
    cache.keep(None, {diff_id(1): entries(1), diff_id(2): entries(2)})
    assert cache.layer(diff_id(1)) is None
    assert cache.layer(diff_id(2)) == entries(2)


def busy(folder: Path, limit_bytes: int, seed: int) -> None:
    """A kernel that reads and keeps the same few layers again and again."""
    cache = LayerCache(folder, limit_bytes)
    for turn in range(150):
        number = (turn * 7 + seed) % 8
        found = cache.layer(diff_id(number))
        assert found is None or found == entries(number)
        cache.keep(None, {diff_id(number): entries(number)})


def test_two_kernels_at_once(cache: LayerCache) -> None:
    start = multiprocessing.get_context("fork")
    both = [start.Process(target=busy, args=(cache.folder, 16_384, n)) for n in (0, 3)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert [each.exitcode for each in both] == [0, 0]
    assert [each for each in cache.folder.iterdir() if each.suffix == ".part"] == []
    assert bytes_in(cache) <= 2 * 16_384  # each counts what it sees
    LayerCache(cache.folder, 16_384).keep(None, {diff_id(1): entries(1)})
    assert bytes_in(cache) <= 16_384


def test_where_it_is_and_how_it_is_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_dir({CACHE_VARIABLE: str(tmp_path)}) == tmp_path
    assert cache_dir({CACHE_VARIABLE: ""}) is None
    assert user_cache({CACHE_VARIABLE: ""}) is None
    assert user_cache({CACHE_VARIABLE: str(tmp_path)}, 0) is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    found = user_cache({})
    assert found is not None
    assert found.folder == tmp_path / "xdg" / "container-magics" / "layers"

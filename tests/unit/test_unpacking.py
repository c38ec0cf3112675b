"""An archive on its way to files: cut anywhere, larger than it looks, with or without a top."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from container_magics.engine import folders
from container_magics.errors import BadArchive, TooLarge

BLOCK = tarfile.BLOCKSIZE


def archive(*entries: tuple[str, bytes, str]) -> bytes:
    """An archive of (name, type, link's end or content)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind, text in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, 0o755
            entry.size = len(text) if kind == tarfile.REGTYPE else 0
            entry.linkname = "" if kind == tarfile.REGTYPE else text
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


FILE, LINK, FOLDER = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE


def test_one_that_is_cut_anywhere_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    """Also between two entries, where no file lacks anything; zeros in a file are no end."""
    whole = archive(("a", FILE, "x" * BLOCK), ("b", FILE, "y"), ("c", FILE, "\0" * 2 * BLOCK))
    end = 7 * BLOCK
    assert whole[end - 2 * BLOCK : end + 2 * BLOCK] == bytes(4 * BLOCK)
    for length in range(0, end + BLOCK, BLOCK // 4):
        folder = tmp_path / str(length)
        folder.mkdir()
        with pytest.raises(BadArchive):
            list(folders.unpack(iter([whole[:length]]), folder))
    folder = tmp_path / "whole"
    folder.mkdir()
    list(folders.unpack(iter([whole[: end + BLOCK]]), folder))
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b", "c"]


def test_one_that_is_damaged_between_two_entries_is_refused(tmp_path: Path) -> None:
    whole = archive(("a", FILE, "x"), ("b", FILE, "y"))
    damaged = whole[: 2 * BLOCK] + b"?" + whole[2 * BLOCK + 1 :]
    with pytest.raises(BadArchive):
        list(folders.unpack(iter([damaged]), tmp_path))


def test_a_file_that_is_larger_than_what_was_sent_is_left_out(tmp_path: Path) -> None:
    """GNU's sparse header: a file of 10**12 zeros in five blocks."""
    header = tarfile.TarInfo("bomb")
    header.type = tarfile.GNUTYPE_SPARSE
    raw = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    raw[483:495] = tarfile.itn(10**12, 12, tarfile.GNU_FORMAT)  # realsize: GNU tar, tar.h
    raw[148:156] = b" " * 8
    raw[148:155] = b"%06o\0" % sum(raw)
    whole = bytes(raw) + archive(("a", FILE, "x"))
    *_, last = folders.unpack(iter([whole]), tmp_path)
    assert last.left_out == ["bomb"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_there_may_be_a_limit_to_the_number_of_entries(tmp_path: Path) -> None:
    whole = archive(*((str(number), FILE, "") for number in range(4)))
    with pytest.raises(TooLarge, match="more than 3 files"):
        list(folders.unpack(iter([whole]), tmp_path, most=3))


def test_without_a_top_folder_a_link_may_lead_anywhere_within(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    whole = archive(
        (".", FOLDER, ""),
        ("./project", FOLDER, ""),
        ("./project/main.c", FILE, "x"),
        ("./latest", LINK, "project/main.c"),
        ("./project/up", LINK, "../latest"),
        ("./out", LINK, "../outside"),
    )
    *_, last = folders.unpack(iter([whole]), tmp_path / "in", topless=True)
    assert last.left_out == ["out"]
    assert (tmp_path / "in" / "latest").read_text() == "x"
    assert (tmp_path / "in" / "project" / "up").read_text() == "x"

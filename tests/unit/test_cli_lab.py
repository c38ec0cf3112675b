"""The student's copy of the course: never written over once it was changed."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from container_magics import lab
from container_magics.errors import UsageError
from container_magics.lab import COPIED, copy_notebooks, free_port, serve


@pytest.fixture
def course(tmp_path: Path) -> Path:
    source = tmp_path / "notebooks"
    (source / "pictures").mkdir(parents=True)
    (source / ".ipynb_checkpoints").mkdir()
    (source / "01.ipynb").write_text("one")
    (source / "02.ipynb").write_text("two")
    (source / "pictures" / "a.png").write_bytes(b"\x89PNG")
    (source / ".ipynb_checkpoints" / "01.ipynb").write_text("a checkpoint")
    return source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lab"


def files(folder: Path) -> dict[str, bytes]:
    names = (path for path in folder.rglob("*") if path.is_file() and path.name != COPIED)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}


def test_the_course_is_copied_whole_without_checkpoints(course: Path, folder: Path) -> None:
    assert copy_notebooks(course, folder) == []
    assert files(folder) == {"01.ipynb": b"one", "02.ipynb": b"two", "pictures/a.png": b"\x89PNG"}


def test_a_changed_file_stays_and_an_unchanged_one_follows_the_course(
    course: Path, folder: Path
) -> None:
    copy_notebooks(course, folder)
    (folder / "01.ipynb").write_text("one, with my answers")
    (course / "01.ipynb").write_text("one, second edition")
    (course / "02.ipynb").write_text("two, second edition")
    (kept,) = copy_notebooks(course, folder)
    assert str(folder / "01.ipynb") in kept
    assert files(folder)["01.ipynb"] == b"one, with my answers"
    assert files(folder)["02.ipynb"] == b"two, second edition"


def test_a_changed_file_without_a_newer_original_is_not_worth_a_line(
    course: Path, folder: Path
) -> None:
    copy_notebooks(course, folder)
    (folder / "01.ipynb").write_text("my answers")
    assert copy_notebooks(course, folder) == []
    assert files(folder)["01.ipynb"] == b"my answers"


def test_a_removed_file_comes_back_and_a_students_own_file_stays(
    course: Path, folder: Path
) -> None:
    copy_notebooks(course, folder)
    (folder / "02.ipynb").unlink()
    (folder / "mine.ipynb").write_text("mine")
    copy_notebooks(course, folder)
    assert files(folder)["02.ipynb"] == b"two"
    assert files(folder)["mine.ipynb"] == b"mine"


@pytest.mark.parametrize("text", [None, "", "{", "[]"])
def test_without_its_record_nothing_that_is_there_is_written_over(
    course: Path, folder: Path, text: str | None
) -> None:
    folder.mkdir()
    (folder / "01.ipynb").write_text("found here")
    if text is not None:
        (folder / COPIED).write_text(text)
    copy_notebooks(course, folder)
    assert files(folder)["01.ipynb"] == b"found here"
    assert files(folder)["02.ipynb"] == b"two"


def test_a_course_without_notebooks_is_an_error(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UsageError):
        copy_notebooks(tmp_path / "none", folder)
    assert not folder.exists()


def test_a_port_in_use_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port


@pytest.mark.parametrize(("runs_s", "told"), [(2, True), (0, False)])
def test_a_slow_server_s_address_is_told_and_a_dead_one_s_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_s: int, told: bool
) -> None:
    """The server is a program that never listens."""
    program = [sys.executable, "-c", f"import time; time.sleep({runs_s})"]
    monkeypatch.setattr(lab, "_command", lambda _port, _page, *, browser: program)
    monkeypatch.setattr(lab, "READY_S", 1.0)
    lines: list[str] = []
    assert serve(tmp_path, free_port(8888), browser=False, report=lines.append) == 0
    assert ("http://127.0.0.1:" in "".join(lines)) is told
    assert "is open" not in "".join(lines)

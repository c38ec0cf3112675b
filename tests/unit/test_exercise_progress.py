"""A student's progress: what counts, what is kept, and what two kernels or a fault do to it."""

from __future__ import annotations

import csv
import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from container_magics.core.progress import Record, as_csv, as_nbgrader, pack, unpack
from container_magics.engine.progressfile import ProgressFile, progress_path

AT = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINER_MAGICS_STATE", str(tmp_path / "state"))


def done(record: Record | None = None) -> Record:
    return (record or Record()).checked(passed=True, at=AT)


def test_what_is_done_counts_and_is_dated_once() -> None:
    record = done(Record(max_points=2).checked(passed=False, at=AT))
    assert (record.state, record.points, record.checks) == ("done", 2, 2)
    assert record.done_at == "2026-11-26T12:00:30+00:00"
    later = record.checked(passed=True, at=datetime(2027, 1, 1, tzinfo=UTC))
    assert later.done_at == record.done_at
    assert later.checked(passed=False, at=AT).points == 2


def test_a_solution_that_was_shown_before_costs_the_points() -> None:
    assert done(Record().solution_shown()).points == 0
    assert done().solution_shown().points == 1


def test_hints_are_counted_to_the_last() -> None:
    record = Record()
    assert [(record := record.hinted(2)).hints for _ in range(3)] == [1, 2, 2]


def test_csv_has_a_line_for_each() -> None:
    rows = list(csv.DictReader(as_csv({"one": done(), "two": Record(hints=1)}).splitlines()))
    assert [(row["exercise"], row["state"], row["points"]) for row in rows] == [
        ("one", "done", "1.0"), ("two", "begun", "0.0"),
    ]  # fmt: skip


def test_nbgrader_s_columns_have_the_sum() -> None:
    progress = {"one": done(Record(max_points=2)), "two": Record()}
    (row,) = csv.DictReader(as_nbgrader(progress, "lesson", "anna").splitlines())
    assert (row["assignment"], row["student_id"]) == ("lesson", "anna")
    assert (row["score"], row["max_score"]) == ("2.0", "3.0")
    assert row["timestamp"] == "2026-11-26T12:00:30+00:00"


def test_the_file_lies_beside_the_notebook(tmp_path: Path) -> None:
    notebook = tmp_path / "lesson.ipynb"
    assert progress_path(str(notebook), Path("/x")) == tmp_path / "lesson.progress.json"
    assert progress_path("", tmp_path) == tmp_path / "exercises.progress.json"
    assert progress_path("sub/lesson.ipynb", tmp_path) == tmp_path / "lesson.progress.json"


def test_it_is_there_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "a.progress.json"
    ProgressFile(path, pytest.fail).change("one", done)
    assert ProgressFile(path, pytest.fail).read() == {"one": done()}
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == [path.name]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"version": 9}', '{"version": 1, "exercises": []}',
     '{"version": 1, "exercises": {"a": {"points": 1}}}',
     pack({"a": Record()}).replace("1.0", '"1.0"'), "\udcff"],
)  # fmt: skip
def test_a_damaged_file_is_put_aside_and_said(tmp_path: Path, text: str) -> None:
    path, said = tmp_path / "a.progress.json", list[str]()
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    file = ProgressFile(path, said.append)
    file.change("one", done)
    assert file.read() == {"one": done()}
    aside = tmp_path / "a.progress.json.damaged"
    assert aside.read_bytes() == text.encode("utf-8", "surrogateescape")
    assert len(said) == 1
    assert aside.name in said[0]


def look_often(path: Path, name: str, times: int) -> None:
    for _ in range(times):
        ProgressFile(path, print).change(name, lambda one: one.checked(passed=False, at=AT))
        ProgressFile(path, print).change("both", lambda one: one.checked(passed=False, at=AT))


def test_two_kernels_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path, spawn = tmp_path / "a.progress.json", multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=look_often, args=(path, name, 30)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = ProgressFile(path, pytest.fail).read()
    assert (found["a"].checks, found["b"].checks, found["both"].checks) == (30, 30, 60)


def test_what_is_packed_reads_the_same() -> None:
    progress = {"one": done(), "two": Record(2.5, 3, 1, shown=True)}
    assert unpack(pack(progress)) == progress


def test_in_memory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = ProgressFile(None, pytest.fail)
    file.change("one", done)
    assert file.read() == {"one": done()}
    assert not [each for each in tmp_path.iterdir() if each.is_file()]

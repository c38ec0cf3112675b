"""%class in a teacher's notebook, and %sshbox join in a student's, which has no engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Notebook
from swarmnodes import Course, Ground, course

EXERCISES = """\
=== your-word
Your word is {{word}}. Write it into the file word.
--- values
word = anchor | basket | candle | dolphin | engine | feather | garden | harbour
--- check
grep -qx "{{word}}" word || fail "The file word has not your word."
--- solution
%%ssh box
echo {{word}} > word
"""


@pytest.fixture(scope="module")
def pair(ground: Ground) -> Iterator[Course]:
    """A class of two that the cells start."""
    made = course(ground, ["Ada Lovelace", "grace"])
    made.open_way()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def teacher(ground: Ground, pair: Course) -> Iterator[Notebook]:
    """A notebook on the swarm's manager."""
    opened = Notebook(DOCKER_HOST=ground.swarm.manager.url)
    yield opened
    opened.close()


@pytest.fixture
def student(tmp_path: Path) -> Iterator[Notebook]:
    """A notebook on a machine without an engine."""
    opened = Notebook(
        DOCKER_HOST=f"unix://{tmp_path}/nothing.sock", CONTAINER_MAGICS_STATE=str(tmp_path / "s")
    )
    opened.run(f"import os; os.chdir({str(tmp_path)!r})")  # the progress is kept where one works
    yield opened
    opened.close()


def run(notebook: Notebook, cell: str) -> Any:
    seen = notebook.run(cell)
    assert not seen.error, seen.told
    return seen


def test_the_verbs_one_after_the_other(
    teacher: Notebook, student: Notebook, pair: Course, tmp_path: Path
) -> None:
    (tmp_path / "roster.csv").write_text("name\nAda Lovelace\ngrace\n")
    (tmp_path / "exercises.md").write_text(EXERCISES)
    name, folder = pair.name, pair.ground.folder / pair.name
    nodes = " ".join(f"--node {one.url}" for one in pair.ground.swarm.nodes[1:])
    where = f"--folder {folder}"
    seen = teacher.run(f"%class status {name} {where}")
    assert seen.error == "UsageError"
    assert f"has no roster yet; there is no folder {folder}." in seen.told
    assert not folder.exists()
    seen = run(
        teacher,
        f"%class start {name} {where} --roster {tmp_path}/roster.csv {nodes} "
        f"--publish 127.0.0.1:{pair.port} --door 127.0.0.1:{pair.outer}",
    )
    assert "start: 2 made." in seen.text
    assert f"{folder}/students" in seen.text
    seen = run(teacher, f"s = %class status {name} {where}\nprint(s); s.df.shape")
    assert "2 of 2 boxes running" in seen.stdout
    assert "(2, 6)" in seen.text
    assert "3 has it" in run(teacher, f"%class prefetch {name} {where}").text
    _as_student(student, folder / "students" / "ada-lovelace", tmp_path / "exercises.md")
    assert "2 told" in run(teacher, f"%class message {name} {where} well done").text
    graded = run(
        teacher, f"%class grade {name} {where} {tmp_path}/exercises.md --csv {tmp_path}/g.csv"
    )
    assert "your-word: The file word has not your word." in graded.text
    assert "Ada Lovelace,your-word,yes,1.0,1.0," in (tmp_path / "g.csv").read_text()
    run(teacher, f"%class collect {name} {where} {tmp_path}/all")
    assert "well done" in (tmp_path / "all/grace/messages").read_text()
    assert "open until" in run(teacher, f"%class extend {name} {where} 30m").text
    assert "1 made anew" in run(teacher, f"%class reset {name} {where} grace").text
    assert "changed" in run(teacher, f"%class revoke {name} {where} grace").text
    stopped = run(teacher, f"%class stop {name} {where}")
    assert f"{name} is stopped: 2 boxes removed." in stopped.text


def _as_student(student: Notebook, folder: Path, exercises: Path) -> None:
    joined = run(student, f"%sshbox join {folder}")
    assert "box is up: you can log in." in joined.text
    assert run(student, "%%ssh box\nhostname; id -un").stdout == "ada-lovelace\nstudent\n"
    shown = run(student, f"%exercise your-word --file {exercises}")
    word = shown.text.partition("Your word is ")[2].partition(".")[0]
    assert "has not your word" in run(student, "%check your-word").text
    run(student, f"%%ssh box\necho {word} > word")
    assert "your-word: done" in run(student, "%check your-word").text
    assert "ssh -F" in run(student, "%ssh config box").text
    assert "of a class" in run(student, "%sshbox list").text
    refused = student.run("%sshbox reset box")
    assert (refused.error, "its engine is your teacher's" in refused.told) == ("UsageError", True)
    assert "let go" in run(student, "%sshbox rm box").text
    assert student.run("%%ssh box\ntrue").error == "NoEngine"


def test_a_folder_that_is_none_is_refused_in_a_sentence(student: Notebook, tmp_path: Path) -> None:
    seen = student.run(f"%sshbox join {tmp_path}/nowhere")
    assert seen.error == "UsageError"
    (tmp_path / "config").write_text("Host box\n  User student\n")
    seen = student.run(f"%sshbox join {tmp_path}")
    assert (seen.error, "is no way to a box" in seen.told) == ("UsageError", True)

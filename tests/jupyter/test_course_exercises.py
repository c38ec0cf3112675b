"""The exercises of the course: each is proved, and a student's copy shows no answer."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from conftest import Notebook
from leftovers import Inventory

from container_magics.core.exerciseflags import parse_file
from container_magics.lab import copy_notebooks, notebooks_folder

LAB = "04-ssh-practice"


def test_every_exercise_of_the_course_is_proved(tmp_path: Path, nothing_left: Inventory) -> None:
    """In a copy: the exercises write files beside their notebook."""
    copy_notebooks(notebooks_folder(), tmp_path / "course")
    command = [sys.executable, "-m", "container_magics.cli", "test", tmp_path / "course"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    proved = [line for line in done.stdout.splitlines() if ": proved (" in line]
    assert sum(LAB in line for line in proved) >= 12
    assert not list((tmp_path / "course").glob("course-*"))


def test_the_host_s_number_is_that_of_process_1_alone(
    new_notebook: Callable[..., Notebook], tmp_path: Path, nothing_left: Inventory
) -> None:
    """In whatever order the engine lists the box's processes: those of a login are sshd, too."""
    copy_notebooks(notebooks_folder(), tmp_path)
    notebook = new_notebook(JPY_SESSION_NAME=str(tmp_path / f"{LAB}.ipynb"))
    try:
        notebook.run("%sshbox box")
        notebook.run("%%ssh box\ntrue")  # the login is kept
        notebook.run(f"%exercise host-pid --file {tmp_path}/{LAB}.md")
        notebook.run("from container_magics import connect")
        right = int(notebook.run("connect().api.inspect_container('box')['State']['Pid']").text)
        rows = notebook.run(
            "rows = %container top box\n[(r['host_pid'], r['command']) for r in rows]"
        )
        found = ast.literal_eval(rows.text)
        assert len([pid for pid, command in found if "sshd" in command]) >= 2, found
        for pid, _ in found:
            notebook.run(f"host_pid = {pid}")
            passed = "host-pid: done" in notebook.run("%check host-pid").text
            assert passed == (int(pid) == right), found
    finally:
        notebook.run("%sshbox rm box")


def test_a_student_s_copy_has_the_answers_packed(tmp_path: Path) -> None:
    copy_notebooks(notebooks_folder(), tmp_path)
    teachers = (notebooks_folder() / f"{LAB}.md").read_text()
    students = (tmp_path / f"{LAB}.md").read_text()
    assert parse_file(students, LAB) == parse_file(teachers, LAB)
    assert "--- solution" in teachers
    for mark in ("--- solution", "--- check", "--- hint"):
        assert mark not in students

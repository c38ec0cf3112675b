"""The exercises of the course: each is proved, and a student's copy shows no answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_a_student_s_copy_has_the_answers_packed(tmp_path: Path) -> None:
    copy_notebooks(notebooks_folder(), tmp_path)
    teachers = (notebooks_folder() / f"{LAB}.md").read_text()
    students = (tmp_path / f"{LAB}.md").read_text()
    assert parse_file(students, LAB) == parse_file(teachers, LAB)
    assert "--- solution" in teachers
    for mark in ("--- solution", "--- check", "--- hint"):
        assert mark not in students

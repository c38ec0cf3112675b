"""Grade: the checks of a file of exercises, in every student's box, as rows and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from container_magics.classroom.bulk import Report
from container_magics.classroom.room import Room
from container_magics.classroom.within import LOOK_S, door_of, within
from container_magics.core.exercise import Exercise
from container_magics.core.exerciseflags import parse_file
from container_magics.core.grades import Grade, as_csv, summary
from container_magics.core.roster import Student
from container_magics.engine.sshclient import Login
from container_magics.engine.userfile import reading, replacing
from container_magics.practice import overssh


def grade(room: Room, exercises: Path, csv: Path | None) -> list[Grade]:
    """Rows by student, in the roster's order, and by exercise, in the file's. Each student's
    values are drawn for their short name. A box that does not answer fails every check, and the
    row says so. UsageError for a file that cannot be read or written."""
    with reading(exercises) as opened:
        asked = parse_file(opened.read().decode("utf-8", "replace"), str(exercises))
    found: dict[str, list[Grade]] = {}
    report = graded(room, asked, found)
    for student, outcome in zip(room.students, report, strict=True):
        if outcome.failure:
            found[student.key] = [_failed(student, one, outcome.failure) for one in asked]
    rows = [row for student in room.students for row in found[student.key]]
    room.folder.keep_checks({key: summary(those) for key, those in found.items()})
    if csv:
        with replacing(csv) as file:
            file.write(as_csv(rows).encode())
    return rows


def graded(room: Room, asked: Sequence[Exercise], found: dict[str, list[Grade]]) -> Report:
    """Look into every box, and put the rows into ``found`` by student's key."""
    door = door_of(room)

    def one(student: Student) -> str:
        rows = []
        with within(room, door, student, LOOK_S) as made:
            for exercise in asked:
                mine = exercise.for_student(student.key)
                rows.append(row(made, student, mine))
        found[student.key] = rows
        return summary(rows)

    return room.each("grade", room.students, one)


def row(made: Login, student: Student, mine: Exercise) -> Grade:
    """What one check has found; SshFailed when the login breaks."""
    if _ungraded(mine):
        return _failed(student, mine, "")
    verdict, points = overssh.check(made, mine, mine.check), mine.settings.points
    return Grade(
        student.name, mine.name, points if verdict.passed else 0.0, points, verdict.sentence
    )


def _failed(student: Student, exercise: Exercise, why: str) -> Grade:
    """Nothing was found; of what cannot be graded so, nothing is asked either."""
    if refused := _ungraded(exercise):
        return Grade(student.name, exercise.name, 0.0, 0.0, f"Not graded: {refused}.", graded=False)
    return Grade(student.name, exercise.name, 0.0, exercise.settings.points, why)


def _ungraded(exercise: Exercise) -> str:
    """Why no box can run its check; "" where it can."""
    return overssh.refusal(exercise, exercise.check)

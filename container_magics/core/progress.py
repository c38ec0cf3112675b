"""How far a student is: a record of each exercise, and what it makes of events."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime

VERSION = 1
NBGRADER_COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
    "raw_score", "late_submission_penalty", "score", "max_score",
)  # fmt: skip
"""As nbgrader 0.9's `nbgrader/plugins/export.py` writes them."""


@dataclass(frozen=True, slots=True)
class Record:
    """One exercise. ``done_at`` is ISO 8601 in UTC, "" while it was never done.

    ``checks`` counts looks, ``hints`` those shown. ``shown``: the solution was shown before it
    was done for the first time.
    """

    max_points: float = 1.0
    checks: int = 0
    hints: int = 0
    shown: bool = False
    done_at: str = ""

    @property
    def points(self) -> float:
        """All of them for what was done before the solution was shown, else 0.0."""
        return self.max_points if self.done_at and not self.shown else 0.0

    @property
    def state(self) -> str:
        """ "done", "done, with the solution", "begun"."""
        if self.done_at:
            return "done, with the solution" if self.shown else "done"
        return "begun"

    def checked(self, *, passed: bool, at: datetime) -> Record:
        """After a look."""
        looked = replace(self, checks=self.checks + 1)
        if not passed or self.done_at:
            return looked
        return replace(looked, done_at=at.astimezone(UTC).isoformat(timespec="seconds"))

    def hinted(self, of: int) -> Record:
        """After a hint of so many."""
        return replace(self, hints=min(self.hints + 1, of))

    def solution_shown(self) -> Record:
        """After the solution was shown; of no consequence when it was done before."""
        return self if self.done_at else replace(self, shown=True)


Progress = dict[str, Record]
"""The records by the exercises' names, in the order in which they were begun."""


def pack(progress: Mapping[str, Record]) -> str:
    """The records as JSON."""
    return json.dumps(
        {"version": VERSION, "exercises": {name: asdict(one) for name, one in progress.items()}},
        indent=1,
    )


def unpack(text: str) -> Progress:
    """What ``pack`` packed. ValueError for anything else."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError("of another version")
    exercises = document.get("exercises")
    if isinstance(exercises, dict):
        return {str(name): _record(facts) for name, facts in exercises.items()}
    raise ValueError("without exercises")


def _record(facts: object) -> Record:
    kinds = {field.name: type(field.default) for field in fields(Record)}
    if not isinstance(facts, dict) or set(facts) != set(kinds):
        raise ValueError("an exercise of unknown facts")
    for key, kind in kinds.items():
        if type(facts[key]) is not kind and not (kind is float and type(facts[key]) is int):
            raise ValueError(f"{key} is no {kind.__name__}")
    return Record(**facts)


def as_csv(progress: Mapping[str, Record]) -> str:
    """A line for each exercise, in order, under the columns' names (RFC 4180)."""
    head = ("exercise", "state", "points", "max_points", "checks", "hints", "done_at")
    rows = [
        (name, one.state, one.points, one.max_points, one.checks, one.hints, one.done_at)
        for name, one in progress.items()
    ]
    return _csv([head, *rows])


def as_nbgrader(progress: Mapping[str, Record], assignment: str, student: str) -> str:
    """One line with the columns of nbgrader's export; ``timestamp`` is that of the last one
    done."""
    score = sum(one.points for one in progress.values())
    most = sum(one.max_points for one in progress.values())
    last = max((one.done_at for one in progress.values()), default="")
    row = (assignment, "", last, student, "", "", "", score, 0.0, score, most)
    return _csv([NBGRADER_COLUMNS, row])


def _csv(rows: list[tuple[object, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()

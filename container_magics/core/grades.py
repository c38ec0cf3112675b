"""What a class's exercises came to: rows, and the CSV that a spreadsheet opens."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = ("student", "exercise", "passed", "points", "max_points", "missing")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of a formula (OWASP, "CSV Injection")."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One exercise of one student. ``missing`` is the check's sentence, "" for what is done.
    ``graded`` is False for a check that no box can run: it takes no points from anybody."""

    student: str
    exercise: str
    points: float
    max_points: float
    missing: str = ""
    graded: bool = True

    @property
    def passed(self) -> bool:
        """Whether the check has passed."""
        return not self.missing


def summary(rows: Sequence[Grade]) -> str:
    """ "2 of 3", of those that can be graded; and how many cannot."""
    graded = [row for row in rows if row.graded]
    words = f"{sum(row.passed for row in graded)} of {len(graded)}"
    ungraded = len(rows) - len(graded)
    return f"{words}, {ungraded} not graded" if ungraded else words


def as_csv(rows: Sequence[Grade]) -> str:
    """A line for each row under the columns' names (RFC 4180). What a student's box has written
    is no formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        passed = ("yes" if row.passed else "no") if row.graded else ""
        cells = (row.student, row.exercise, passed, row.points, row.max_points, row.missing)
        writer.writerow([_harmless(cell) for cell in cells])
    return text.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell

"""What a saved notebook has recorded of a cell: found by the cell's source alone.

The notebook's form is nbformat 4's: a cell has ``source``, ``outputs``, ``execution_count`` and
``metadata``; ``metadata.execution`` has the times at which messages came, where they were kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MARK = "container-magics-replayed"
"""The metadata of the line that says what is recorded: in a notebook that was saved after a replay
it is no output of the cell, and it has the hour of the true run."""
RUN_AT = "iopub.execute_input"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A cell's saved ``outputs``, as nbformat has them, and when they were made: an ISO 8601 time,
    "" where the notebook does not say. ``ran``: whether it has been run at all."""

    outputs: tuple[Mapping[str, Any], ...]
    when: str
    ran: bool


def find(notebook: Mapping[str, Any], source: str, nth: int = 0) -> Recorded | None:
    """What is recorded of the code cell with that source; None where none has it. Of several the
    ``nth``, from 0, and after the last the last."""
    wanted = plain_source(source)
    found = [
        cell
        for cell in notebook.get("cells") or ()
        if cell.get("cell_type") == "code" and plain_source(text_of(cell.get("source"))) == wanted
    ]
    return read_cell(found[min(nth, len(found) - 1)]) if found else None


def read_cell(cell: Mapping[str, Any]) -> Recorded:
    """One cell's record."""
    outputs, when = [], ""
    for output in cell.get("outputs") or ():
        mark = (output.get("metadata") or {}).get(MARK)
        if mark is None:
            outputs.append(output)
        else:
            when = str(mark)
    execution = (cell.get("metadata") or {}).get("execution") or {}
    when = when or str(execution.get(RUN_AT, ""))
    return Recorded(tuple(outputs), when, bool(outputs) or cell.get("execution_count") is not None)


def plain_source(source: str) -> str:
    """A source without what an editor changes by itself: the ends of lines, and of the cell."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def text_of(value: str | Sequence[str] | None) -> str:
    """A text, which nbformat may have as a list of lines."""
    return value if isinstance(value, str) else "".join(value or ())


def told_when(when: str) -> str:
    """A time as it is shown: the day, and the hour in UTC; "an unknown day" for ""."""
    day, _, clock = when.partition("T")
    if not day:
        return "an unknown day"
    return f"{day} {clock[:5]} UTC" if clock[5:].endswith(("Z", "+00:00")) else day

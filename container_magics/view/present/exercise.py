"""Exercises in a cell: where one stands, what is missing, hints, and the table of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from container_magics.core.progress import Record
from container_magics.core.units import count
from container_magics.view.model import Column, Group, Meter, Note, Table, View


def standing(name: str, record: Record, hints: int) -> Note:
    """Under the text of an exercise: done or not, and what can be typed."""
    if record.done_at:
        return Note(f"{name}: {record.state}.", "ok", hint=f"`%reset {name}` begins it anew.")
    more = f"; `%hint {name}` helps" if hints else ""
    return Note(f"{name}: not done yet.", hint=f"`%check {name}` looks at what you did{more}.")


def verdict(name: str, sentence: str, record: Record, hints: int, *, hint: str = "") -> Note:
    """What a check found: ``sentence`` is what is missing, "" for nothing; ``hint`` what to do,
    else the next of ``hints`` is offered."""
    if not sentence:
        return Note(f"{name}: done{'' if record.shown else ', well done'}.", "ok")
    left = hints - record.hints
    offer = f"`%hint {name}` has {count(left, 'hint')} for you." if left > 0 else ""
    offer = offer or f"`%solve {name}` shows how it is done."
    return Note(f"{name}: {sentence}", "warning", hint=hint or offer)


def hinted(name: str, hints: Sequence[str], shown: int, *, again: bool = False) -> View:
    """The hint of that number; all of them when the last was shown ``again``."""
    if not hints:
        return Note(f"{name} has no hints.", hint=f"`%solve {name}` shows how it is done.")
    last = shown >= len(hints)
    if again:
        of = len(hints)
        notes = tuple(
            Note(f"Hint {number} of {of}: {hint}") for number, hint in enumerate(hints, 1)
        )
        solve = Note(f"That is all; `%solve {name}` shows how it is done.")
        return Group((*notes, solve), title=f"All hints of {name}")
    return Note(
        f"Hint {shown} of {len(hints)}: {hints[shown - 1]}",
        hint=f"That was the last one; `%solve {name}` shows how it is done." if last else "",
    )


def solved(name: str, record: Record) -> Note:
    """Above a solution."""
    cost = "" if record.done_at else " It counts no points now; do it all the same."
    return Note(f"How {name} is done.{cost}", "info")


def begun_anew(name: str) -> Note:
    """After a reset."""
    return Note(f"{name}: a clean start.", "ok", hint=f"`%check {name}` looks at what you did.")


def _minute(at: str) -> str:
    """ "2026-11-26T15:50:28+00:00" as "2026-11-26 15:50"."""
    return at.replace("T", " ")[:16]


def progress(records: Mapping[str, Record], *, stable: bool = False) -> View:
    """A table of all exercises that were begun, in that order, with a bar."""
    rows = tuple(
        (
            name, one.state, f"{one.points:g} of {one.max_points:g}", str(one.checks),
            str(one.hints), "TIME" if stable and one.done_at else _minute(one.done_at),
        )
        for name, one in records.items()
    )  # fmt: skip
    columns = (
        Column("exercise"), Column("state"), Column("points", "right"), Column("looks", "right"),
        Column("hints", "right"), Column("done (UTC)"),
    )  # fmt: skip
    table = Table(columns, rows, empty="no exercise was begun")
    if not records:
        return table
    done = sum(bool(one.done_at) for one in records.values())
    return Group((table, Meter("done", done / len(records), f"{done} of {len(records)}")))

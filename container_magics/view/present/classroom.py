"""A class in a cell: its boxes, what became of each student, what is left on the nodes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from container_magics.core.grades import Grade, summary
from container_magics.core.units import count
from container_magics.view.model import Column, Group, Level, Note, Table, View

Line = tuple[str, str, str, str, str, str]
"""Student, node, state, since, last check, why."""


def status(
    name: str,
    lines: Sequence[Line],
    *,
    running: int,
    door: bool,
    ends_s: float | None,
    stable: bool,
    over: bool = False,
) -> View:
    """How each box is. ``over``: the time has passed, and so the door is shut. In stable mode the
    times are names."""
    why = any(line[5] for line in lines)
    columns = ("student", "node", "state", "since (UTC)", "last check", *(("why",) if why else ()))
    rows = tuple(
        (
            who,
            node,
            state,
            "TIME" if stable and since else since.replace("T", " "),
            check,
            *((said,) if why else ()),
        )
        for who, node, state, since, check, said in lines
    )
    when = "" if ends_s is None else f", until {_time(ends_s, stable=stable)}"
    shut = "the time is over, and the door closed" if over else "the gateway does not run"
    gate = f"the door is open{when}" if door else shut
    text = f"{name}: {running} of {count(len(lines), 'box', 'boxes')} running; {gate}."
    level: Level = "ok" if running == len(lines) and door else "warning"
    hint = f"`%class extend {name} 2h` opens the door again." if over else ""
    return Group((Note(text, level, hint=hint), Table(tuple(map(Column, columns)), rows)))


def _time(seconds: float, *, stable: bool) -> str:
    if stable:
        return "TIME"
    return datetime.fromtimestamp(seconds, UTC).strftime("%F %R UTC")


def extended(name: str, ends_s: float, *, stable: bool) -> Note:
    """When the class ends now."""
    return Note(f"The door of {name} is open until {_time(ends_s, stable=stable)}.", "ok")


def report(
    verb: str,
    outcomes: Sequence[tuple[str, str, str]],
    remarks: Sequence[tuple[str, str]] = (),
) -> View:
    """What became of each: (student or node, what was done, the failure or ""); and what is to be
    known of those with whom it went well, as (student, words)."""
    failed = [(who, failure) for who, _, failure in outcomes if failure]
    kinds = list(dict.fromkeys(what for _, what, failure in outcomes if not failure))
    sums = [f"{sum(one[1] == kind for one in outcomes)} {kind}" for kind in kinds]
    sums += [f"{len(failed)} failed"] if failed else []
    level: Level = "warning" if failed or remarks else "ok"
    note = Note(f"{verb}: {', '.join(sums) or 'nobody'}.", level)
    tables = [("what was wrong", failed), ("to know", remarks)]
    shown = [
        Table((Column("who"), Column(heading)), tuple(rows)) for heading, rows in tables if rows
    ]
    return Group((note, *shown)) if shown else note


def grades(rows: Sequence[Grade], written: str) -> View:
    """A line for each student, with what is missing first."""
    names = list(dict.fromkeys(row.student for row in rows))
    lines = []
    for name in names:
        mine = [row for row in rows if row.student == name]
        # what cannot be graded comes last: the student can do nothing about it
        missing = next(
            (
                f"{row.exercise}: {row.missing}"
                for row in sorted(mine, key=lambda row: not row.graded)
                if row.missing
            ),
            "",
        )
        points = f"{sum(row.points for row in mine):g}"
        lines.append((name, summary(mine), points, missing))
    columns = (
        Column("student"),
        Column("done"),
        Column("points", "right"),
        Column("first missing"),
    )
    table = Table(columns, tuple(lines))
    return Group((table, Note(f"The grades are in {written}.", "ok"))) if written else table


def stopped(name: str, boxes: int, left: Sequence[str], *, kept: bool) -> Note:
    """What went, and on which nodes files are still."""
    text = f"{name} is stopped: {count(boxes, 'box', 'boxes')} removed."
    if not left:
        return Note(text, "ok")
    where = ", ".join(dict.fromkeys(left))
    if kept:
        return Note(f"{text} The homes are kept on {where}.", "ok", hint="The next start has them.")
    return Note(
        f"{text} Homes are left on {where}, whose engine is not known or does not answer.",
        "warning",
        hint="Name it and stop again: `%class stop NAME --node ENGINE`; or there, by hand: "
        f"`docker volume ls --filter label=container-magics.class={name}`.",
    )

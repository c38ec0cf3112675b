"""What is said of a container that did not do in time what one waited for, or ended first."""

from __future__ import annotations

from typing import Any

from container_magics.engine import run
from container_magics.engine.client import Engine
from container_magics.engine.logs import last_lines
from container_magics.engine.waiting import exit_status_of_gone, seconds
from container_magics.errors import ContainerFailed, NotFound, TimedOut


def too_late(engine: Engine, name: str, still: str, timeout_s: float, seen: str = "") -> TimedOut:
    """``still`` is what holds after the time has passed ("was not healthy"), ``seen`` what was
    seen last; the last lines of the log are the other facts."""
    return TimedOut(
        f"{name} {still} within {timeout_s:g} s.",
        hint="Give it longer with --timeout, or see why: its last log lines are below.",
        facts=((seen,) if seen else ()) + last_lines(engine, name),
    )


def ended_early(engine: Engine, name: str, facts: dict[str, Any], awaited: str) -> ContainerFailed:
    """``facts`` are of the run that has ended; ``awaited`` is what did not happen before."""
    status = exit_status(engine, facts)
    how = "ended and was removed" if status is None else f"ended with status {status}"
    return ContainerFailed(
        f"{name} {how} before {awaited}.",
        exit_status=-1 if status is None else status,
        hint="" if status is None else "Its last log lines are below.",
        facts=last_lines(engine, name),
    )


def exit_status(engine: Engine, facts: dict[str, Any]) -> int | None:
    """How the container has ended; None when it is gone and the engine has forgotten it."""
    try:
        return int(run.inspect(engine, facts["Id"])["State"]["ExitCode"])
    except NotFound:
        return exit_status_of_gone(engine, facts["Id"], seconds(facts["Created"]))

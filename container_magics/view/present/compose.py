"""A Compose project -> view: its services as they come up, and where they are reached."""

from __future__ import annotations

from collections.abc import Sequence

from container_magics.core.compose import ProjectFacts, ServiceFacts
from container_magics.core.composestate import ComposeState
from container_magics.core.terminal import plain
from container_magics.core.units import count, duration
from container_magics.view.model import Column, Group, Note, Step, Steps, StepState, Table, View
from container_magics.view.present.run import reachable

STANDING: dict[str, StepState] = {
    "waiting": "waiting",
    "running": "running",
    "ready": "done",
    "failed": "failed",
}


def compose(state: ComposeState, *, stable: bool) -> View | None:
    """What is worth saying so far; None before Compose has read the file.

    ``stable`` leaves out seconds, ports that the engine chose, and Compose's own remarks, which
    differ from one version of it to another.
    """
    if state.phase == "reading":
        return None
    notes = () if stable else tuple(Note(plain(one), "warning") for one in state.warnings)
    if state.phase == "up":
        return Group((*notes, risen(state), services(state.containers, stable=stable)))
    return Group((*notes, steps(state, stable=stable)))


def steps(state: ComposeState, *, stable: bool) -> Steps:
    """A step a service. Compose's own last lines stand under the first that waits."""
    found = [
        Step(
            name=name,
            state=step_state(state, name),
            time="" if stable else step_time(state, name),
        )
        for name in state.services
    ]
    talking = state.phase == "starting" and not stable
    for place, one in enumerate(found):
        if talking and one.state == "waiting":
            found[place] = Step(one.name, "running", one.time, tuple(map(plain, state.lines)))
            break
    return Steps(tuple(found), caption=f"Compose project {state.project}")


def step_state(state: ComposeState, name: str) -> StepState:
    """A service that had not come up when all was taken down was cancelled."""
    how = STANDING[state.standing(name)]
    if how == "done" and name not in state.ready_s:
        how = "running"
    if state.phase == "taken down" and how in ("waiting", "running"):
        return "cancelled"
    return how


def step_time(state: ComposeState, name: str) -> str:
    """How long it took to be ready, or has taken; "" before it is there."""
    seconds = state.ready_s.get(name, state.at_s if state.of(name) else 0.0)
    return duration(seconds) if seconds else ""


def risen(state: ComposeState) -> Note:
    """That the project is up; a service of a profile that was not asked for is not counted."""
    running = {one.service for one in state.containers}
    return Note(
        f"{state.project} is up: {count(len(running), 'service')}.",
        "ok",
        hint=f"`%compose logs {state.project}` shows what they write, "
        f"`%compose down {state.project}` removes them.",
    )


def services(found: Sequence[ServiceFacts], *, stable: bool) -> Table:
    """A row a container: service, state, health, ports."""
    numbers = {(one.service, one.number) for one in found}
    several = {service for service, number in numbers if number > 1}
    rows = tuple(
        (
            f"{one.service} {one.number}" if one.service in several else one.service,
            state(one),
            one.health,
            ", ".join(
                f"{port} → {reachable(address, stable=stable)}" for port, address in one.ports
            ),
        )
        for one in found
    )
    names = ("service", "state", "health", "ports")
    return Table(tuple(Column(name) for name in names), rows, empty="no containers")


def state(one: ServiceFacts) -> str:
    """The engine's word, with the exit status of what has ended."""
    return one.state if one.exit_status is None else f"{one.state} ({one.exit_status})"


def projects(found: Sequence[ProjectFacts]) -> Table:
    """Projects by name, with how many of their containers run."""
    rows = tuple(
        (one.project, f"{one.running} of {one.containers}", "✓" if one.mine else "")
        for one in found
    )
    columns = (Column("project"), Column("running", "right"), Column("made here"))
    return Table(columns, rows, empty="no Compose projects")


def down(project: str, containers: int, kept: Sequence[str]) -> Note:
    """That a project is gone, and which of its volumes are not."""
    return Note(
        f"{project} is down: {count(containers, 'container')} removed.",
        "ok",
        hint=f"Still here: {count(len(kept), 'volume')}, {', '.join(kept)}. "
        f"`%compose down -v {project}` removes that, too."
        if kept
        else "",
    )

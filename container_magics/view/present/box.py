"""What is worth saying of one container as it is now: how it is, where it is, what it wrote."""

from __future__ import annotations

from container_magics.core.snapshot import REMOVED, Snapshot
from container_magics.view.model import Column, Group, Note, Table, View
from container_magics.view.present.run import reachable

STATES = {
    "created": "is made, and was not started",
    "running": "is running",
    "paused": "is paused",
    "restarting": "is starting again",
}


def box(seen: Snapshot, *, stable: bool = False, brief: bool = False) -> View:
    """A container; ``brief`` under the cell that made it, which says the image already.

    In stable mode the log's last lines are left out: how far it is depends on the moment.
    """
    views: list[View] = [ended(seen, brief=brief) if seen.ended else alive(seen, brief=brief)]
    if seen.ports and not seen.ended:
        rows = tuple((port, reachable(address, stable=stable)) for port, address in seen.ports)
        views.append(Table((Column("container port"), Column("reachable at")), rows))
    if seen.lines and not stable:
        views.append(Note("The last lines of its log:", facts=seen.lines))
    return views[0] if len(views) == 1 else Group(tuple(views))


def alive(seen: Snapshot, *, brief: bool) -> Note:
    """One that has not ended, and how it is ended."""
    return Note(
        f"{seen.name} {STATES.get(seen.state, f'is {seen.state}')}.",
        "ok" if seen.state == "running" else "info",
        hint=f"`%container stop {seen.name}` stops it, `%container rm {seen.name}` removes it.",
        facts=() if brief else (f"image {seen.image}",),
    )


def ended(seen: Snapshot, *, brief: bool) -> Note:
    """One whose program has ended, and how; "removed" when there is nothing left of it."""
    status = seen.exit_status
    how = "" if status is None else f", with exit status {status}"
    gone = seen.state in ("removing", REMOVED)
    text = f"{seen.name} has ended already{how}{', and is removed' if gone else ''}."
    if gone and not how:
        text = f"{seen.name} is removed."
    return Note(
        text,
        "warning" if status else "info",
        hint="" if gone else f"`%container logs {seen.name}` shows what it has written.",
        facts=() if brief else (f"image {seen.image}",),
    )


def kept(seen: Snapshot, *, stable: bool = False) -> View:
    """That a container was there already, and stays as it is."""
    told = Note(
        f"{seen.name} runs already, and was left as it is: the same line and cell made it.",
        "ok",
        hint="Without --reuse it is replaced.",
    )
    if not seen.ports:
        return told
    rows = tuple((port, reachable(address, stable=stable)) for port, address in seen.ports)
    return Group((told, Table((Column("container port"), Column("reachable at")), rows)))


def flooded(name: str) -> View:
    """That a container has written more than its cell shows."""
    return Note(
        f"{name} has written more than is shown here.",
        "warning",
        hint=f"`%container logs {name}` shows all of it.",
    )

"""What is worth saying of a run beside the output itself."""

from __future__ import annotations

from container_magics.core.events import Carried
from container_magics.core.states import RunState
from container_magics.core.units import count, size
from container_magics.view.model import Group, Meter, Note, View
from container_magics.view.present.transfer import pull

EPHEMERAL = 32768


def run(state: RunState, *, stable: bool = False) -> View | None:
    """The view while a run goes on; None when its output says it all.

    In stable mode a pull is not shown: it happens in the first run of a notebook alone. Nor is
    a transfer: only one that takes long is told.
    """
    if state.carried and not stable:
        return carried(state.carried)
    if (state.phase == "pulling" or state.pull.image) and not stable:
        return pull(state.pull)
    if state.phase == "running" and state.warnings:
        return Group(tuple(Note(warning, "warning") for warning in state.warnings))
    return None


def reachable(address: str, *, stable: bool) -> str:
    """ "address:port"; in stable mode a port that the engine chose is PORT.

    Engines choose from the ephemeral range (Linux: 32768 on, ip(7); Docker on other systems:
    49152 on, RFC 6335), which nobody writes into a notebook that is to work twice.
    """
    host, _, port = address.rpartition(":")
    return f"{host}:PORT" if stable and int(port) >= EPHEMERAL else address


def carried(event: Carried) -> View:
    """How far a transfer is."""
    where = f"{'from' if event.fetched else 'to'} {event.path}"
    label, done, total = f"Copying {where}", event.done_bytes, event.total_bytes
    if total is None:
        return Meter(label, None, size(done))
    if done >= total:
        return Note(f"Copied {size(total)} {where}.", "ok")
    return Meter(label, done / total, f"{size(done)} of {size(total)}")


def flood(hidden_bytes: int, variable: str) -> View:
    """That a part of the output is not in the cell, and where it is."""
    return Note(
        f"{size(hidden_bytes)} more of output is not shown.",
        "warning",
        hint=f"What was kept of it is in {variable}.stdout and {variable}.stderr; "
        "--out VAR keeps it out of the cell.",
    )


def not_kept(lost_bytes: int) -> View:
    """That the end of the output is nowhere: it was more than is kept."""
    return Note(
        f"The last {size(lost_bytes)} of output are lost: more than is kept of one run.",
        "warning",
        hint="Raise the limit with `%config Workbench.kept_limit_bytes = BYTES`, or let the "
        "program write to a file in a folder of yours: -v.",
    )


def not_text(bytes_lost: int) -> View:
    """That some bytes were not text."""
    return Note(
        f"{count(bytes_lost, 'byte')} of the output could not be shown as text (not UTF-8).",
        "warning",
        hint="--out VAR keeps them as they are.",
    )

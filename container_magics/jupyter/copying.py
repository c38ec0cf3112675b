"""%container cp: files and folders to and from a container, as ``docker cp`` has it."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from container_magics.core.events import Carried
from container_magics.core.names import container_name
from container_magics.core.states import RunState
from container_magics.core.units import count, size
from container_magics.errors import UsageError
from container_magics.jupyter.publish import CellPublisher, play
from container_magics.jupyter.workbench import Workbench
from container_magics.session.copying import Copied, copy_in, copy_out
from container_magics.view.model import Note
from container_magics.view.present import run as present

MOST_NAMES = 5


def copy(bench: Workbench, source: str, target: str) -> None:
    """One file or folder, in or out; the side with a colon is in the container."""
    source_name, colon, source_path = source.rpartition(":")
    target_name, target_colon, target_path = target.rpartition(":")
    if bool(colon) == bool(target_colon):
        raise UsageError(
            "cp copies between a container and this machine.",
            hint="Write NAME:/path FILE, or FILE NAME:/path.",
        )
    if colon:
        here = Path(target).expanduser()
        story = copy_out(bench.engine, container_name(source_name), source_path, here)
    else:
        here = Path(source).expanduser()
        story = copy_in(bench.engine, here, container_name(target_name), target_path)
    tell(bench, story)


def tell(bench: Workbench, story: Generator[Carried, None, Copied]) -> None:
    """Show how far a long copy is, and in the end, in its place, what was copied."""
    results: list[Copied] = []

    def told() -> Generator[Carried, None, None]:
        results.append((yield from story))

    publisher = CellPublisher(stable=bench.stable)
    play(told(), RunState(), lambda state: present.run(state, stable=bench.stable), publisher)
    publisher.settle(done(results[0]))


def done(copied: Copied) -> Note:
    """That it is there, and what of it is not."""
    text = f"Copied {size(copied.size_bytes)} to {copied.place}."
    if not copied.left_out:
        return Note(text, "ok")
    names, more = copied.left_out[:MOST_NAMES], len(copied.left_out) - MOST_NAMES
    return Note(
        f"{text} {count(len(copied.left_out), 'entry', 'entries')} left out.",
        "warning",
        hint="Links that lead out of the folder, and devices, are not copied.",
        facts=(*names, *([f"and {more} more"] if more > 0 else [])),
    )

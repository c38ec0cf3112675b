"""The doctor: looks at the engine and at the machine around it, changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from container_magics.core.machine import Check, EngineFacts
from container_magics.core.units import size
from container_magics.engine.base import BASE, has_base
from container_magics.engine.client import Engine, connect
from container_magics.engine.command import find, ourselves
from container_magics.engine.installation import install_again, shared
from container_magics.engine.private import status
from container_magics.engine.statedir import state_dir
from container_magics.errors import EngineError

PROGRAMS = (
    ("ssh", "openssh-client", "the SSH practice uses it"),
    ("ps", "procps", "an engine on this machine lists a container's processes with it"),
)
ENOUGH_BYTES = 2_000_000_000
KERNEL = "share/jupyter/kernels/container-magics/kernel.json"


def examine(environ: Mapping[str, str], home: Path) -> tuple[list[Check], EngineFacts | None]:
    """Every check in the order in which a reader would mend them; the facts when one answers."""
    try:
        engine = connect(environ, home)
    except EngineError as error:
        told = Check(
            "engine", ok=False, found=str(error), what_to_do=error.hint, details=error.facts
        )
        return [told, *_of_machine(environ)], None
    try:
        facts = engine.facts()
        checks = [_of_engine(facts), _of_base(engine), *_of_machine(environ)]
    finally:
        engine.close()
    return checks, facts


def _of_engine(facts: EngineFacts) -> Check:
    found = f"{facts.name} {facts.version}, API {facts.api_version}, {facts.storage}"
    tried = tuple(attempt.line() for attempt in facts.tried)
    return Check("engine", ok=True, found=f"{found}, by {facts.found_by}", details=tried)


def _of_base(engine: Engine) -> Check:
    if has_base(engine):
        return Check("base image", ok=True, found=BASE)
    return Check("base image", ok=False, found="not made yet", what_to_do=ourselves("base"))


def _of_machine(environ: Mapping[str, str]) -> Iterator[Check]:
    yield _of_private_engine(environ)
    yield from _of_programs()
    yield _of_kernel()
    yield _of_disk(state_dir(environ))


def _of_private_engine(environ: Mapping[str, str]) -> Check:
    own = status(state_dir(environ))
    if own.running and not own.answers:
        return Check(
            "our own engine",
            ok=False,
            found=f"runs (pid {own.pid}) and does not answer",
            what_to_do=f"{ourselves('engine', 'stop')}, then start; its log: {own.log}",
        )
    found = f"{own.program} runs, {own.url}" if own.running else "not started"
    return Check("our own engine", ok=True, found=found)


def _of_programs() -> Iterator[Check]:
    """The system's own programs that the course types, or that the engine runs for us."""
    for program, package, use in PROGRAMS:
        found = find(program)
        mend = f"install {package} with your system's packages: {use}"
        yield Check(f"program {program}", ok=bool(found), found=found or "missing", what_to_do=mend)


def _of_kernel() -> Check:
    if path := shared(KERNEL):
        return Check("Jupyter kernel", ok=True, found=str(path.parent))
    return Check("Jupyter kernel", ok=False, found="not installed", what_to_do=install_again())


def _of_disk(folder: Path) -> Check:
    """Free space where our own engine would keep its data; the nearest folder that exists."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    found = f"{size(free)} free at {there}"
    if free >= ENOUGH_BYTES:
        return Check("disk", ok=True, found=found)
    mend = f"make room: a course needs about {size(ENOUGH_BYTES)}"
    return Check("disk", ok=False, found=found, what_to_do=mend)

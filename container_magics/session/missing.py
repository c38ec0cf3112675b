"""Why a program did not start: found by looking at the container, not by the engine's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from container_magics.core.spec import ContainerSpec, Limits
from container_magics.engine import programs
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.inside import Exec
from container_magics.engine.ownership import owner
from container_magics.engine.programs import NOT_FOUND as NOT_FOUND
from container_magics.errors import ContainerFailed, EngineLost, NotFound


def explain_start(engine: Engine, spec: ContainerSpec) -> None:
    """Raise ContainerFailed when the image lacks a program that the spec needs.

    An engine removes a container of ours that could not start, so another is made to be looked
    at; it is never started, and removed again.
    """
    like = replace(spec, name=verbs.generated_name(), ports=(), limits=Limits())
    created = verbs.create(engine, like, owner().labels("look"), auto_remove=False)
    try:
        programs.explain(engine, created.container_id, spec.image, spec)
    finally:
        verbs.remove(engine, created.container_id)


def explain_inside(engine: Engine, container: str, spec: ContainerSpec) -> None:
    """Raise ContainerFailed when a running container lacks a program that the spec needs."""
    with suppress(NotFound):  # the container itself has gone meanwhile
        programs.explain(engine, container, container, spec)


@contextmanager
def explained_inside(
    engine: Engine, container: str, spec: ContainerSpec, program: Exec
) -> Iterator[None]:
    """While the block runs, a start that failed is told by what is missing, if something is.

    An engine that cannot start a program may end the connection without a word.
    """
    try:
        yield
    except (ContainerFailed, EngineLost):
        if not program.has_started:
            with suppress(EngineLost):
                explain_inside(engine, container, spec)
        raise

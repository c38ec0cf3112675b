"""The story until a container is there: pull what is missing, make room for it, create it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial

from container_magics.core.events import Created, PullEvent, Removed, RunEvent
from container_magics.core.spec import ContainerSpec
from container_magics.engine import images, mounts, networks, policyfile, ports
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import Owner, may_replace
from container_magics.engine.pull import pull
from container_magics.errors import ContainerMagicsError, ImageNotFound, NameTaken, NotFound
from container_magics.session.stopper import Stopper


def replace_ours(
    engine: Engine, spec: ContainerSpec, owner: Owner, stopper: Stopper
) -> Generator[RunEvent, None, None]:
    """Remove what has the same name or ports and was made by this notebook, or left by a dead
    session of this user; a stranger's stays, and what another living session has.

    Nothing is removed before the next one is known to be possible, and allowed: who mistypes a
    word keeps what runs.
    """
    old = to_replace(engine, spec, owner)
    if not old:
        return
    policyfile.allowed(engine, spec, owner.labels("cell"), but=old)  # before anything is fetched
    yield from seen_to_be_possible(engine, spec, owner, stopper)
    for container_id in old:
        verbs.remove(engine, container_id)
        yield Removed(container_id)


def to_replace(engine: Engine, spec: ContainerSpec, owner: Owner) -> list[str]:
    """IDs of what has the spec's name or ports, and is ours; NameTaken for a stranger's name."""
    facts = verbs.named(engine, spec.name) if spec.name else None
    if facts and not may_replace(engine, owner, facts["Config"]["Labels"], facts["Image"]):
        raise NameTaken(
            f"A container that this notebook did not make is named {spec.name!r}.",
            hint="Choose another --name.",
            facts=(f"image {facts['Config']['Image']}", f"made {facts['Created'][:19]}"),
        )
    named = [facts["Id"]] if facts else []
    held = ports.ours(engine, spec.ports, owner)
    return list(dict.fromkeys([*named, *held]))


def seen_to_be_possible(
    engine: Engine, spec: ContainerSpec, owner: Owner, stopper: Stopper
) -> Generator[PullEvent, None, None]:
    """Pull the image if it is missing, and see that the engine makes such a container and has
    its mounts: another is made to be looked at, never started, and removed again."""
    if not is_here(engine, spec.image):
        yield from pulled(engine, spec.image, platform=spec.platform)
    networks.see(engine, spec.network)  # else it is asked for at the start alone
    trial = replace(spec, name=verbs.generated_name(), files=())
    with stopper.shield(), removal_unless_done(engine, trial.name, owner, stopper):
        created = verbs.create(engine, trial, owner.labels("look"), auto_remove=False)
        mounts.check(engine, created.container_id, spec.mounts)
    stopper.check()


def with_name(spec: ContainerSpec) -> ContainerSpec:
    """The same with a name, so that the container can be found before its ID is known."""
    return spec if spec.name else replace(spec, name=verbs.generated_name())


@contextmanager
def removal_unless_done(
    engine: Engine, name: str, owner: Owner, stopper: Stopper
) -> Iterator[list[str]]:
    """Remove the container of that name in the end, unless its ID was put into the list.

    An engine that does not answer is no error here: another one is on its way, and the sweep
    takes what is left.
    """
    done: list[str] = []
    try:
        yield done
    finally:
        if not done:
            with stopper.shield(), suppress(ContainerMagicsError):
                remove_ours(engine, name, owner)


def created_from(
    engine: Engine, spec: ContainerSpec, make: partial[Created], stopper: Stopper
) -> Generator[RunEvent, None, Created]:
    """Create, after a pull when the image is missing; returns what was created.

    The request itself is never cut in the middle: the engine would make the container all the
    same, after we had looked for it to remove it.
    """
    try:
        with stopper.shield():
            created = make()
    except NotFound:
        if not spec.platform and is_here(engine, spec.image):
            networks.see(engine, spec.network)
            raise
        yield from pulled(engine, spec.image, platform=spec.platform)
        with stopper.shield():
            created = make()
    yield created
    return created


def is_here(engine: Engine, image: str) -> bool:
    """Whether an image need not be pulled."""
    try:
        images.inspect(engine, image)
    except ImageNotFound:
        return False
    return True


def pulled(engine: Engine, image: str, *, platform: str = "") -> Generator[PullEvent, None, None]:
    """Pull an image, the connection closed however it ends; ImageNotFound when nobody has it."""
    with closing(pull(engine, image, platform=platform)) as events:
        yield from events


def remove_ours(engine: Engine, name: str, owner: Owner) -> None:
    """Remove the container of that name if this session made it; no error if there is none."""
    facts = verbs.named(engine, name)
    if facts and owner.made(facts["Config"]["Labels"]):
        verbs.remove(engine, facts["Id"])

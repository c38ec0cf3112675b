"""The life of a practice box: started, found again, reset, stopped, removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from container_magics.core.boxes import USUAL, BoxSettings
from container_magics.core.events import Created, RunEvent, Started
from container_magics.core.spec import ContainerSpec
from container_magics.engine import containers, networks
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.keys import Address
from container_magics.engine.logs import last_lines
from container_magics.engine.ownership import Owner
from container_magics.engine.sshclient import login
from container_magics.errors import Conflict, ContainerMagicsError, NotFound, SshFailed
from container_magics.practice.box import Box as Box
from container_magics.practice.box import expect_way as expect_way
from container_magics.practice.box import none_of as none_of
from container_magics.practice.boxfind import KIND as KIND
from container_magics.practice.boxfind import container_name as container_name
from container_magics.practice.boxfind import existing as existing
from container_magics.practice.boxfind import facts_of as facts_of
from container_magics.practice.boxfind import find as find
from container_magics.practice.boxfind import lab_of as lab_of
from container_magics.practice.boxfind import listed as listed
from container_magics.practice.boxfind import located, named_box, placed, settings_of
from container_magics.practice.boxfind import name_of as name_of
from container_magics.practice.boxfind import refuse_elsewhere as refuse_elsewhere
from container_magics.practice.boxspec import box_spec, keys
from container_magics.session.detached import run_detached
from container_magics.session.stopper import Stopper

READY_S = 15.0


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked for already, once for several boxes: the names that are ``free``, and the ID
    of their image, "" where that was not asked for."""

    free: frozenset[str] = frozenset()
    image_id: str = ""


NOT_LOOKED = Looked()


def start(
    engine: Engine,
    owner: Owner,
    name: str,
    settings: BoxSettings = USUAL,
    stopper: Stopper | None = None,
    image: str = "",
    *,
    replacing: bool = True,
    looked: Looked = NOT_LOOKED,
) -> list[RunEvent]:
    """Start a fresh box under ``name``, in place of one of ours; without ``replacing`` it is known
    that there is none. Its image is there; ``image`` is a snapshot's. Returns what happened, in
    order; see ``find`` for where it listens. NameTaken, NotSupported where no port is reached."""
    refuse_elsewhere(engine)
    container = name if name in looked.free else container_name(engine, owner, name)
    spec = replace(box_spec(name, keys(), settings, image), name=container)

    def started(spec: ContainerSpec) -> list[RunEvent]:
        return _started(
            engine, owner, spec, settings, stopper, looked.image_id, replacing=replacing
        )

    try:
        return started(spec)
    except Conflict:  # another user has taken the name at this moment
        container = container_name(engine, owner, name)
        if container == spec.name:
            raise
        return started(replace(spec, name=container))


def _started(
    engine: Engine,
    owner: Owner,
    spec: ContainerSpec,
    settings: BoxSettings,
    stopper: Stopper | None,
    image_id: str = "",
    *,
    replacing: bool = True,
) -> list[RunEvent]:
    # whether it goes on is seen by the first login: nobody need wait for that here
    made = run_detached(
        engine, spec, owner, purpose=KIND, stopper=stopper, at_once_s=0, replacing=replacing,
        image_id=image_id, usual_limits=True,
    )  # fmt: skip
    events = list(made)
    if settings.gate:
        networks.connect(engine, settings.network, spec.name)
    return events


def ended_at_once(engine: Engine, container: str, settings: BoxSettings) -> SshFailed:
    """The error, with the box's last words."""
    words: tuple[str, ...] = ()
    with suppress(NotFound):
        words = last_lines(engine, container)
    hint = "Its last words are below. A reset gives a fresh one: %sshbox reset NAME."
    if settings.image:
        hint = (
            f"{settings.image} has to start sshd by itself on port 22, and to have a user "
            "`student` whose keys are in /etc/ssh/authorized_keys/student."
        )
    return SshFailed("The box ended as soon as it had started.", hint=hint, facts=words)


def wait_until_ready(engine: Engine, box: Box, stopper: Stopper | None = None) -> None:
    """Return after the first login that succeeds; SshFailed when none does in time, and at once
    when the box has ended. KeyboardInterrupt soon after ``stopper`` was pressed."""

    def expect_running() -> None:
        if stopper is not None:
            stopper.check()
        facts = verbs.named(engine, box.container)
        if facts is None or not facts["State"]["Running"]:
            raise ended_at_once(engine, box.container, box.settings)

    with login(box.address, patience_s=READY_S, meanwhile=expect_running):
        return


def ready(engine: Engine, owner: Owner, name: str, stopper: Stopper | None = None) -> Box:
    """A box that has just started, after its first login. SshFailed when it ended meanwhile, and
    it is removed. ``stopper`` as for ``wait_until_ready``."""
    container, facts = named_box(engine, owner, name)
    with removed_if_ended(engine, container):
        if facts is None or not facts["State"]["Running"]:
            raise ended_at_once(engine, container, settings_of(facts) if facts else USUAL)
        box = located(engine, owner, facts, name)
        wait_until_ready(engine, box, stopper)
    return box


def ready_after(
    engine: Engine,
    name: str,
    settings: BoxSettings,
    events: Sequence[RunEvent],
    via: Address | None,
    stopper: Stopper,
) -> Box:
    """The same from what ``start`` has told, without asking once more. ``via`` is the way to a box
    inside a lab."""
    container = next(each.name for each in events if isinstance(each, Created))
    ports = next(dict(each.ports) for each in events if isinstance(each, Started))
    with removed_if_ended(engine, container):
        if settings.published and not ports:
            raise ended_at_once(engine, container, settings)
        box = placed(name, container, settings, ports, via)
        wait_until_ready(engine, box, stopper)
    return box


@contextmanager
def removed_if_ended(engine: Engine, container: str) -> Iterator[None]:
    """Remove a box that has ended, when that is why the block fails."""
    try:
        yield
    except SshFailed:
        now = verbs.named(engine, container)
        if now is not None and not now["State"]["Running"]:
            verbs.remove(engine, now["Id"])
        raise


def reset(
    engine: Engine,
    owner: Owner,
    name: str,
    prepare: Callable[[BoxSettings], None],
    stopper: Stopper | None = None,
) -> tuple[Box, str]:
    """A fresh box in place of the one that is there, or where there is none; returns it after its
    first login, and the ID of the old one, which is still to be removed ("" for none): to wait
    for that would take a quarter of the time. When the new one cannot be made, the old one stays.
    Where there is none, ``prepare`` sees to the image; else it was there when the box was made.
    """
    facts = facts_of(engine, owner, name)
    settings = settings_of(facts) if facts else USUAL
    if facts is None:
        prepare(settings)
    old = str(facts["Id"]) if facts else ""
    container = facts["Name"].lstrip("/") if facts else container_name(engine, owner, name)
    if old:
        containers.rename(engine, old, f"{container}-{old[:12]}")
    try:
        spec = replace(box_spec(name, keys(), settings), name=container)
        _started(engine, owner, spec, settings, stopper, replacing=not old)
        return ready(engine, owner, name), old
    except BaseException:
        if old:
            with suppress(ContainerMagicsError):
                made = verbs.named(engine, container)
                if made is not None:
                    verbs.remove(engine, made["Id"])
                containers.rename(engine, old, container)
        raise


def stop(engine: Engine, owner: Owner, name: str) -> None:
    """Stop the box; its files stay. SshFailed when there is none."""
    facts = facts_of(engine, owner, name)
    if facts is None:
        raise none_of(name)
    containers.stop(engine, facts["Id"])


def remove(engine: Engine, owner: Owner, name: str) -> None:
    """Remove the box, and with the first of a lab the whole lab; keys stay. SshFailed when there
    is none."""
    facts = facts_of(engine, owner, name)
    if facts is None:
        raise none_of(name)
    settings = settings_of(facts)
    gone = {str(facts["Id"]): name}
    if settings.gate:  # one that was just reset is there twice: the old one goes beside the cells
        lab = [one for one in listed(engine, owner) if name in (lab_of(one), name_of(one))]
        gone.update((one.container_id, name_of(one)) for one in lab)
    for container_id, box in gone.items():
        verbs.remove(engine, container_id)
        keys().forget(box)
    if settings.gate:
        networks.remove(engine, networks.inspect(engine, settings.network)["Id"])

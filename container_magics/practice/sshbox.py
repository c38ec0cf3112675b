"""The life of a practice box: started, found again, reset, stopped, removed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from container_magics.core.boxes import USUAL, BoxSettings, unpacked
from container_magics.core.events import RunEvent
from container_magics.core.facts import ContainerFacts
from container_magics.core.spec import ContainerSpec
from container_magics.engine import containers, networks
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.logs import last_lines
from container_magics.engine.ownership import PURPOSE, SESSION, USER, Owner, may_replace
from container_magics.engine.reach import engine_host, has_loopback
from container_magics.engine.sshclient import login
from container_magics.errors import (
    ContainerMagicsError,
    NameTaken,
    NotFound,
    NotSupported,
    SshFailed,
)
from container_magics.practice.box import Box as Box
from container_magics.practice.box import expect_way as expect_way
from container_magics.practice.box import none_of as none_of
from container_magics.practice.boxspec import NAME, SETTINGS, box_spec, keys
from container_magics.session.detached import run_detached
from container_magics.session.stopper import Stopper

READY_S = 15.0
KIND = "sshbox"


def start(
    engine: Engine,
    owner: Owner,
    name: str,
    settings: BoxSettings = USUAL,
    stopper: Stopper | None = None,
    image: str = "",
    *,
    replacing: bool = True,
) -> list[RunEvent]:
    """Start a fresh box under ``name``, in place of one of ours; without ``replacing`` it is known
    that there is none. Its image is there; ``image`` is a snapshot's. Returns what happened, in
    order; see ``find`` for where it listens. NameTaken, NotSupported where no port is reached."""
    refuse_elsewhere(engine)
    container = container_name(engine, owner, name)
    spec = replace(box_spec(name, keys(), settings, image), name=container)
    return _started(engine, owner, spec, settings, stopper, replacing=replacing)


def _started(
    engine: Engine,
    owner: Owner,
    spec: ContainerSpec,
    settings: BoxSettings,
    stopper: Stopper | None,
    *,
    replacing: bool = True,
) -> list[RunEvent]:
    # whether it goes on is seen by the first login: nobody need wait for that here
    made = run_detached(
        engine, spec, owner, purpose=KIND, stopper=stopper, at_once_s=0, replacing=replacing
    )
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


def container_name(engine: Engine, owner: Owner, name: str) -> str:
    """The box's name on the engine: the same, or NAME-USER where another user's box has it."""
    return named_box(engine, owner, name)[0]


def named_box(engine: Engine, owner: Owner, name: str) -> tuple[str, dict[str, Any] | None]:
    """The box's name on the engine, and what has that name."""
    facts = verbs.named(engine, name)
    labels = (facts["Config"]["Labels"] or {}) if facts else {}
    theirs = labels.get(PURPOSE) == KIND and labels.get(USER) not in (None, owner.user)
    if facts is not None and not theirs:
        return name, facts
    # theirs may have gone meanwhile, and mine is where it was
    second = f"{name}-{owner.user}"
    mine = verbs.named(engine, second)
    of_mine = (mine["Config"]["Labels"] or {}) if mine else {}
    if theirs or (of_mine.get(USER), of_mine.get(NAME)) == (owner.user, name):
        return second, mine
    return name, facts


def facts_of(engine: Engine, owner: Owner, name: str) -> dict[str, Any] | None:
    """What the engine knows of this session's box of that name, running or not; None if there is
    none. What a dead session left is none: the sweep may be taking it at this moment.

    NameTaken when the name is another container's, or of a box that a living session has.
    NotSupported for an engine on another machine.
    """
    refuse_elsewhere(engine)
    _, facts = named_box(engine, owner, name)
    if facts is None:
        return None
    labels = facts["Config"]["Labels"] or {}
    if labels.get(PURPOSE) != KIND or not may_replace(engine, owner, labels, facts["Image"]):
        raise NameTaken(
            f"{name!r} is the name of a container that is no practice box of this notebook.",
            hint="Give the box another name: %sshbox NAME.",
            facts=(f"image {facts['Config']['Image']}",),
        )
    return facts if labels[SESSION] == owner.session else None


def find(engine: Engine, owner: Owner, name: str) -> Box | None:
    """The box of this session, started again if it was stopped; None if there is none. Raises what
    ``facts_of`` raises."""
    facts = facts_of(engine, owner, name)
    if facts is None:
        return None
    if not facts["State"]["Running"]:
        containers.start(engine, facts["Id"])
        facts = verbs.inspect(engine, facts["Id"])
    return located(engine, owner, facts, name)


def refuse_elsewhere(engine: Engine) -> None:
    """NotSupported when the engine's 127.0.0.1, where a box listens, is neither this machine's nor
    reached by ssh: a login would come to whatever listens on that port here."""
    if not has_loopback(engine):
        raise NotSupported(
            engine.endpoint.url,
            "A practice box",
            f"It was found by {engine.endpoint.found_by}. Go to the same by ssh: "
            f"`%engine use ssh://{engine_host(engine)}`; or open the notebook on that machine.",
            why=f"its port is of loopback alone, and this engine is on {engine_host(engine)}",
        )


def settings_of(facts: dict[str, Any]) -> BoxSettings:
    """What a box was asked for with."""
    return unpacked((facts["Config"]["Labels"] or {}).get(SETTINGS, ""))


def located(engine: Engine, owner: Owner, facts: dict[str, Any], name: str) -> Box:
    """The box from what the engine says of its container; SshFailed when it ended meanwhile,
    for then it has no port."""
    ring, settings, container = keys(), settings_of(facts), facts["Name"].lstrip("/")
    if settings.published:
        host, port = published_at(engine, facts, name)
        address = ring.address(name, host, port)
    else:
        gate = existing(engine, owner, settings.lab).address
        address = ring.address(name, container, settings.port, via=gate)
    return Box(name, container, address, ring.fingerprint(name), settings)


def published_at(engine: Engine, facts: dict[str, Any], name: str) -> tuple[str, int]:
    """The address and port of this machine; SshFailed when the box has none."""
    address = dict(verbs.published(engine, facts)).get(f"{settings_of(facts).port}/tcp", "")
    if not address:
        raise SshFailed(
            f"The box {name} ended as soon as it had started.",
            hint=f"`%container logs {name}` shows its last words.",
        )
    host, _, port = address.rpartition(":")
    return host, int(port)


def wait_until_ready(engine: Engine, box: Box) -> None:
    """Return after the first login that succeeds; SshFailed when none does in time, and at once
    when the box has ended."""

    def expect_running() -> None:
        facts = verbs.named(engine, box.container)
        if facts is None or not facts["State"]["Running"]:
            raise ended_at_once(engine, box.container, box.settings)

    with login(box.address, patience_s=READY_S, meanwhile=expect_running):
        return


def ready(engine: Engine, owner: Owner, name: str) -> Box:
    """A box that has just started, after its first login. SshFailed when it ended meanwhile, and
    it is removed."""
    container, facts = named_box(engine, owner, name)
    try:
        if facts is None or not facts["State"]["Running"]:
            raise ended_at_once(engine, container, settings_of(facts) if facts else USUAL)
        box = located(engine, owner, facts, name)
        wait_until_ready(engine, box)
    except SshFailed:
        now = verbs.named(engine, container)
        if now is not None and not now["State"]["Running"]:
            verbs.remove(engine, now["Id"])
        raise
    return box


def existing(engine: Engine, owner: Owner, name: str) -> Box:
    """The box, running; SshFailed when there is none."""
    box = find(engine, owner, name)
    if box is None:
        raise none_of(name)
    return box


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
    within = [one for one in listed(engine, owner) if lab_of(one) == name] if settings.gate else []
    for one in [*within, None]:
        verbs.remove(engine, one.container_id if one else facts["Id"])
        keys().forget(name_of(one) if one else name)
    if settings.gate:
        networks.remove(engine, networks.inspect(engine, settings.network)["Id"])


def listed(engine: Engine, owner: Owner) -> list[ContainerFacts]:
    """The boxes of this session, newest first."""
    return [
        facts
        for facts in containers.listed(engine, owner, mine=True)
        if facts.labels.get(PURPOSE) == KIND
    ]


def lab_of(facts: ContainerFacts) -> str:
    """The lab of a box of ``listed`` that only its gate reaches; "" for another."""
    settings = unpacked(facts.labels.get(SETTINGS, ""))
    return "" if settings.published else settings.lab


def name_of(facts: ContainerFacts) -> str:
    """The name that the student gave to a box of ``listed``."""
    return facts.labels.get(NAME, facts.name)

"""A practice box found again: by whose it is, what the engine calls it, and where it listens."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from container_magics.core.boxes import BoxSettings, unpacked
from container_magics.core.facts import ContainerFacts
from container_magics.engine import containers
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.keys import Address
from container_magics.engine.ownership import PURPOSE, SESSION, USER, Owner, may_replace
from container_magics.engine.reach import engine_host, has_loopback
from container_magics.errors import NameTaken, NotSupported, SshFailed
from container_magics.practice.box import Box, none_of
from container_magics.practice.boxspec import NAME, SETTINGS, keys

KIND = "sshbox"


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


def free_names(engine: Engine, owner: Owner, names: Collection[str]) -> frozenset[str]:
    """Those of the names of which nothing need be asked any more: no container has such a name,
    nor that which this user's box would have beside another's. One request for all of them.
    NotSupported for an engine on another machine."""
    refuse_elsewhere(engine)
    taken = {name.lstrip("/") for each in verbs.containers(engine) for name in each["Names"] or ()}
    return frozenset(name for name in names if taken.isdisjoint((name, f"{name}-{owner.user}")))


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
    """The box from what the engine says of its container. Raises what ``placed`` raises."""
    settings, container = settings_of(facts), facts["Name"].lstrip("/")
    ports = dict(verbs.published(engine, facts)) if settings.published else {}
    return placed(name, container, settings, ports, way_to(engine, owner, settings))


def way_to(engine: Engine, owner: Owner, settings: BoxSettings) -> Address | None:
    """The gate by which a box with these settings is reached; None where it has a port of its own.
    SshFailed when there is no such gate."""
    return None if settings.published else existing(engine, owner, settings.lab).address


def placed(
    name: str,
    container: str,
    settings: BoxSettings,
    ports: Mapping[str, str],
    via: Address | None = None,
) -> Box:
    """The box whose container has these ports ("22/tcp" -> "address:port") on this machine, or
    none and is reached over ``via``. SshFailed when it has ended meanwhile, and so has no port."""
    ring, host, port = keys(), container, settings.port
    if settings.published:
        address = ports.get(f"{settings.port}/tcp", "")
        if not address:
            raise SshFailed(
                f"The box {name} ended as soon as it had started.",
                hint=f"`%container logs {name}` shows its last words.",
            )
        host, _, chosen = address.rpartition(":")
        port = int(chosen)
    return Box(
        name, container, ring.address(name, host, port, via), ring.fingerprint(name), settings
    )


def existing(engine: Engine, owner: Owner, name: str) -> Box:
    """The box, running; SshFailed when there is none."""
    box = find(engine, owner, name)
    if box is None:
        raise none_of(name)
    return box


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

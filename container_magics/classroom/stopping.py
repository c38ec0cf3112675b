"""Stop: nothing of a class stays on the swarm, and what stays on a node is named."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from container_magics.classroom import gate
from container_magics.classroom.room import Room
from container_magics.core.classplan import CLASS_ID, HOME, KEY, PURPOSE, claim_name
from container_magics.engine import run as verbs
from container_magics.engine import swarm, volumes
from container_magics.engine.client import Engine
from container_magics.errors import Conflict, ContainerMagicsError, EngineLost, EngineRefused

GONE_S = 60.0
LOOK_S = 0.2
KINDS_AFTER = tuple(kind for kind in swarm.KINDS if kind != "services")
"""What can be removed once no service uses it any more."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """How many boxes went, and the nodes on which volumes were left: kept, or not reached."""

    boxes: int
    left: tuple[str, ...] = ()


def stop(room: Room, *, keep_files: bool = False) -> Stopped:
    """Remove services, gateway, networks, secrets, configs, and every student's volume on those
    nodes whose engine is known; ``keep_files`` leaves the volumes, which the next start finds.

    As long as volumes are left, the name stays this teacher's: another class of that name would
    find them under its own students' names. NameTaken when the class is another teacher's.
    EngineRefused when something is still in use after a minute.
    """
    swarm.expect_manager(room.engine)
    room.expect_mine()
    found = {kind: swarm.listed(room.engine, kind, room.label) for kind in swarm.KINDS}
    homes = {swarm.labels_of(one).get(HOME, "") for one in found["services"]} - {""}
    for service in found["services"]:
        swarm.remove(room.engine, "services", swarm.id_of(service))
    way = gate.found(room.engine, room.name, room.folder.identity)
    if way:
        gate.remove(room.engine, way["Id"])
    claims = [one for one in found["configs"] if swarm.name_of(one) == claim_name(room.name)]
    for kind in KINDS_AFTER:
        for one in found[kind]:
            if one not in claims:
                gone(partial(swarm.remove, room.engine, kind, swarm.id_of(one)))
    forgotten(room)
    room.folder.end_at(None)
    left = tuple(clear_nodes(room, homes | room.folder.every_home, keep_files=keep_files))
    if not left:
        room.folder.keep_homes({})
        for claim in claims:
            gone(partial(swarm.remove, room.engine, "configs", swarm.id_of(claim)))
    boxes = [one for one in found["services"] if KEY in swarm.labels_of(one)]
    return Stopped(len(boxes), left)


def forgotten(room: Room) -> None:
    """Wait until no network is listed, for a minute at most: the manager's own node has one that
    was removed for some seconds more, and the next start would take it for the swarm's."""
    end_s = time.monotonic() + GONE_S
    while swarm.listed(room.engine, "networks", room.label) and time.monotonic() < end_s:
        time.sleep(LOOK_S)


def gone(remove: Callable[[], bool]) -> None:
    """Remove it as soon as nothing uses it any more; the last refusal is raised after a minute."""
    end_s = time.monotonic() + GONE_S
    while True:
        try:
            remove()
        except (EngineRefused, Conflict):
            if time.monotonic() > end_s:
                raise
            time.sleep(LOOK_S)
        else:
            return


def clear_nodes(room: Room, homes: set[str], *, keep_files: bool) -> list[str]:
    """Remove containers and volumes from the nodes that are reached; the names of the others of
    ``homes`` ("ID HOST"). What one refuses is raised when the others are done."""
    cleared, refused = set[str](), list[ContainerMagicsError]()
    for node, engine in room.node_engines().items():
        try:
            clear(engine, room, keep_files=keep_files)
        except EngineLost:
            continue
        except ContainerMagicsError as error:
            refused.append(error)
        else:
            cleared.add(node)
    if refused:
        raise refused[0]
    unknown = {home for home in homes if home.partition(" ")[0] not in cleared}
    return sorted(home.partition(" ")[2] for home in (homes if keep_files else unknown))


def clear(engine: Engine, room: Room, *, keep_files: bool) -> None:
    """Remove what one node still has of a class, and of no other of its name: first the
    containers, which the swarm's agent is taking away at this moment."""
    marks = (room.label, f"{CLASS_ID}={room.folder.identity}", f"{PURPOSE}=class")
    for container in verbs.containers(engine, *marks):
        gate.remove(engine, container["Id"])
    for volume in () if keep_files else volumes.summaries(engine, *marks):
        gone(partial(volumes.remove, engine, volume["Name"]))

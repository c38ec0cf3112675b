"""Prefetch: the class's image on every node, before the first student waits for it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from container_magics.classroom.bulk import Outcome, Report
from container_magics.classroom.room import Room, host_of, how_away, takes_boxes
from container_magics.classroom.starting import expect_image
from container_magics.core.classplan import prefetch_name, pulling
from container_magics.core.names import ImageRef
from container_magics.core.terminal import plain
from container_magics.engine import images, swarm
from container_magics.engine.client import Engine, told
from container_magics.engine.pull import pull
from container_magics.errors import ContainerMagicsError, ImageNotFound

AT_ONCE = 8
PULL_S = 900.0
LOOK_S = 0.5
HAS_IT = ("running", "complete", "failed")
"""States of a task that has its image, whatever becomes of its program."""
NEVER = ("rejected", "orphaned", "remove")
Facts = dict[str, Any]


def prefetch(room: Room) -> Report:
    """Give the image to every node that has not the same one. Where its name says a registry, a
    node pulls it from there; else, and where that fails, it comes by save and load, through this
    machine, to every node whose engine is known.

    ImageNotFound when the manager itself has it not. One line for each node, by name.
    """
    swarm.expect_manager(room.engine)
    expect_image(room)
    engines = room.node_engines()
    image = room.settings.image
    wanted = str(images.inspect(room.engine, image)["Id"])
    nodes = sorted(swarm.nodes(room.engine), key=host_of)
    others = [node for node in nodes if node["ID"] not in engines]
    pulled = by_swarm(room, others, list(engines)) if ImageRef.parse(image).registry else {}

    def one(node: Facts) -> Outcome:
        name, engine = host_of(node), engines.get(node["ID"])
        if engine is None:
            return pulled.get(node["ID"]) or Outcome(name, failure=unknown(room.silent))
        try:
            return Outcome(name, given(room.engine, engine, image, wanted))
        except ContainerMagicsError as error:
            return Outcome(name, failure=str(error))

    with ThreadPoolExecutor(AT_ONCE, "container-magics prefetch") as pool:
        return Report("prefetch", pool.map(one, nodes))


def unknown(silent: Sequence[str]) -> str:
    """What is to be said of a node without an engine; which of those that are silent it is, nobody
    knows."""
    if not silent:
        return "Its engine is not known: name it in nodes=."
    return f"Its engine is not known, or does not answer: {' '.join(silent)}"


def given(source: Engine, target: Engine, image: str, wanted: str) -> str:
    """Have an engine pull an image, or copy it from engine to engine; what was done."""
    if has(target, image, wanted):
        return "has it"
    if ImageRef.parse(image).registry:
        with suppress(ContainerMagicsError):
            deque(pull(target, image), 0)
        if has(target, image, wanted):
            return "pulled it"
    with told():
        target.api.load_image(source.api.get_image(image))
    return "got it"


def has(engine: Engine, image: str, wanted: str) -> bool:
    """Whether an engine has the very same one."""
    with suppress(ImageNotFound):
        return bool(images.inspect(engine, image)["Id"] == wanted)
    return False


def by_swarm(room: Room, nodes: Sequence[Facts], but: Sequence[str]) -> dict[str, Outcome]:
    """Have the swarm pull on these nodes, whose engines are not known: by a service that goes in
    the end. ``but`` are the IDs of all others. What became of each, by its ID."""
    awaited = {node["ID"]: host_of(node) for node in nodes if takes_boxes(node)}
    found = {
        node["ID"]: Outcome(host_of(node), failure=f"It is {how_away(node)}.")
        for node in nodes
        if node["ID"] not in awaited
    }
    if not awaited:
        return found
    room.expect_mine()
    name = prefetch_name(room.name)
    swarm.remove(room.engine, "services", name)  # of one that was killed
    body = pulling(room.name, room.folder.identity, room.settings.image, but)
    service = swarm.create(room.engine, "services", body, room.login)
    try:
        return found | arrived(room.engine, name, awaited)
    finally:
        swarm.remove(room.engine, "services", service)


def arrived(engine: Engine, service: str, awaited: Mapping[str, str]) -> dict[str, Outcome]:
    """Wait until a service has its image on each node (ID -> name), or cannot; which, by ID."""
    end_s, found = time.monotonic() + PULL_S, dict[str, Outcome]()
    while len(found) < len(awaited) and time.monotonic() < end_s:
        for task in swarm.tasks_of(engine, service):
            node, status = task.get("NodeID", ""), task["Status"]
            if node not in awaited or status["State"] not in (*HAS_IT, *NEVER):
                continue
            why = plain(status.get("Err") or "no reason given").strip().rstrip(".")
            found[node] = (
                Outcome(awaited[node], "pulled it")
                if status["State"] in HAS_IT
                else Outcome(awaited[node], failure=f"It could not pull the image: {why}.")
            )
        time.sleep(LOOK_S)
    late = set(awaited) - set(found)
    return found | {
        node: Outcome(awaited[node], failure=f"No answer within {PULL_S:g} s.") for node in late
    }

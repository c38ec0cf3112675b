"""Prefetch: the class's image on every node, before the first student waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from container_magics.classroom.bulk import Outcome, Report
from container_magics.classroom.room import Room, host_of
from container_magics.classroom.starting import expect_image
from container_magics.engine import images, swarm
from container_magics.engine.client import Engine, told
from container_magics.errors import ContainerMagicsError, ImageNotFound

AT_ONCE = 8


def prefetch(room: Room) -> Report:
    """Give the image to every node whose engine is known and that has not the same one: by save
    and load, through this machine. A node whose engine is not known gets it from a registry when
    its first box starts, and fails there when no registry has it: the report says so.

    ImageNotFound when the manager itself has it not. One line for each node, by name.
    """
    swarm.expect_manager(room.engine)
    expect_image(room)
    engines = room.node_engines()
    image = room.settings.image
    wanted = str(images.inspect(room.engine, image)["Id"])

    def one(node: dict[str, object]) -> Outcome:
        name, engine = host_of(node), engines.get(str(node["ID"]))
        if engine is None:
            return Outcome(name, failure=unknown(room.silent))
        try:
            return Outcome(name, given(room.engine, engine, image, wanted))
        except ContainerMagicsError as error:
            return Outcome(name, failure=str(error))

    nodes = sorted(swarm.nodes(room.engine), key=host_of)
    with ThreadPoolExecutor(AT_ONCE, "container-magics prefetch") as pool:
        return Report("prefetch", pool.map(one, nodes))


def unknown(silent: Sequence[str]) -> str:
    """What is to be said of a node without an engine; which of those that are silent it is, nobody
    knows."""
    if not silent:
        return "Its engine is not known: name it in nodes=."
    return f"Its engine is not known, or does not answer: {' '.join(silent)}"


def given(source: Engine, target: Engine, image: str, wanted: str) -> str:
    """Copy an image from engine to engine; what was done."""
    with suppress(ImageNotFound):
        if images.inspect(target, image)["Id"] == wanted:
            return "has it"
    with told():
        target.api.load_image(source.api.get_image(image))
    return "got it"

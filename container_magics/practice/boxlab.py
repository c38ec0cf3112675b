"""A private network of boxes, of which this machine reaches one alone; and several at once."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace

from container_magics.core.boxes import BoxSettings
from container_magics.core.events import Created
from container_magics.engine import images, networks, policyfile
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import Owner
from container_magics.errors import ImageNotFound
from container_magics.practice.boxfind import find, listed, name_of, way_to
from container_magics.practice.boxspec import IMAGE
from container_magics.practice.sshbox import Box, Looked, ready_after, start
from container_magics.session.stopper import Stopper

EACH = 4
"""So many boxes start at the same time for each processor of the engine's machine."""
AT_MOST = 20
"""So many boxes are started at the same time, on however large a machine."""


def start_lab(
    engine: Engine, owner: Owner, names: Sequence[str], settings: BoxSettings, stopper: Stopper
) -> list[Box]:
    """Start a lab: ``names`` are its gate and the boxes behind it, in the order returned. What
    of it is there already is made anew: see ``find_lab``. Raises what ``starting`` raises."""
    gate, *inner = names
    asked = replace(settings, lab=gate, gate=True)
    networks.create(engine, owner, asked.network, internal=True)
    wanted = {gate: asked} | dict.fromkeys(inner, replace(asked, gate=False))
    with closing(starting(engine, owner, wanted, stopper)) as boxes:
        return list(boxes)


def find_lab(engine: Engine, owner: Owner, names: Sequence[str]) -> dict[str, Box]:
    """The boxes of a lab that are there, by name, started again where they were stopped; none
    where its gate is missing, or one belongs to another lab. Raises what ``find`` raises."""
    found = dict[str, Box]()
    for name in names:
        box = find(engine, owner, name)
        if box and (box.settings.lab, box.settings.gate) != (names[0], name == names[0]):
            return {}
        if box:
            found[name] = box
        elif name == names[0]:
            return {}
    return found


def start_missing(
    engine: Engine,
    owner: Owner,
    gate: str,
    names: Sequence[str],
    settings: BoxSettings,
    stopper: Stopper,
) -> list[Box]:
    """Start boxes behind the gate of a lab that is there. Raises what ``starting`` raises."""
    return start_all(engine, owner, names, replace(settings, lab=gate, gate=False), stopper)


def start_all(
    engine: Engine,
    owner: Owner,
    names: Sequence[str],
    settings: BoxSettings,
    stopper: Stopper,
    *,
    replacing: bool = True,
) -> list[Box]:
    """Start boxes of the same settings. As ``starting``."""
    wanted = dict.fromkeys(names, settings)
    with closing(starting(engine, owner, wanted, stopper, replacing=replacing)) as boxes:
        return list(boxes)


def starting(
    engine: Engine,
    owner: Owner,
    wanted: Mapping[str, BoxSettings],
    stopper: Stopper,
    *,
    replacing: bool = True,
    free: frozenset[str] = frozenset(),
) -> Generator[Box, None, None]:
    """Start fresh boxes at the same time, and yield them in order, each once one can log in to it:
    close it when it was not read to its end. A gate stands before the boxes behind it, or is there
    already; they have one image. The first error of one is raised when all have come to an end.
    ``replacing`` as for ``start``; ``free`` are names of which that is known. PolicyDenied, before
    any is made, where they are too many together.
    """
    looked = Looked(free)
    if len(wanted) > 1:
        expect_room(engine, owner, wanted, replacing=replacing)
        looked = Looked(free, image_id(engine, next(iter(wanted.values()))))

    def one(name: str, settings: BoxSettings, gate: Future[Box] | None = None) -> Box:
        events = start(engine, owner, name, settings, stopper, replacing=replacing, looked=looked)
        try:
            via = gate.result().address if gate else way_to(engine, owner, settings)
        except BaseException:  # nobody would reach it
            for created in (each for each in events if isinstance(each, Created)):
                verbs.remove(engine, created.container_id)
            raise
        return ready_after(engine, name, settings, events, via, stopper)

    if len(wanted) == 1:
        yield one(*next(iter(wanted.items())))
        return
    with ThreadPoolExecutor(at_once(engine, len(wanted)), "container-magics box") as pool:
        waiting: dict[str, Future[Box]] = {}
        for name, settings in wanted.items():
            waiting[name] = pool.submit(one, name, settings, waiting.get(settings.lab))
        try:
            for each in waiting.values():
                yield each.result()
        except BaseException:
            for each in waiting.values():
                each.cancel()
            stopper.press()
            raise


def at_once(engine: Engine, number: int) -> int:
    """How many of so many boxes start at the same time. A start is work for a processor, and waits
    a little: more of them get into each other's way, and each asks in vain whether it is up."""
    return min(number, AT_MOST, EACH * max(1, engine.facts().cpus))


def expect_room(engine: Engine, owner: Owner, names: Collection[str], *, replacing: bool) -> None:
    """PolicyDenied where the boxes are too many together; those that they replace do not count."""
    going = [each for each in listed(engine, owner) if name_of(each) in names] if replacing else []
    policyfile.allowed_number(engine, len(names), [each.container_id for each in going])


def image_id(engine: Engine, settings: BoxSettings) -> str:
    """The ID of a box's image; "" where it is not here yet."""
    with suppress(ImageNotFound):
        return str(images.inspect(engine, settings.image or IMAGE)["Id"])
    return ""

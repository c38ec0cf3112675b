"""A private network of boxes, of which this machine reaches one alone; and several at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from container_magics.core.boxes import BoxSettings
from container_magics.engine import networks, policyfile
from container_magics.engine.client import Engine
from container_magics.engine.ownership import Owner
from container_magics.practice.boxfind import listed, name_of
from container_magics.practice.sshbox import Box, ready, start
from container_magics.session.stopper import Stopper

AT_ONCE = 20
"""So many boxes are started at the same time."""


def start_lab(
    engine: Engine, owner: Owner, names: Sequence[str], settings: BoxSettings, stopper: Stopper
) -> list[Box]:
    """Start a lab: ``names`` are its gate and the boxes behind it, in the order returned. What
    of it is there already is made anew. Raises what ``start`` and ``ready`` raise."""
    gate, *inner = names
    asked = replace(settings, lab=gate, gate=True)
    networks.create(engine, owner, asked.network, internal=True)
    first = start_all(engine, owner, [gate], asked, stopper)
    return first + start_all(engine, owner, inner, replace(asked, gate=False), stopper)


def start_all(
    engine: Engine,
    owner: Owner,
    names: Sequence[str],
    settings: BoxSettings,
    stopper: Stopper,
    *,
    replacing: bool = True,
) -> list[Box]:
    """Start fresh boxes at the same time, and return them in order once one can log in to each.
    The first error of one is raised when all have come to an end. ``replacing`` as for ``start``.
    PolicyDenied, before any is made, where they are too many together.
    """

    def one(name: str) -> Box:
        start(engine, owner, name, settings, stopper, replacing=replacing)
        return ready(engine, owner, name, stopper)

    if len(names) == 1:
        return [one(names[0])]
    going = [each for each in listed(engine, owner) if replacing and name_of(each) in names]
    policyfile.allowed_number(engine, len(names), [each.container_id for each in going])
    with ThreadPoolExecutor(AT_ONCE, "container-magics box") as pool:
        waiting = [pool.submit(one, name) for name in names]
        try:
            return [each.result() for each in waiting]
        except BaseException:
            for each in waiting:
                each.cancel()
            stopper.press()
            raise

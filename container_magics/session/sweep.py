"""Remove what dead sessions left: only what carries our labels, only what nobody lives to use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

from container_magics.engine import keptkernels, networks, spare, volumes
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import PURPOSE, SESSION, USER, Owner, is_dead, is_inherited
from container_magics.errors import ContainerMagicsError
from container_magics.session import keptimages

PASSING = ("cell", "look", spare.PURPOSE)
"""Purposes of containers that end with the cell that needs them."""


def sweep(engine: Engine, owner: Owner) -> int:
    """Remove the containers, networks, volumes and own images that dead sessions of this user
    left; returns how many."""
    kept = keptkernels.all_kept()

    def left(summary: dict[str, Any]) -> bool:
        return of_dead_session(summary) and summary.get("Id") not in kept

    removed = remove_labelled(engine, SESSION, f"{USER}={owner.user}", which=left)
    return removed + keptimages.sweep_images(engine, owner)


def sweep_strays(engine: Engine, owner: Owner, departing: Collection[str] = ()) -> int:
    """Remove the containers of this living session's own cells that are still there, as where
    the connection broke before they could be removed; returns how many.

    For a session of which no cell runs but the one that asks. ``departing`` are IDs of those
    that the engine is removing already.
    """

    def stray(summary: dict[str, Any]) -> bool:
        return summary["Labels"].get(PURPOSE) in PASSING and summary.get("Id") not in departing

    return remove_labelled(engine, f"{SESSION}={owner.session}", which=stray)


def end_session(engine: Engine, owner: Owner) -> int:
    """Remove all that this session made and that is still there, but a kernel's container that
    is kept for its next life; returns how many."""
    kept = keptkernels.all_kept()
    mine = f"{SESSION}={owner.session}"
    removed = remove_labelled(engine, mine, which=lambda one: one.get("Id") not in kept)
    return removed + keptimages.remove_images(engine, owner, lambda one: one == owner.session)


def left_by(engine: Engine, owner: Owner) -> dict[str, int]:
    """How many things of this session stand there that ``end_session`` would remove, by what they
    are; containers that wait for a cell are none."""
    mine = f"{SESSION}={owner.session}"
    containers = verbs.containers(engine, mine)
    return {
        "container": sum(one["Labels"].get(PURPOSE) != spare.PURPOSE for one in containers),
        "network": len(networks.summaries(engine, mine)),
        "volume": len(volumes.summaries(engine, mine)),
        "image": keptimages.count_images(engine, owner),
    }


def remove_labelled(engine: Engine, *labels: str, which: Callable[[dict[str, Any]], bool]) -> int:
    """Remove those with all these labels that are of ``which``; returns how many. The
    containers go first: a network or volume that one has cannot go."""
    return (
        remove_each(verbs.containers(engine, *labels), which, lambda one: container(engine, one))
        + remove_each(
            networks.summaries(engine, *labels),
            which,
            lambda one: networks.remove(engine, one["Id"]),
        )
        + remove_each(
            volumes.summaries(engine, *labels),
            which,
            lambda one: volumes.remove(engine, one["Name"]),
        )
    )


def of_dead_session(summary: dict[str, Any]) -> bool:
    """Whether the session that made a thing has ended."""
    return is_dead(summary["Labels"][SESSION])


def remove_each(
    summaries: Iterable[dict[str, Any]],
    which: Callable[[dict[str, Any]], bool],
    remove: Callable[[dict[str, Any]], bool],
) -> int:
    """Remove those of ``which``; returns how many. One that cannot be removed does not keep the
    others."""
    removed = 0
    for summary in filter(which, summaries):
        with suppress(ContainerMagicsError):
            removed += remove(summary)
    return removed


def container(engine: Engine, summary: dict[str, Any]) -> bool:
    """Remove a container; returns False for one that is not ours: its labels are its image's."""
    if is_inherited(engine, summary["Labels"], summary["ImageID"]):
        return False
    verbs.remove(engine, summary["Id"])
    return True

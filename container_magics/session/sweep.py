"""Remove what dead sessions left: only what carries our labels, only what nobody lives to use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

from container_magics.engine import networks, spare, volumes
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
    removed = remove_labelled(engine, SESSION, f"{USER}={owner.user}", which=of_dead_session)
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
    """Remove all that this session made and that is still there; returns how many."""
    removed = remove_labelled(engine, f"{SESSION}={owner.session}", which=lambda _: True)
    return removed + keptimages.remove_images(engine, owner, lambda one: one == owner.session)


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

"""Images that a session makes for itself, and that go with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from container_magics.engine import images
from container_magics.engine.client import Engine
from container_magics.engine.ownership import DEBUG, SNAPSHOT, USER, Owner, is_dead
from container_magics.errors import ContainerMagicsError

LABELS = (DEBUG, SNAPSHOT)


def remove_images(
    engine: Engine, owner: Owner, which: Callable[[str], bool], labels: Iterable[str] = LABELS
) -> int:
    """Remove such images of this user's sessions of ``which`` that no container needs; returns
    how many."""
    removed = 0
    for label in labels:
        for summary in images.labelled(engine, label, f"{USER}={owner.user}"):
            if which(summary["Labels"][label]):
                with suppress(ContainerMagicsError):  # a container runs of it
                    images.remove(engine, summary["Id"])
                    removed += 1
    return removed


def count_images(engine: Engine, owner: Owner) -> int:
    """How many such images this session has."""
    return sum(len(images.labelled(engine, f"{label}={owner.session}")) for label in LABELS)


def sweep_images(engine: Engine, owner: Owner) -> int:
    """Remove those of dead sessions."""
    return remove_images(engine, owner, is_dead)

"""A box's files kept and taken up again: snapshot, restore, fork. Snapshots go with the session."""

from __future__ import annotations

from dataclasses import replace

from container_magics.core.boxes import BoxSettings, unpacked
from container_magics.core.events import RunEvent
from container_magics.engine import containers, images
from container_magics.engine.client import Engine
from container_magics.engine.ownership import SNAPSHOT, USER, Owner
from container_magics.errors import NotFound, UsageError
from container_magics.practice.box import none_of
from container_magics.practice.boxfind import container_name, facts_of, settings_of
from container_magics.practice.boxspec import SETTINGS
from container_magics.practice.sshbox import start
from container_magics.session.stopper import Stopper

REPOSITORY = "container-magics/snapshot-"
FORKED = "forked"


def snapshot(engine: Engine, owner: Owner, name: str, label: str) -> None:
    """Keep the files of a box, running or not, as the image of that label. SshFailed when there is
    no such box, UsageError for a strict one, whose files are in memory."""
    facts = facts_of(engine, owner, name)
    if facts is None:
        raise none_of(name)
    if settings_of(facts).strict:
        raise UsageError(
            f"{name} is a strict box: its files are in memory, and nothing of them can be kept.",
            hint="Copy what you need out of it: `%container cp`, or scp.",
        )
    repository = repository_of(engine, owner, name)
    labels = {SNAPSHOT: owner.session, USER: owner.user}
    containers.commit(engine, facts["Id"], repository, label, labels)


def restore(
    engine: Engine, owner: Owner, name: str, label: str, stopper: Stopper | None = None
) -> list[RunEvent]:
    """A fresh box with the files of its snapshot, in place of the one that is there. NotFound when
    there is no such snapshot."""
    image, settings = kept(engine, owner, name, label)
    return start(engine, owner, name, settings, stopper, image)


def fork(
    engine: Engine, owner: Owner, name: str, new: str, stopper: Stopper | None = None
) -> list[RunEvent]:
    """Another box with the files that ``name`` has now, and a host key of its own."""
    snapshot(engine, owner, name, FORKED)
    image, settings = kept(engine, owner, name, FORKED)
    if settings.gate:  # a lab has one
        settings = replace(settings, lab="", gate=False)
    return start(engine, owner, new, settings, stopper, image)


def labels_of(engine: Engine, owner: Owner, name: str) -> tuple[str, ...]:
    """The labels of a box's snapshots of this session, sorted."""
    wanted = repository_of(engine, owner, name) + ":"
    found = images.labelled(engine, f"{SNAPSHOT}={owner.session}")
    tags = (tag for one in found for tag in one["RepoTags"] or ())
    labels = (tag.removeprefix(wanted) for tag in tags if tag.startswith(wanted))
    return tuple(sorted(label for label in labels if label != FORKED))


def kept(engine: Engine, owner: Owner, name: str, label: str) -> tuple[str, BoxSettings]:
    """A snapshot's image, and how its box was asked for; NotFound when there is none."""
    image = f"{repository_of(engine, owner, name)}:{label}"
    try:
        facts = images.inspect(engine, image)
    except NotFound as error:
        there = ", ".join(labels_of(engine, owner, name))
        raise NotFound(
            f"There is no snapshot {label!r} of {name}.",
            hint=f"There is: {there}." if there else f"%sshbox snapshot {name} makes one.",
        ) from error
    return image, unpacked((facts["Config"]["Labels"] or {}).get(SETTINGS, ""))


def repository_of(engine: Engine, owner: Owner, name: str) -> str:
    """The name of a box's snapshots, without the label."""
    return REPOSITORY + container_name(engine, owner, name).lower()

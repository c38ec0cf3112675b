"""The story of a prune: which of our images nobody needs. Those of others are never looked at."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from contextlib import suppress

from container_magics.core.facts import ImageFacts
from container_magics.core.imageflags import age_s, gathered
from container_magics.engine import images
from container_magics.engine.client import Engine
from container_magics.engine.ownership import PURPOSE
from container_magics.errors import ImageNotFound

STAYING = ("base", "sshbox")
"""The purposes of named images that all notebooks use, and that take long to make anew."""


def prunable(
    engine: Engine,
    *,
    named: bool = False,
    filters: Iterable[tuple[str, str]] = (),
    departing: Collection[str] = (),
) -> list[ImageFacts]:
    """Images with our label that no container needs, newest first: those without a name, and
    with ``named`` the others, too, but for the base image and the box's.

    ``filters`` narrow it, as `%image prune` has them; ``departing`` are containers that need
    nothing any more.
    """
    pairs = list(filters)
    asked = gathered([*((name, value) for name, value in pairs if name != "until")])
    asked["label"] = [*asked.get("label", ()), PURPOSE]
    if not named:
        asked["dangling"] = ["true"]
    latest_s = time.time() - age_s(pairs)
    needed = {each["ImageID"] for each in images.users(engine) if each["Id"] not in departing}
    return [
        facts
        for facts in images.listed(engine, filters=asked)
        if facts.created_s <= latest_s and facts.image_id not in needed and not stays(facts)
    ]


def stays(facts: ImageFacts) -> bool:
    """Whether an image has a name and is one of those that all notebooks use."""
    return bool(facts.tags) and facts.labels.get(PURPOSE) in STAYING


def strangers(engine: Engine) -> int:
    """How many images without a name do not carry our label."""
    found = images.listed(engine, filters={"dangling": ["true"]})
    return sum(PURPOSE not in facts.labels for facts in found)


def remove(engine: Engine, facts: ImageFacts) -> None:
    """Remove one that was found, if it still is as it was found; Conflict when it is needed.

    A name may have gone to another image since, and an image may have got one.
    """
    with suppress(ImageNotFound):
        if not facts.tags and images.is_nameless(engine, facts.image_id):
            images.remove(engine, facts.image_id)
        for tag in facts.tags:
            if images.inspect(engine, tag)["Id"] == facts.image_id:
                images.remove(engine, tag)

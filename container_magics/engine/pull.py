"""Pull an image, layer by layer."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from container_magics.core.events import Pulled, PullEvent
from container_magics.core.names import ImageRef
from container_magics.engine import registry
from container_magics.engine.client import Engine
from container_magics.engine.credentials import login
from container_magics.engine.images import digest_of
from container_magics.engine.jsonlines import ask
from container_magics.engine.layerstream import progress
from container_magics.errors import (
    EngineError,
    EngineLost,
    EngineRefused,
    ImageNotFound,
    NotFound,
)


def pull(engine: Engine, image: str, *, platform: str = "") -> Generator[PullEvent, None, None]:
    """Pull ``image`` and yield the progress of each layer, then Pulled; ``platform`` "" is the
    engine's own.

    Raises LoginNeeded, RateLimited, and ImageNotFound when no registry gives it for another
    reason. Closing the iterator ends the pull.
    """
    reference = ImageRef.parse(image)
    params = {"fromImage": reference.name, "tag": reference.version}
    if platform:
        params["platform"] = platform
    known = login(reference.registry)
    try:
        # no limit: a registry may take its time before the first word
        lines = ask(engine, "POST", "/images/create", params=params, headers=known.header)
        with closing(lines):
            yield from progress(lines, [])
    except (NotFound, EngineRefused) as refusal:
        told = registry.refusal(engine, reference, known, refusal)
        raise told or not_given(image, platform, refusal) from refusal
    yield Pulled(image, seen(engine, reference, image))


def not_given(image: str, platform: str, refusal: EngineError) -> ImageNotFound:
    """The error of an image that no registry gave."""
    return ImageNotFound(
        f"There is no image {image!r}{f' for {platform}' * bool(platform)} here, and no "
        "registry gave it.",
        hint="Check its name: `%images` lists those that are here.",
        facts=(str(refusal),),
    )


def seen(engine: Engine, reference: ImageRef, image: str) -> str:
    """Its digest, once it is seen to be here: nothing in the stream itself says that it was the
    last word."""
    try:
        facts = engine.request("GET", f"/images/{image}/json").json()
    except NotFound as missing:
        raise EngineLost(
            f"The pull of {image} ended before the image was whole.",
            hint="Run the cell again: the layers that are here already stay.",
        ) from missing
    return reference.digest or digest_of(facts, reference)

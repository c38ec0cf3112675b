"""Pull an image, layer by layer."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from container_magics.core.events import Pulled, PullEvent
from container_magics.core.names import ImageRef
from container_magics.engine import registry
from container_magics.engine.client import Engine
from container_magics.engine.credentials import Login, login
from container_magics.engine.images import digest_of
from container_magics.engine.jsonlines import Lines, ask
from container_magics.engine.layerstream import progress
from container_magics.errors import (
    EngineError,
    EngineLost,
    EngineRefused,
    ImageNotFound,
    NotFound,
)

PODMANS_OWN = "4.0.0"
"""The oldest version of Podman's own API that Podman 4 and 5 speak."""


def pull(engine: Engine, image: str, *, platform: str = "") -> Generator[PullEvent, None, None]:
    """Pull ``image`` and yield the progress of each layer, then Pulled; ``platform`` "" is the
    engine's own.

    Raises LoginNeeded, RateLimited, and ImageNotFound when no registry gives it for another
    reason. Closing the iterator ends the pull.
    """
    reference = ImageRef.parse(image)
    known = login(reference.registry)
    try:
        with closing(asked(engine, reference, platform, known)) as lines:
            yield from progress(lines, [])
    except (NotFound, EngineRefused) as refusal:
        told = registry.refusal(engine, reference, known, refusal)
        raise told or not_given(image, platform, refusal) from refusal
    yield Pulled(image, seen(engine, reference, image))


def asked(engine: Engine, reference: ImageRef, platform: str, known: Login) -> Lines:
    """The engine's answer, still to be read. No limit: a registry may take its time before the
    first word."""
    if registry.without_tls(engine, reference):
        # in Podman 4.3 the way that it has from Docker cannot say it
        system, _, rest = platform.partition("/")
        machine, _, variant = rest.partition("/")
        name = f"{reference.name}{'@' if reference.digest else ':'}{reference.version}"
        params = {"reference": name, "tlsVerify": "false",
                  "OS": system, "Arch": machine, "Variant": variant}  # fmt: skip
        return ask(engine, "POST", "/libpod/images/pull", version=PODMANS_OWN,
            params={key: value for key, value in params.items() if value},
            headers=known.header)  # fmt: skip
    params = {"fromImage": reference.name, "tag": reference.version}
    if platform:
        params["platform"] = platform
    return ask(engine, "POST", "/images/create", params=params, headers=known.header)


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

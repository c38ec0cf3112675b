"""Push an image, layer by layer."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from container_magics.core.events import Pushed, PushEvent
from container_magics.core.names import ImageRef
from container_magics.engine import registry
from container_magics.engine.client import Engine
from container_magics.engine.credentials import Login, header, login
from container_magics.engine.images import digest_of, inspect
from container_magics.engine.jsonlines import Message, ask
from container_magics.engine.layerstream import progress
from container_magics.errors import (
    EngineError,
    EngineLost,
    EngineRefused,
    NotFound,
    RegistryRefused,
    UsageError,
)


def push(engine: Engine, image: str) -> Generator[PushEvent, None, None]:
    """Push ``image`` to the registry that its name says; yields the progress of each layer, then
    Pushed.

    Raises ImageNotFound when it is not here, LoginNeeded, RateLimited, and RegistryRefused for
    any other reason. Closing the iterator ends the push; the registry then has no such tag.
    """
    reference = pushable(image)
    facts = inspect(engine, str(reference))
    known, aux = login(reference.registry), list[Message]()
    params = {"tag": reference.version}
    if registry.without_tls(engine, reference):
        params["tlsVerify"] = "false"
    try:
        # engines want the header even where there is no login
        lines = ask(
            engine, "POST", f"/images/{reference.name}/push",
            params=params, headers=known.header or header({}),
        )  # fmt: skip
        with closing(lines):
            yield from progress(lines, aux)
    except (NotFound, EngineRefused) as refusal:
        told = registry.refusal(engine, reference, known, refusal)
        raise told or not_taken(reference, known, refusal) from refusal
    digest = next((str(one["Digest"]) for one in aux if "Digest" in one), "")
    if not digest and not (digest := digest_of(inspect(engine, facts["Id"]), reference)):
        raise EngineLost(
            f"The push of {reference} ended before the registry had the image.",
            hint="Run the cell again: the layers that it has already are not sent anew.",
        )
    yield Pushed(str(reference), digest)


def pushable(image: str) -> ImageRef:
    """The name with its tag; UsageError for a digest, which the registry alone gives."""
    reference = ImageRef.parse(image)
    if reference.digest:
        raise UsageError(
            f"{image!r} names an image by its digest, and a push goes to a tag.",
            hint="Give it a name first: `%image tag IMAGE NAME:TAG`.",
        )
    return ImageRef(reference.repository, reference.registry, reference.tag or "latest")


def not_taken(reference: ImageRef, known: Login, refusal: EngineError) -> RegistryRefused:
    """The error of an image that the registry did not take."""
    command = registry.login_command(reference)
    hint = "" if known.header else f"If it wants a login: `{command}` in a terminal."
    if not reference.registry:
        hint += f" Another registry's name comes first: `%image tag {reference} HOST/{reference}`."
    return RegistryRefused(
        f"{registry.place(reference)} did not take {reference}.",
        hint=hint.strip(),
        facts=(str(refusal),),
    )

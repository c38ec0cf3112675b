"""What the engine says of images, and the verbs of their life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from container_magics.core.facts import HistoryLine, ImageFacts
from container_magics.core.names import ImageRef
from container_magics.engine.client import LONG_S, Engine, told
from container_magics.engine.names import shown_name
from container_magics.errors import Conflict, ImageNotFound, NotFound


def listed(
    engine: Engine,
    name: str | None = None,
    *,
    everything: bool = False,
    filters: Mapping[str, Sequence[str]] | None = None,
) -> list[ImageFacts]:
    """Images, newest first; with ``name`` only those of that repository (or NAME:TAG).

    ``everything``: those between an image and its base, too, which the classic builder leaves.
    ``filters`` are the engine's own (API, "List Images"). EngineRefused for one it lacks.
    """
    with told():
        found = engine.api.images(name, all=everything, filters=dict(filters or {}))
        # by a name engines find the tags that match it, and leave the digests out
        whole = engine.api.images(all=everything) if found and (name or filters) else found
    digests = {image["Id"]: image["RepoDigests"] or () for image in whole}
    return [
        ImageFacts(
            image["Id"],
            tuple(tag for tag in image["RepoTags"] or () if tag != "<none>:<none>"),
            tuple(each for each in digests.get(image["Id"], ()) if "<none>" not in each),
            image["Created"],
            image["Size"],
            image["Labels"] or {},
        )
        for image in found
    ]


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """Everything the engine knows of an image; ImageNotFound when it is not here."""
    try:
        facts: dict[str, Any] = engine.request(
            "GET", f"/images/{quote(name, safe='/:@')}/json", timeout_s=LONG_S
        ).json()
    except NotFound as missing:
        raise ImageNotFound(
            f"There is no image {name!r} here.",
            hint=f"`%images` lists those that are; `%image pull {name}` fetches it.",
        ) from missing
    return facts


def digest_of(facts: dict[str, Any], reference: ImageRef) -> str:
    """By which digest a registry has an inspected image under this name; "" where the engine
    knows none. The latest comes last."""
    names = [str(each).partition("@") for each in facts.get("RepoDigests") or ()]
    return next((digest for name, _, digest in reversed(names) if name == reference.name), "")


def history(engine: Engine, name: str) -> list[HistoryLine]:
    """The instructions that made an image, oldest first."""
    inspect(engine, name)
    return lines_of(engine, name)


def lines_of(engine: Engine, image_id: str) -> list[HistoryLine]:
    """The same of an image that is known to be here."""
    with told():
        lines = engine.api.history(image_id)
    return [
        HistoryLine(line["CreatedBy"] or line.get("Comment", ""), line["Created"], line["Size"])
        for line in reversed(lines)
    ]


def labelled(engine: Engine, *labels: str) -> list[dict[str, Any]]:
    """Summaries of the images with all these labels ("KEY" or "KEY=VALUE"), named or not."""
    with told():
        found: list[dict[str, Any]] = engine.api.images(filters={"label": list(labels)})
    return found


def shared_layers(engine: Engine, name: str, base: str) -> int:
    """How many layers ``name`` has from ``base``: all of that one's, or 0."""
    try:
        ground = inspect(engine, base)["RootFS"]["Layers"]
    except ImageNotFound:
        return 0
    mine = inspect(engine, name)["RootFS"]["Layers"]
    return len(ground) if mine[: len(ground)] == ground else 0


def tag(engine: Engine, name: str, new: str) -> None:
    """Give an image a second name."""
    reference = ImageRef.parse(new)
    inspect(engine, name)
    with told():
        engine.api.tag(name, reference.name, reference.tag or "latest")


def remove(engine: Engine, name: str, *, force: bool = False) -> None:
    """Remove a name, and the image with its last name.

    ``force`` also takes an ID with several names, and a name that a container needs. Raises
    Conflict, which names the containers.
    """
    image_id = inspect(engine, name)["Id"]
    try:
        with told():
            engine.api.remove_image(name, force=force)
    except Conflict as conflict:
        raise in_use(engine, name, image_id, conflict) from conflict


def in_use(engine: Engine, name: str, image_id: str, conflict: Conflict) -> Conflict:
    """Why an image is not removed: the containers that were made from it, if that is it."""
    found = [each for each in users(engine) if each["ImageID"] == image_id]
    if not found:
        return Conflict(
            str(conflict), hint=f"`%image rm -f {name}` takes it away with all its names."
        )
    names = [f"{shown_name(each)} ({each['State']})" for each in found]
    first = " ".join(shown_name(each) for each in found)
    return Conflict(
        f"{name} is not removed: {' and '.join(names)} {'need' if names[1:] else 'needs'} it.",
        hint=f"First `%container rm {first}`; -f takes the name away all the same.",
        facts=(str(conflict),),
    )


def users(engine: Engine) -> list[dict[str, Any]]:
    """All containers, as the engine lists them: each needs its image."""
    with told():
        found: list[dict[str, Any]] = engine.api.containers(all=True)
    return found


def is_nameless(engine: Engine, image_id: str) -> bool:
    """Whether an image has no name at this moment, in no registry's words either."""
    facts = inspect(engine, image_id)
    return not (facts["RepoTags"] or facts["RepoDigests"])

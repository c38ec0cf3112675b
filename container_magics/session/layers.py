"""Explore the layers of an image or a container, as events that end in a LayerTree."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from container_magics.core.layers import ImageLayers
from container_magics.core.layers import LayersReading as LayersReading
from container_magics.core.layertree import LayerTree, merge, squashed
from container_magics.engine import images, run
from container_magics.engine.client import Engine
from container_magics.engine.layersources import ENGINE_ALONE, Sources, read_image
from container_magics.engine.writable import read_container
from container_magics.errors import ImageNotFound, NotFound

__all__ = ["LayersEvent", "LayersRead", "LayersReading", "explore"]

GROUND = "the base image"


@dataclass(frozen=True, slots=True)
class LayersRead:
    """All was read."""

    tree: LayerTree


LayersEvent = LayersReading | LayersRead


def explore(
    engine: Engine, image: str, *, base_rows: int = 0, sources: Sources = ENGINE_ALONE
) -> Generator[LayersEvent, None, None]:
    """The layers of ``image``, or of the container of that name: its writable layer is on top.

    Yields LayersReading as it goes, and LayersRead last. The ``base_rows`` oldest rows of the
    history become one, "the base image"; 0 leaves all as they are. ``sources`` are asked before the
    engine's archive. Raises ImageNotFound when the engine has neither, and what ``read_image``
    raises.
    """
    for event in _read(engine, image, sources):
        if isinstance(event, ImageLayers):
            yield LayersRead(merge(squashed(event, base_rows, GROUND) if base_rows else event))
        else:
            yield event


def image_of(engine: Engine, name: str) -> str:
    """The image itself, or that of the container of this name; ImageNotFound for neither."""
    try:
        images.inspect(engine, name)
    except ImageNotFound as missing:
        try:
            return str(run.inspect(engine, name)["Image"])
        except NotFound:
            raise missing from None
    return name


def image_id(engine: Engine, name: str) -> str:
    """The ID of the image of this name; "" when there is none."""
    try:
        return str(images.inspect(engine, name)["Id"])
    except NotFound:
        return ""


def _read(engine: Engine, image: str, sources: Sources) -> Iterator[LayersReading | ImageLayers]:
    try:
        yield from read_image(engine, image, sources)
    except NotFound:
        try:
            yield from read_container(engine, image, sources)
        except NotFound as error:
            raise ImageNotFound(
                f"There is no image and no container {image!r} on this engine.",
                hint=f"See what is here with `%images`, or pull it: `%image pull {image}`.",
            ) from error

"""Explore the layers of an image or a container, as events that end in a LayerTree.

An image may be an engine's, or lie in a file, a folder or a registry: `core/layersource.py`
says how it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from container_magics.core import layersource
from container_magics.core.layers import Contents, ImageLayers, Layer
from container_magics.core.layers import LayersReading as LayersReading
from container_magics.core.layertree import LayerTree, merge, squashed
from container_magics.engine import images, run
from container_magics.engine.client import Engine
from container_magics.engine.layersources import ENGINE_ALONE, Sources, read_image
from container_magics.errors import ImageNotFound, NotFound, UsageError

__all__ = ["LayersEvent", "LayersRead", "LayersReading", "explore"]

GROUND = "the base image"


@dataclass(frozen=True, slots=True)
class LayersRead:
    """All was read."""

    tree: LayerTree


LayersEvent = LayersReading | LayersRead


def explore(
    engine: Engine | None,
    image: str,
    *,
    base_rows: int = 0,
    sources: Sources = ENGINE_ALONE,
    onto: LayerTree | None = None,
) -> Generator[LayersEvent, None, None]:
    """The layers of ``image``, or of the container of that name: its writable layer is on top.

    An image that is elsewhere (``is_elsewhere``) needs no ``engine``, any other does.
    Yields LayersReading as it goes, and LayersRead last. The ``base_rows`` oldest rows of the
    history become one, "the base image"; 0 leaves all as they are. ``sources`` are asked before the
    engine's archive; ``onto`` is a tree that this one may begin with (see ``merge``). Raises
    ImageNotFound when the engine has neither, and what ``read_image``
    raises.
    """
    for event in _read(engine, image, sources):
        if isinstance(event, ImageLayers):
            whole = squashed(event, base_rows, GROUND) if base_rows else event
            yield LayersRead(merge(whole, onto))
        else:
            yield event


def is_elsewhere(name: str) -> bool:
    """Whether this names a file, a folder or a registry's image, and no engine is asked for it.
    UsageError where it begins so and cannot be read."""
    return layersource.parse(name) is not None


def contents(
    engine: Engine | None,
    name: str,
    image_id: str,
    layers: Sequence[Layer],
    sources: Sources = ENGINE_ALONE,
) -> Contents:
    """What reads the files of the image ``name``, of that ID, whose ``layers`` were read."""
    source = layersource.parse(name)
    if isinstance(source, layersource.FileSource):
        from container_magics.engine import archivefile  # 20 modules that an engine's image lacks

        return archivefile.contents_of(source, layers)
    if isinstance(source, layersource.RegistrySource):
        from container_magics.engine import registryblobs

        return registryblobs.contents_of(source.reference, layers)
    from container_magics.engine.layercontents import EngineContents

    container = name if layers and layers[-1].writable else ""
    return EngineContents(_needed(engine), image_id, layers, sources, container)


def engine_for(names: Sequence[str], connect: Callable[[], Engine]) -> Engine | None:
    """The engine, where one of the names needs it; else None, and it is not looked for."""
    return None if all(map(is_elsewhere, names)) else connect()


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


def identity(engine: Engine, name: str) -> tuple[str, tuple[str, ...]]:
    """The ID of the engine's image of this name, and its diff IDs, oldest first; "" and () when
    there is none."""
    try:
        facts = images.inspect(engine, name)
    except NotFound:
        return "", ()
    return str(facts["Id"]), tuple((facts.get("RootFS") or {}).get("Layers") or ())


def _needed(engine: Engine | None) -> Engine:
    if engine is None:
        raise UsageError("An engine's image was asked for, without an engine.")
    return engine


def _read(
    engine: Engine | None, image: str, sources: Sources
) -> Iterator[LayersReading | ImageLayers]:
    source = layersource.parse(image)
    if isinstance(source, layersource.FileSource):
        from container_magics.engine import archivefile

        yield from archivefile.read_file(source, sources)
    elif isinstance(source, layersource.RegistrySource):
        from container_magics.engine import registryblobs

        yield from registryblobs.read_registry(source.reference, sources)
    else:
        yield from _of_engine(_needed(engine), image, sources)


def _of_engine(
    engine: Engine, image: str, sources: Sources
) -> Iterator[LayersReading | ImageLayers]:
    try:
        yield from read_image(engine, image, sources)
    except NotFound:
        from container_magics.engine.writable import read_container

        try:
            yield from read_container(engine, image, sources)
        except NotFound as error:
            raise ImageNotFound(
                f"There is no image and no container {image!r} on this engine.",
                hint=f"See what is here with `%images`, or pull it: `%image pull {image}`.",
            ) from error

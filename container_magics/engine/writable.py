"""A container's layers: its image's, and its own writable layer on top.

`GET /containers/ID/changes` says which paths; their sizes, modes and owners come from one pass
over `GET /containers/ID/export`, which streams at once and is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from container_magics.core.layers import (
    Entry,
    EntryScanner,
    ImageLayers,
    Layer,
    LayersReading,
    clean,
)
from container_magics.engine import containers
from container_magics.engine.archive import feed
from container_magics.engine.client import Engine, told
from container_magics.engine.layersources import ENGINE_ALONE, Sources, read_image


def read_container(
    engine: Engine, name: str, sources: Sources = ENGINE_ALONE
) -> Iterator[LayersReading | ImageLayers]:
    """The layers of a container, oldest first, the writable one last; reports on the way.

    A file that a running container writes meanwhile may have either size. Raises NotFound.
    """
    with told():
        facts = engine.api.inspect_container(name)
    image: ImageLayers | None = None
    for event in read_image(engine, facts["Image"], sources):
        if isinstance(event, ImageLayers):
            image = event
        else:
            yield event
    if image is not None:
        top = own_layer(engine, facts["Id"])
        yield replace(image, layers=(*image.layers, top))


def own_layer(engine: Engine, container_id: str) -> Layer:
    """The container's own layer as it is now. Raises NotFound."""
    changes = containers.changes(engine, container_id)
    gone = [clean(change.path.encode()) for change in changes if change.kind == "deleted"]
    there = {clean(change.path.encode()) for change in changes if change.kind != "deleted"}
    entries = [Entry(path, 0, 0, "whiteout", b"", 0, 0, 0) for path in gone]
    if there:
        entries.extend(_present(engine, container_id, there))
    return Layer(
        diff_id="",
        digest="",
        instruction="",
        created_s=None,
        size_bytes=sum(entry.size_bytes for entry in entries),
        entries=tuple(entries),
        writable=True,
    )


def _present(engine: Engine, container_id: str, paths: Set[bytes]) -> Iterator[Entry]:
    """What the writable layer holds, out of the container's whole file system."""
    export = EntryScanner()
    for _ in feed(engine, f"/containers/{container_id}/export", export):
        pass
    for entry in export.entries():
        if entry.path in paths:
            yield entry

"""An image as one layer: what a container of it would show, where the engine cannot save it.

`GET /containers/ID/export` of a container that is made for it and never started. It streams at
once, but tells neither who brought a file, nor what was hidden: so it is asked last of all.
"""

from __future__ import annotations

from collections.abc import Iterator

from container_magics.core.layers import EntryScanner, ImageLayers, Layer, LayersReading, clean
from container_magics.engine import containers
from container_magics.engine.archive import feed
from container_magics.engine.client import Engine
from container_magics.engine.layerhelper import helper

INSTRUCTION = "all layers in one: the engine cannot save this image, and tells no more of them"


def read(engine: Engine, image_id: str) -> Iterator[LayersReading | ImageLayers]:
    """The image with one layer, which has no diff ID; reports on the way.

    What the engine itself puts into each container is left out. Raises what the engine raises.
    """
    export = EntryScanner()
    with helper(engine, image_id, {}) as container:
        for read_bytes in feed(engine, f"/containers/{container}/export", export):
            yield LayersReading(read_bytes)
        changes = containers.changes(engine, container)
    own = {clean(change.path.encode()) for change in changes if change.kind == "added"}
    own.add(b".dockerenv")  # which is not among them
    entries = tuple(entry for entry in export.entries() if entry.path not in own)
    size_bytes = sum(entry.size_bytes for entry in entries)
    yield ImageLayers(image_id, (Layer("", "", INSTRUCTION, None, size_bytes, entries),))

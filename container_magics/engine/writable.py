"""A container's layers: its image's, and its own writable layer on top.

`GET /containers/ID/changes` says which paths; their sizes, modes and owners come from one pass
over `GET /containers/ID/export`, which streams at once and is exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
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

_LOST = "\ufffd"
_BYTE = re.compile("[\udc80-\udcff]")


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
        top = own_layer(engine, facts["Id"], image.layers)
        yield replace(image, layers=(*image.layers, top))


def own_layer(engine: Engine, container_id: str, below: Sequence[Layer] = ()) -> Layer:
    """The container's own layer as it is now, above the layers ``below``. Raises NotFound.

    The engine tells paths as JSON, which has no bytes that are not UTF-8: of several names that
    look the same there, all that the container has count as its own.
    """
    changes = containers.changes(engine, container_id)
    gone = [change.path for change in changes if change.kind == "deleted"]
    there = {change.path for change in changes if change.kind != "deleted"}
    odd = [path for path in gone if _LOST in path]
    present = _present(engine, container_id) if there or odd else ()
    kept = {entry.path for entry in present} if odd else set[bytes]()
    marks = [clean(path.encode()) for path in gone if _LOST not in path]
    marks += (path for path in _named(below, odd) if path not in kept)
    own = _own(present, there)
    entries = (*(Entry(path, 0, 0, "whiteout", b"", 0, 0, 0) for path in marks), *own)
    return Layer(
        diff_id="",
        digest="",
        instruction="",
        created_s=None,
        size_bytes=sum(entry.size_bytes for entry in entries),
        entries=entries,
        writable=True,
    )


def _present(engine: Engine, container_id: str) -> tuple[Entry, ...]:
    """The container's whole file system."""
    export = EntryScanner()
    for _ in feed(engine, f"/containers/{container_id}/export", export):
        pass
    return export.entries()


def _own(entries: Sequence[Entry], told: Set[str]) -> Iterator[Entry]:
    """The entries at the paths that the engine tells."""
    paths = {clean(path.encode()) for path in told if _LOST not in path}
    odd = {path for path in told if _LOST in path}
    for entry in entries:
        if entry.path in paths or (odd and as_told(entry.path) in odd):
            yield entry


def _named(layers: Sequence[Layer], told: Sequence[str]) -> list[bytes]:
    """The paths in the layers which look like these when the engine tells them."""
    paths = {entry.path for layer in layers for entry in layer.entries} if told else set[bytes]()
    return sorted(path for path in paths if as_told(path) in told)


def as_told(path: bytes) -> str:
    """How an engine tells a path: Go's encoding/json has U+FFFD for each byte that is no UTF-8."""
    return "/" + _BYTE.sub(_LOST, path.decode("utf-8", "surrogateescape"))

"""An image as one layer: what a container of it would show, where the engine cannot save it.

`GET /containers/ID/export` of a container that is made for it and never started. It streams at
once, but tells neither who brought a file, nor what was hidden: so it is asked last of all.
"""

from __future__ import annotations

from collections.abc import Iterator

from container_magics.core.layers import Entry, EntryScanner, ImageLayers, Layer, LayersReading
from container_magics.engine.archive import feed
from container_magics.engine.client import Engine
from container_magics.engine.layerhelper import helper

INSTRUCTION = "all layers in one: the engine cannot save this image, and tells no more of them"
# What Docker puts under each container where the image has nothing there: empty files and folders,
# and a link (moby/moby, daemon/initlayer/setup_unix.go).
_OWN_NAMES = frozenset(
    b".dockerenv dev/console dev/pts dev/shm etc/hostname etc/hosts etc/mtab etc/resolv.conf proc "
    b"sys".split()
)


def read(engine: Engine, image_id: str) -> Iterator[LayersReading | ImageLayers]:
    """The image with one layer, which has no diff ID; reports on the way.

    What the engine itself puts into each container is left out. Raises what the engine raises.
    """
    export = EntryScanner()
    with helper(engine, image_id, {}) as container:
        for read_bytes in feed(engine, f"/containers/{container}/export", export):
            yield LayersReading(read_bytes)
    entries = tuple(entry for entry in export.entries() if not _is_own(entry))
    size_bytes = sum(entry.size_bytes for entry in entries)
    yield ImageLayers(image_id, (Layer("", "", INSTRUCTION, None, size_bytes, entries),))


def _is_own(entry: Entry) -> bool:
    return (
        entry.path in _OWN_NAMES and not entry.size_bytes and entry.link in (b"", b"/proc/mounts")
    )

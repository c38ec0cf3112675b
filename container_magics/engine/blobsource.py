"""The layers of an image whose parts can be read one by one, and files out of them.

Only the layers that are not known yet are read, whole; so their digests are verified, and what is
kept of them is true whoever made the archive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

from container_magics.core.imagemanifest import ImageParts, chosen, diff_ids, digest_in
from container_magics.core.layerblob import LayerBlob
from container_magics.core.layercontents import ContentScanner, files_wanted, names_of, whole
from container_magics.core.layergathering import Gathering
from container_magics.core.layers import (
    Entry,
    EntryScanner,
    ImageLayers,
    Layer,
    LayersReading,
    Make,
    T,
    Wanted,
    Way,
)
from container_magics.core.tarheader import MAX_MEMBERS
from container_magics.engine.archive import REPORT_BYTES
from container_magics.engine.imageblobs import Blobs
from container_magics.engine.layersources import CACHE, MEMORY, Sources


def read(
    blobs: Blobs, choice: str, way: str, sources: Sources
) -> Iterator[LayersReading | ImageLayers]:
    """The layers of the image that ``choice`` names, oldest first; reports on the way, and the
    ImageLayers last. ``way`` is what its readers call this. Raises BadArchive."""
    parts, config = _parts(blobs, choice)
    gathering = Gathering(parts.image_id, diff_ids(config, parts))
    gathering.take_config(config)
    names = dict(zip(gathering.diff_ids, parts.layers, strict=True))
    gathering.digests = {diff_id: digest_in(name) for diff_id, name in names.items()}
    ways = [*_known(gathering, sources)]
    begin_s, missing = time.perf_counter(), gathering.missing()
    yield from _Reading(blobs, gathering).read([(diff_id, names[diff_id]) for diff_id in missing])
    if missing or not ways:
        taken_s = time.perf_counter() - begin_s
        ways.append(Way(way, len(missing), taken_s, verified=bool(missing)))
    if sources.cache is not None and missing:
        index = gathering.index() if digest_in(parts.config) else None
        sources.cache.keep(index, {diff_id: gathering.entries[diff_id] for diff_id in missing})
    yield gathering.image(tuple(ways))


def _parts(blobs: Blobs, choice: str) -> tuple[ImageParts, dict[str, object]]:
    parts = chosen(blobs, choice)
    config = blobs.document(parts.config)
    diff_ids(config, parts)
    return parts, config


def _known(gathering: Gathering, sources: Sources) -> Iterator[Way]:
    """Take what is in memory or in the cache."""
    cache = sources.cache
    places: list[tuple[str, Callable[[str], tuple[Entry, ...] | None]]] = [
        (MEMORY, sources.held.get),
        (CACHE, cache.layer if cache is not None else lambda _: None),
    ]
    for name, find in places:
        begin_s, count = time.perf_counter(), 0
        for diff_id in gathering.missing():
            entries = find(diff_id)
            if entries is not None:
                gathering.entries[diff_id] = entries
                count += 1
        if count:
            yield Way(name, count, time.perf_counter() - begin_s)


class _Reading:
    """Layers that are read, one after the other."""

    def __init__(self, blobs: Blobs, gathering: Gathering) -> None:
        self._blobs, self._gathering = blobs, gathering
        self._members = 0

    def read(self, layers: Sequence[tuple[str, str]]) -> Iterator[LayersReading]:
        """Read these, (diff ID, name of the part) each."""
        total_bytes = sum(self._blobs.size_bytes(name) for _, name in layers)
        done_bytes = reported = 0
        for diff_id, name in layers:
            layer = LayerBlob(EntryScanner(MAX_MEMBERS - self._members), verify=True)
            for length in fed(self._blobs, name, layer):
                done_bytes += length
                if done_bytes - reported >= REPORT_BYTES:
                    reported = done_bytes
                    yield LayersReading(done_bytes, total_bytes)
            self._gathering.entries[diff_id] = layer.entries(diff_id, digest_in(name))
            self._members += layer.members


def fed(blobs: Blobs, name: str, layer: LayerBlob) -> Generator[int, None, None]:
    """Feed a part to ``layer``; yields the length of each piece."""
    with closing(blobs.pieces(name)) as pieces:
        for piece in pieces:
            layer.feed(piece)
            yield len(piece)
    layer.close()


@dataclass(frozen=True, slots=True)
class BlobContents:
    """The Contents (core/layers.py) of an image whose ``layers`` were read out of what ``opened``
    opens."""

    opened: Callable[[], AbstractContextManager[Blobs]]
    choice: str
    layers: Sequence[Layer]

    def read(self, wanted: Collection[Wanted], max_bytes: int) -> Iterator[tuple[Wanted, bytes]]:
        """As Contents has it. Raises as the reading of the layers does."""
        return self.read_as(wanted, max_bytes, whole)

    def read_as(
        self, wanted: Collection[Wanted], max_bytes: int, make: Make[T]
    ) -> Iterator[tuple[Wanted, T]]:
        """As Contents has it; raises as ``read``."""
        waiting = files_wanted(self.layers, wanted)
        if not waiting:
            return
        with self.opened() as blobs:
            parts, config = _parts(blobs, self.choice)
            names = dict(zip(diff_ids(config, parts), parts.layers, strict=True))
            for index in sorted({index for index, _ in waiting}):
                diff_id = self.layers[index].diff_id
                here = {place: one for place, one in waiting.items() if place[0] == index}
                if diff_id in names:
                    scanner = ContentScanner(names_of(here), max_bytes, make)
                    _scan(blobs, names[diff_id], diff_id, scanner)
                    for found in scanner.contents.values():
                        yield from (((index, name), one) for name, one in found.items())


def _scan(blobs: Blobs, name: str, diff_id: str, scanner: EntryScanner) -> None:
    layer = LayerBlob(scanner, verify=True)
    for _ in fed(blobs, name, layer):
        pass
    layer.scanned(diff_id, digest_in(name))

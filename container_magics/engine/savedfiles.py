"""Files out of an image's layers, by passes over `GET /images/ID/get`: slow, always possible."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from urllib.parse import quote

from container_magics.core.layerfind import Links
from container_magics.core.layers import Layer, Wanted
from container_magics.core.wantedfiles import WantedFiles
from container_magics.engine.archive import feed
from container_magics.engine.client import Engine

PASS_BYTES = 256 << 20
"""So much is held at once; for more the archive is read again."""


class SavedFiles:
    """The contents of an image's files: a ``Contents``, see core/layers.py."""

    def __init__(self, engine: Engine, image: str, layers: Sequence[Layer]) -> None:
        """``image`` is its ID or name:tag; ``layers`` are its own, oldest first."""
        self._engine, self._image, self._layers = engine, image, layers
        self._links = Links(layers)

    def read(self, wanted: Collection[Wanted], max_bytes: int) -> Iterator[tuple[Wanted, bytes]]:
        """As Contents has it. Raises what ``archive.feed`` raises, and BadArchive."""
        batch: dict[Wanted, Wanted] = {}  # where its bytes are
        batch_bytes = 0
        for one in dict.fromkeys(wanted):
            index, path = one
            entry = self._links.at(index, path) if 0 <= index < len(self._layers) else None
            if entry is None:
                continue
            index, entry = self._links.file(index, entry)
            if entry.kind != "file" or not self._layers[index].diff_id:
                continue
            if not entry.size_bytes:
                yield one, b""
                continue
            batch[one] = (index, entry.path)
            batch_bytes += min(entry.size_bytes, max_bytes)
            if batch_bytes >= PASS_BYTES:
                yield from self._pass(batch, max_bytes)
                batch, batch_bytes = {}, 0
        if batch:
            yield from self._pass(batch, max_bytes)

    def _pass(self, batch: dict[Wanted, Wanted], max_bytes: int) -> Iterator[tuple[Wanted, bytes]]:
        paths: dict[str, set[bytes]] = defaultdict(set)
        for index, path in batch.values():
            paths[self._layers[index].diff_id].add(path)
        archive = WantedFiles({key: frozenset(held) for key, held in paths.items()}, max_bytes)
        for _ in feed(self._engine, f"/images/{quote(self._image)}/get", archive):
            pass
        files = archive.files()
        for one, (index, path) in batch.items():
            body = files.get((self._layers[index].diff_id, path))
            if body is not None:
                yield one, body

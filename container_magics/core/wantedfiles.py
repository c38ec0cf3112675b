"""Files out of the layers of an image archive, collected as it passes.

Forms of the archive: as in ``imagearchive``. A layer is known by the digest of its plain bytes
(OCI image spec 1.1, `config.md`, "Layer DiffID"), so no form needs a rule of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from container_magics.core.imagearchive import GZIP, Gunzip
from container_magics.core.layers import clean
from container_magics.core.tarheader import BLOCK, Member, Sink, TarScanner
from container_magics.errors import BadArchive


class WantedFiles:
    """A sink for the archive's bytes; ``files()`` after ``close()`` gives what was wanted.

    At most ``max_bytes`` of each wanted file of each layer are held.
    """

    def __init__(self, wanted: Mapping[str, frozenset[bytes]], max_bytes: int) -> None:
        """``wanted``: paths (as in Entry) of regular files by the diff ID of their layer."""
        self._wanted = wanted
        self._paths = frozenset[bytes]().union(*wanted.values())
        self._max_bytes = max_bytes
        self._layers: list[_Blob] = []
        self._scanner = TarScanner(self._member)
        self.feed = self._scanner.feed
        self.close = self._scanner.close

    @property
    def ended(self) -> bool:
        """Whether the archive's end mark was seen."""
        return self._scanner.ended

    def files(self) -> dict[tuple[str, bytes], bytes]:
        """The beginning of each file, by diff ID and path; those that are not there left out.

        Raises BadArchive for a layer that is not in the archive, or that cannot be read.
        """
        layers = {layer.diff_id(): layer for layer in self._layers}
        found = {}
        for diff_id, paths in self._wanted.items():
            if diff_id not in layers:
                raise BadArchive(
                    "The archive has no layer that can be read with the digest that is wanted.",
                    facts=(diff_id,),
                )
            held = layers[diff_id].held()
            found.update({(diff_id, path): held[path] for path in paths if path in held})
        return found

    def _member(self, member: Member) -> Sink | None:
        if member.type not in (b"0", b"\0") or not member.size_bytes:
            return None
        blob = _Blob(self._paths, self._max_bytes)
        self._layers.append(blob)
        return blob


class _Blob:
    """A blob that may be a layer, gzip or plain: its digest, and its wanted files."""

    def __init__(self, paths: frozenset[bytes], max_bytes: int) -> None:
        self._paths, self._max_bytes = paths, max_bytes
        self._plain = _Plain(paths, max_bytes)
        self._start = bytearray()
        self._sink: Sink | None = None
        self._wrong: BadArchive | None = None

    def feed(self, data: memoryview) -> None:
        if self._wrong is not None:
            return
        try:
            if self._sink is None:
                wanted = BLOCK - len(self._start)
                self._start += data[:wanted]
                if len(self._start) < BLOCK:
                    return
                data = data[wanted:]
                self._open()
            assert self._sink is not None  # noqa: S101 - _open() made it
            self._sink.feed(data)
        except BadArchive as error:
            self._wrong = error

    def close(self) -> None:
        if self._wrong is None:
            try:
                if self._sink is None:
                    self._open()
                assert self._sink is not None  # noqa: S101 - _open() made it
                self._sink.close()
            except BadArchive as error:
                self._wrong = error

    def diff_id(self) -> str:
        """The digest of the plain bytes, "" for what is no layer."""
        return "" if self._wrong else self._plain.diff_id

    def held(self) -> dict[bytes, bytes]:
        return self._plain.held

    def _open(self) -> None:
        start = bytes(self._start)
        self._sink = Gunzip(self._plain) if start.startswith(GZIP) else self._plain
        self._sink.feed(memoryview(start))


class _Plain:
    """A layer's plain archive."""

    def __init__(self, paths: frozenset[bytes], max_bytes: int) -> None:
        self.held: dict[bytes, bytes] = {}
        self._paths, self._max_bytes = paths, max_bytes
        self._hash = hashlib.sha256()
        self._scanner = TarScanner(self._member)

    @property
    def diff_id(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def feed(self, data: memoryview) -> None:
        self._hash.update(data)
        self._scanner.feed(data)

    def close(self) -> None:
        self._scanner.close()

    def _member(self, member: Member) -> Sink | None:
        path = clean(member.name)
        if path not in self._paths:
            return None
        self.held.pop(path, None)  # of two members with one name the last one wins
        if member.type in (b"1", b"2", b"3", b"4", b"5", b"6"):
            return None
        return _Head(self, path, member.size_bytes, self._max_bytes)


class _Head:
    """The beginning of a file. A sparse one, which is stored in pieces, is not kept."""

    def __init__(self, layer: _Plain, path: bytes, size_bytes: int, max_bytes: int) -> None:
        self._layer, self._path, self._size = layer, path, size_bytes
        self._max_bytes, self._fed = max_bytes, 0
        self._kept = bytearray()

    def feed(self, data: memoryview) -> None:
        self._fed += len(data)
        self._kept += data[: self._max_bytes - len(self._kept)]

    def close(self) -> None:
        if self._fed == self._size:
            self._layer.held[self._path] = bytes(self._kept)

"""An image archive, fed with chunks in one pass: its layers, in whatever form it comes.

Which forms there are is said in `core/imagemanifest.py`. Layers may be plain, gzip or zstd.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from container_magics.core.imagemanifest import (
    MAX_DOCUMENT_BYTES,
    ImageParts,
    chosen,
    diff_ids,
    digest_in,
)
from container_magics.core.knownlayers import KnownLayers
from container_magics.core.layerblob import LayerBlob, check_digest
from container_magics.core.layers import Entry, EntryScanner, ImageLayers
from container_magics.core.layerstack import stack
from container_magics.core.tarfields import BLOCK, verify
from container_magics.core.tarheader import MAX_MEMBERS, Collected, Sink, TarScanner
from container_magics.core.tarmember import Member
from container_magics.core.terminal import plain
from container_magics.errors import BadArchive

_LONGEST_CHAIN = 8  # of links
MAX_PARTS = 20_000
"""Members of the archive itself: blobs, documents, links and folders. Each costs some kilobytes."""


def name_in(member: Member) -> str:
    """A member's name as manifests write it."""
    return posixpath.normpath(member.name.decode("utf-8", "backslashreplace").lstrip("/"))


def target_of(member: Member) -> str | None:
    """What a link leads to, as a name in the archive; None for what is no link."""
    if member.type not in (b"1", b"2"):
        return None
    target = member.link.decode("utf-8", "backslashreplace")
    folder = posixpath.dirname(name_in(member)) if member.type == b"2" else ""
    return posixpath.normpath(posixpath.join(folder, target))


def followed(links: Mapping[str, str], name: str) -> str:
    """Where a chain of links ends; somewhere in it when it is long or a ring."""
    for _ in range(_LONGEST_CHAIN):
        if name not in links:
            break
        name = links[name]
    return name


def read_document(name: str, body: bytes, *, check: bool) -> Any:
    """The JSON of a part of an archive. Raises BadArchive when it is none, or, with ``check``,
    when it has not the digest that its name tells."""
    if check and (digest := digest_in(name)):
        check_digest(body, digest, "A manifest or a config")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadArchive(f"The archive's {plain(name)} is no JSON.") from error


class ImageArchive:
    """A sink for the archive's bytes; ``image()`` after ``close()`` gives its layers.

    Layers are read as they pass, before it is known which of them the image has: an archive
    names them at its end. Nothing but headers and small documents is held. It is a Documents
    (core/imagemanifest.py) once it is closed.
    """

    def __init__(
        self,
        max_members: int = MAX_MEMBERS,
        *,
        scanner: Callable[[int], EntryScanner] = EntryScanner,
        known: KnownLayers | None = None,
        choice: str = "",
        verify: bool = False,
    ) -> None:
        """``scanner`` makes what reads a layer, out of how many members it may have; the layers
        in ``known`` are passed over, and have the entries that they have there. ``choice`` names
        one of several images. ``verify``: the digests of what the image needs are computed."""
        self._max_members = max_members
        self._new_scanner = scanner
        self._known = known or KnownLayers()
        self._choice, self._verify = choice, verify
        self._passed: dict[str, str] = {}  # names of members, and the known layers that they are
        self._documents: dict[str, bytes] = {}
        self._layers: dict[str, LayerBlob] = {}
        self._links: dict[str, str] = {}
        self._held_bytes = 0  # of all documents
        self._read_members = 0  # of all layers before the last one
        self._last: LayerBlob | None = None
        self._scanner = TarScanner(self._member, max_members=min(max_members, MAX_PARTS))
        self.feed = self._scanner.feed
        self.close = self._scanner.close

    @property
    def ended(self) -> bool:
        """Whether the archive's end mark was seen."""
        return self._scanner.ended

    def image(self) -> ImageLayers:
        """The layers of the image. Raises BadArchive when parts of it are missing or wrong, and
        when the archive has several images and none was chosen."""
        parts, config, names = self._named()
        entries = {diff_id: self._entries(diff_id, name) for diff_id, name in names.items()}
        digests = {diff_id: digest_in(name) for diff_id, name in names.items()}
        return ImageLayers(parts.image_id, stack(config, entries, digests))

    def scanned(self) -> dict[str, EntryScanner]:
        """The scanner that has read each layer, by diff ID. Raises as ``image`` does."""
        names = self._named()[2].items()
        return {diff_id: self._scanned(diff_id, followed(self._links, n)) for diff_id, n in names}

    def has(self, name: str) -> bool:
        """Whether a part is there, or a link to one."""
        name = followed(self._links, name)
        return name in self._documents or name in self._layers or name in self._passed

    def document(self, name: str) -> Any:
        """As Documents has it."""
        body = self._documents.get(followed(self._links, name))
        if body is None:
            raise BadArchive(f"The archive lacks {plain(name)}, or it is no JSON.")
        return read_document(name, body, check=self._verify)

    def _named(self) -> tuple[ImageParts, Mapping[str, Any], dict[str, str]]:
        """The image, its config, and the layers' names by diff ID."""
        parts = chosen(self, self._choice)
        config = self.document(parts.config)
        return parts, config, dict(zip(diff_ids(config, parts), parts.layers, strict=True))

    def _member(self, member: Member) -> Sink | None:
        name, target = name_in(member), target_of(member)
        if target is not None:
            self._links[name] = target
            return None
        if member.type in (b"0", b"\0") and member.size_bytes:
            diff_id = self._known.diff_id(name)
            if diff_id is None:
                return _Sniffed(self, name)
            self._passed[name] = diff_id
        return None

    def sink_for(self, name: str, start: bytes) -> Sink:
        """Who reads a member, by its first block: a document, or a layer."""
        # A layer's first file may be called "[id].js": a tar is known by its checksum.
        if start.lstrip()[:1] in (b"{", b"[") and not _is_tar(start):
            most = MAX_DOCUMENT_BYTES - self._held_bytes
            return Collected(partial(self._documented, name), most)
        self._read_members += self._last.members if self._last else 0
        scanner = self._new_scanner(self._max_members - self._read_members)
        self._last = self._layers[name] = LayerBlob(scanner, verify=self._verify)
        return self._last

    def _documented(self, name: str, body: bytes) -> None:
        self._held_bytes += len(body)
        if self._known.wants(name):
            self._known.document(name, body)
        self._documents[name] = body

    def _entries(self, diff_id: str, name: str) -> tuple[Entry, ...]:
        name = followed(self._links, name)
        if self._passed.get(name) == diff_id:
            return self._known.entries[diff_id]
        return self._scanned(diff_id, name).entries()

    def _scanned(self, diff_id: str, name: str) -> EntryScanner:
        if name not in self._layers:
            raise BadArchive("The archive lacks a layer that its manifest names.")
        return self._layers[name].scanned(diff_id, digest_in(name))


class _Sniffed:
    """Waits for a member's first block, then hands all to the sink that it calls for."""

    def __init__(self, archive: ImageArchive, name: str) -> None:
        self._archive, self._name = archive, name
        self._start = bytearray()
        self._sink: Sink | None = None

    def feed(self, data: memoryview) -> None:
        if self._sink is not None:
            self._sink.feed(data)
            return
        wanted = BLOCK - len(self._start)
        self._start += data[:wanted]
        if len(self._start) == BLOCK:
            self._open().feed(data[wanted:])

    def close(self) -> None:
        (self._sink or self._open()).close()

    def _open(self) -> Sink:
        self._sink = self._archive.sink_for(self._name, bytes(self._start))
        self._sink.feed(memoryview(bytes(self._start)))
        self._start.clear()
        return self._sink


def _is_tar(start: bytes) -> bool:
    """Whether a member's first block is a tar header."""
    if len(start) < BLOCK:
        return False
    try:
        verify(start)
    except BadArchive:
        return False
    return True

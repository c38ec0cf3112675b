"""An image archive, fed with chunks in one pass: its layers, in whatever form it comes.

Forms: `docker save` up to Engine 24 (Docker image spec 1.2, "Combined Image JSON + Filesystem
Changeset Format": `ID/layer.tar`, `manifest.json`), and from 25 on (OCI image layout: blobs by
digest, with `manifest.json` beside `index.json`). Layers may be plain or gzip.
"""

from __future__ import annotations

import json
import posixpath
import zlib
from collections.abc import Mapping
from typing import Any

from container_magics.core.layers import EntryScanner, ImageLayers, stack
from container_magics.core.tarfields import verify
from container_magics.core.tarheader import BLOCK, MAX_MEMBERS, Collected, Member, Sink, TarScanner
from container_magics.core.terminal import plain
from container_magics.errors import BadArchive

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
MAX_DOCUMENT_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20


class ImageArchive:
    """A sink for the archive's bytes; ``image()`` after ``close()`` gives its layers.

    Layers are read as they pass, before it is known which of them the image has: an archive
    names them at its end. Nothing but headers and small documents is held.
    """

    def __init__(self, max_members: int = MAX_MEMBERS) -> None:
        self._max_members = max_members
        self._documents: dict[str, Any] = {}
        self._layers: dict[str, _Layer] = {}
        self._links: dict[str, str] = {}
        self._scanner = TarScanner(self._member, max_members=max_members)
        self.feed = self._scanner.feed
        self.close = self._scanner.close

    @property
    def ended(self) -> bool:
        """Whether the archive's end mark was seen."""
        return self._scanner.ended

    def image(self) -> ImageLayers:
        """The layers of the only image. Raises BadArchive when parts of it are missing, and when
        the archive has several images."""
        config_name, names = self._manifest()
        config = self._document(config_name)
        if not isinstance(config, Mapping):
            raise BadArchive("The image's config cannot be read.")
        rootfs = config.get("rootfs")
        diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, Mapping) else None
        if not isinstance(diff_ids, list) or len(diff_ids) != len(names):
            raise BadArchive("The archive's manifest and its image name different layers.")
        entries = {
            diff_id: self._layer(name).entries()
            for diff_id, name in zip(diff_ids, names, strict=True)
        }
        digests = {
            diff_id: f"sha256:{posixpath.basename(name)}"
            for diff_id, name in zip(diff_ids, names, strict=True)
            if name.startswith("blobs/sha256/")
        }
        return ImageLayers(_digest_of(config_name), stack(config, entries, digests))

    def _member(self, member: Member) -> Sink | None:
        name = posixpath.normpath(member.name.decode("utf-8", "backslashreplace").lstrip("/"))
        if member.type in (b"1", b"2"):
            target = member.link.decode("utf-8", "backslashreplace")
            folder = posixpath.dirname(name) if member.type == b"2" else ""
            self._links[name] = posixpath.normpath(posixpath.join(folder, target))
            return None
        if member.type in (b"0", b"\0") and member.size_bytes:
            return _Sniffed(self, name)
        return None

    def sink_for(self, name: str, start: bytes) -> Sink:
        """Who reads a member, by its first block: a document, or a layer."""
        # A layer's first file may be called "[id].js": a tar is known by its checksum.
        if start.lstrip()[:1] in (b"{", b"[") and not _is_tar(start):
            return Collected(lambda body: self._documented(name, body), MAX_DOCUMENT_BYTES)
        read = sum(layer.members for layer in self._layers.values())
        layer = _Layer(start, self._max_members - read)
        self._layers[name] = layer
        return layer

    def _documented(self, name: str, body: bytes) -> None:
        try:
            self._documents[name] = json.loads(body)
        except (ValueError, RecursionError):
            self._documents.pop(name, None)  # told when it is one that the image needs

    def _manifest(self) -> tuple[str, list[str]]:
        """The config's name, and the layers' names, oldest first."""
        if "manifest.json" in self._documents:
            return _saved(self._documents["manifest.json"])
        if "index.json" in self._documents:
            return self._indexed(self._documents["index.json"], depth=0)
        raise BadArchive("The archive has neither a manifest.json nor an index.json.")

    def _indexed(self, index: object, depth: int) -> tuple[str, list[str]]:
        """The first image under an OCI index that is wholly here."""
        listed = index.get("manifests") if isinstance(index, Mapping) else None
        for item in listed if isinstance(listed, list) and depth < 4 else ():
            found = self._documents.get(_blob(item))
            if isinstance(found, Mapping) and "manifests" in found:
                return self._indexed(found, depth + 1)
            if isinstance(found, Mapping) and isinstance(found.get("layers"), list):
                return _blob(found.get("config")), [_blob(layer) for layer in found["layers"]]
        raise BadArchive("The archive's index names no image that is in it.")

    def _document(self, name: str) -> Any:
        if name not in self._documents:
            raise BadArchive(f"The archive lacks {plain(name)}, or it is no JSON.")
        return self._documents[name]

    def _layer(self, name: str) -> EntryScanner:
        for _ in range(8):
            if name in self._layers:
                return self._layers[name].scanned()
            name = self._links.get(name, "")
        raise BadArchive("The archive lacks a layer that its manifest names.")


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


class _Layer:
    """A blob that may be a layer. What is wrong with it is told only when the image needs it."""

    def __init__(self, start: bytes, max_members: int) -> None:
        self._scanner = EntryScanner(max_members)
        self._sink: Sink = Gunzip(self._scanner) if start.startswith(GZIP) else self._scanner
        self._wrong: BadArchive | None = None
        if start.startswith(ZSTD):
            self._wrong = BadArchive(
                "The image's layers are packed with zstd, which is not read yet.",
                hint="Layers that are plain or packed with gzip can be read.",
            )

    def feed(self, data: memoryview) -> None:
        if self._wrong is None:
            try:
                self._sink.feed(data)
            except BadArchive as error:
                self._wrong = error

    def close(self) -> None:
        if self._wrong is None:
            try:
                self._sink.close()
            except BadArchive as error:
                self._wrong = error

    @property
    def members(self) -> int:
        return self._scanner.members

    def scanned(self) -> EntryScanner:
        if self._wrong is not None:
            raise self._wrong
        return self._scanner


class Gunzip:
    """A sink for gzip of any number of members (estargz has many); unpacks piece by piece."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._unpacker = zlib.decompressobj(wbits=31)

    def feed(self, data: memoryview) -> None:
        """Unpack a part."""
        rest: bytes | memoryview = data
        while rest:
            if self._unpacker.eof:
                self._unpacker = zlib.decompressobj(wbits=31)
            try:
                plain = self._unpacker.decompress(rest, _PIECE_BYTES)
            except zlib.error as error:
                raise BadArchive("A layer's gzip cannot be unpacked.") from error
            self._sink.feed(memoryview(plain))
            rest = (
                self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail
            )

    def close(self) -> None:
        """The bytes are over. Raises BadArchive when they stop inside of a gzip member."""
        if not self._unpacker.eof:
            raise BadArchive("A layer's gzip is cut short.")
        self._sink.close()


def _is_tar(start: bytes) -> bool:
    """Whether a member's first block is a tar header."""
    if len(start) < BLOCK:
        return False
    try:
        verify(start)
    except BadArchive:
        return False
    return True


def _saved(manifest: object) -> tuple[str, list[str]]:
    """Config and layers as `manifest.json` names them."""
    if not (isinstance(manifest, list) and all(isinstance(item, Mapping) for item in manifest)):
        raise BadArchive("The archive's manifest.json cannot be read.")
    if len(manifest) != 1:
        raise BadArchive(f"The archive has {len(manifest)} images; one is wanted.")
    config, layers = manifest[0].get("Config"), manifest[0].get("Layers") or []
    if not isinstance(config, str) or not all(isinstance(name, str) for name in layers):
        raise BadArchive("The archive's manifest.json cannot be read.")
    return posixpath.normpath(config), [posixpath.normpath(name) for name in layers]


def _blob(descriptor: object) -> str:
    """Where an OCI descriptor's blob is, "" when it does not say."""
    digest = descriptor.get("digest") if isinstance(descriptor, Mapping) else None
    return "blobs/" + digest.replace(":", "/", 1) if isinstance(digest, str) else ""


def _digest_of(config_name: str) -> str:
    """The image ID, which is the digest of its config, and the config's name."""
    return "sha256:" + posixpath.basename(config_name).removesuffix(".json").removeprefix("sha256:")

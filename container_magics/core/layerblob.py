"""A blob that may be a layer, read as it passes: its entries, and whether its digests are true."""

from __future__ import annotations

import hashlib

from container_magics.core.chainid import digest_of
from container_magics.core.layers import Entry, EntryScanner
from container_magics.core.layerunpack import LONGEST_MAGIC, packing, unpacking
from container_magics.core.tarfields import BLOCK
from container_magics.core.tarheader import Sink
from container_magics.core.terminal import plain
from container_magics.errors import BadArchive

_PADDING_BLOCKS = 64
"""How many zeros behind an archive's end a packer may have left out: up to 2024 those who wrote
zstd:chunked did so, and named the digest of all (containers/storage, issue 1771). What a layer
holds is the same; that it is, is proved by the digest with the zeros."""


class LayerBlob:
    """A sink for a blob as stored: a plain tar archive, or one packed with gzip or zstd.

    What is wrong with it is told only when it is asked for, since an archive has blobs that no
    image needs. With ``verify`` both its digests are computed: of the blob (``digest``) and of
    the plain archive (``diff_id``, OCI image spec 1.1, `config.md`, "Layer DiffID").
    """

    def __init__(self, scanner: EntryScanner, *, verify: bool = False) -> None:
        self._scanner = scanner
        self._stored = _Hashed() if verify else None
        self._plain: _Hashed | None = None  # of what is packed
        self._start = b""
        self._sink: Sink | None = None
        self._wrong: BadArchive | None = None

    def feed(self, data: memoryview) -> None:
        """Take a part."""
        if self._stored is not None:
            self._stored.feed(data)
        if self._wrong is None:
            try:
                self._feed(data)
            except BadArchive as error:
                self._wrong = error

    def close(self) -> None:
        """The blob is over."""
        if self._wrong is None:
            try:
                (self._sink or self._open()).close()
            except BadArchive as error:
                self._wrong = error

    @property
    def members(self) -> int:
        """Members so far."""
        return self._scanner.members

    def scanned(self, diff_id: str, digest: str = "") -> EntryScanner:
        """Who has read it, as the layer of this diff ID, and of this digest unless that is "".

        Raises BadArchive when it could not be read, or, with ``verify``, is another layer.
        """
        if digest and self._stored is not None:
            self._stored.check(digest, "A layer's blob")
        if self._wrong is not None:
            raise self._wrong
        hashed = self._plain or self._stored
        if hashed is not None:
            hashed.check(diff_id, "A layer", padding=_PADDING_BLOCKS)
        return self._scanner

    def entries(self, diff_id: str, digest: str = "") -> tuple[Entry, ...]:
        """What the layer holds; as ``scanned``."""
        return self.scanned(diff_id, digest).entries()

    def _feed(self, data: memoryview) -> None:
        if self._sink is not None:
            self._sink.feed(data)
            return
        self._start += data
        if len(self._start) >= LONGEST_MAGIC:
            self._open()

    def _open(self) -> Sink:
        if self._stored is not None and packing(self._start):
            self._plain = _Hashed(self._scanner)
        self._sink = unpacking(self._start, self._plain or self._scanner)
        start, self._start = self._start, b""
        self._sink.feed(memoryview(start))
        return self._sink


class _Hashed:
    """A sink that computes the digest of what it passes on."""

    def __init__(self, sink: EntryScanner | None = None) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()

    def feed(self, data: memoryview) -> None:
        self._hash.update(data)
        if self._sink is not None:
            self._sink.feed(data)

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()

    def check(self, digest: str, what: str, padding: int = 0) -> None:
        """Raises BadArchive for another digest; up to ``padding`` blocks of zeros may be missing
        at the end."""
        padded = self._hash.copy()
        for _ in range(padding + 1):
            if f"sha256:{padded.hexdigest()}" == digest:
                return
            padded.update(bytes(BLOCK))
        raise wrong_digest(what, digest, f"sha256:{self._hash.hexdigest()}")


def check_digest(body: bytes, digest: str, what: str) -> None:
    """Raises BadArchive unless ``body`` has this digest; ``what`` begins the sentence."""
    found = digest_of(body)
    if found != digest:
        raise wrong_digest(what, digest, found)


def wrong_digest(what: str, digest: str, found: str) -> BadArchive:
    """The error of a body that is not what its digest says."""
    return BadArchive(
        f"{what} is not what its digest says: the archive is damaged, or was changed.",
        facts=(f"named {plain(digest)}", f"found {found}"),
    )

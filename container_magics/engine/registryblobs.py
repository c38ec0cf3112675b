"""The parts of an image in a registry, read without any engine and without pulling it.

Protocol: OCI distribution specification 1.1, "Pulling manifests" and "Pulling blobs"; logins as
`engine/registryaccess.py` has them. A registry on this machine is spoken to without TLS.
"""

from __future__ import annotations

import platform
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from container_magics.core.chainid import digest_of
from container_magics.core.imagearchive import read_document
from container_magics.core.imagemanifest import INDEX, SAVED, digest_in, is_attestation
from container_magics.core.layerblob import check_digest
from container_magics.core.layers import Contents, ImageLayers, Layer, LayersReading
from container_magics.core.names import ImageRef
from container_magics.engine import blobsource
from container_magics.engine.layersources import ENGINE_ALONE, Sources
from container_magics.engine.registryaccess import Access
from container_magics.errors import BadArchive

WAY = "a registry"
MAX_MANIFEST_BYTES = 8 << 20
"""Twice what a registry has to take, by the specification."""
_PIECE_BYTES = 1 << 20
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # Python's names in Go's
_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


def read_registry(
    reference: ImageRef, sources: Sources = ENGINE_ALONE
) -> Iterator[LayersReading | ImageLayers]:
    """The layers of an image, oldest first; reports on the way, and the ImageLayers last.

    Of an image of many platforms, that of this machine's architecture. Digests are verified.
    Raises RegistryRefused and its kinds, ImageNotFound, BadArchive.
    """
    with opened(reference) as blobs:
        yield from blobsource.read(blobs, "", WAY, sources)


def contents_of(reference: ImageRef, layers: Sequence[Layer]) -> Contents:
    """The files of an image whose ``layers`` were read from there."""
    return blobsource.BlobContents(lambda: opened(reference), "", layers)


@contextmanager
def opened(reference: ImageRef) -> Iterator[RegistryBlobs]:
    """The image in its registry, which is not asked before a part is wanted."""
    with closing(Access(reference)) as access:
        yield RegistryBlobs(access, reference)


class RegistryBlobs:
    """The Blobs (engine/imageblobs.py) of one image, as if its registry were an OCI layout."""

    def __init__(self, access: Access, reference: ImageRef) -> None:
        """Take the way to the registry."""
        self._access, self._reference = access, reference
        self._manifests: dict[str, bytes] = {}  # by the name of the part
        self._sizes: dict[str, int] = {}  # by digest, as manifests tell them

    def has(self, name: str) -> bool:
        """As Documents has it: what a manifest names is there until the registry denies it."""
        return name != SAVED and (name == INDEX or bool(digest_in(name)))

    def document(self, name: str) -> Any:
        """As Documents has it; digests are verified."""
        if name == INDEX:
            return {"manifests": [{"digest": self._manifest()}]}
        body = self._manifests.get(name)
        if body is None:
            body = self._access.body(f"blobs/{digest_in(name)}", MAX_MANIFEST_BYTES)
        return read_document(name, body, check=True)

    def size_bytes(self, name: str) -> int:
        """As Blobs has it: what the manifest tells."""
        return self._sizes.get(digest_in(name), 0)

    def pieces(self, name: str) -> Generator[memoryview, None, None]:
        """As Blobs has it. Raises BadArchive when it is longer or shorter than was told."""
        left = self.size_bytes(name)
        with closing(self._access.stream(f"blobs/{digest_in(name)}", _PIECE_BYTES)) as chunks:
            for chunk in chunks:
                left -= len(chunk)
                if left < 0:
                    break
                yield memoryview(chunk)
        if left:
            raise BadArchive("The registry gave a layer of another size than its manifest tells.")

    def _manifest(self) -> str:
        """Get the image's manifest; returns its digest."""
        digest = self._got(self._reference.version, self._reference.digest)
        found = self._read(digest)
        if "manifests" in found:
            self._manifests.clear()
            digest = _of_platform(found["manifests"])
            found = self._read(self._got(digest, digest))
        layers = found.get("layers")
        for descriptor in layers if isinstance(layers, list) else ():
            if isinstance(descriptor, Mapping) and isinstance(descriptor.get("size"), int):
                self._sizes[str(descriptor.get("digest"))] = max(0, descriptor["size"])
        return digest

    def _got(self, version: str, expected: str) -> str:
        body = self._access.body(f"manifests/{version}", MAX_MANIFEST_BYTES, accept=_ACCEPT)
        if expected:
            check_digest(body, expected, "The image's manifest")
        digest = digest_of(body)
        self._manifests[_name(digest)] = body
        return digest

    def _read(self, digest: str) -> Mapping[str, Any]:
        found = self.document(_name(digest))
        if not isinstance(found, Mapping):
            raise BadArchive("The image's manifest cannot be read.")
        return found


def _name(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/", 1)


def _of_platform(listed: object) -> str:
    """The manifest for this machine's architecture, or the first that is an image."""
    images = [
        each
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, Mapping)
        and not is_attestation(each)
        and digest_in(_name(str(each.get("digest"))))
    ]
    if not images:
        raise BadArchive("The registry's index names no image.")
    machine = platform.machine().lower()
    wanted = ("linux", _ARCHITECTURES.get(machine, machine))
    ours = [each for each in images if _platform(each) == wanted]
    return str((ours or images)[0]["digest"])


def _platform(descriptor: Mapping[str, Any]) -> tuple[object, object]:
    found = descriptor.get("platform")
    return (found.get("os"), found.get("architecture")) if isinstance(found, Mapping) else ("", "")

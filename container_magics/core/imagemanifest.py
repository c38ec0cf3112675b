"""Which images an archive or a folder has, and where their parts are: manifests and indexes.

Formats: Docker image spec 1.2, "Combined Image JSON + Filesystem Changeset Format"
(`manifest.json`); OCI image spec 1.1, `image-layout.md`, `image-index.md`, `manifest.md`. Build
attestations: BuildKit, `docs/attestations/attestation-storage.md`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from container_magics.core.terminal import plain
from container_magics.errors import BadArchive

SAVED, INDEX = "manifest.json", "index.json"
MAX_DOCUMENT_BYTES = 64 << 20
"""Of all manifests and configs of an archive together."""
_MAX_MANIFESTS = 10_000
_DEEPEST = 8
_LISTED = 12
_LONGEST_LINE = 300
_BY_DIGEST = re.compile(r"(?:blobs/sha256/|sha256:)?([0-9a-f]{64})(?:\.json|\.tar\.gz)?")
_DIGEST = re.compile(r"[a-z0-9+._-]{1,32}:[a-zA-Z0-9=_-]{1,256}")
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_ATTESTATION = "vnd.docker.reference.type"


class Documents(Protocol):
    """The parts of an archive, by name."""

    def has(self, name: str) -> bool:
        """Whether a part of this name is there."""

    def document(self, name: str) -> Any:
        """The JSON in it. Raises BadArchive when it is not there, or no JSON."""


@dataclass(frozen=True, slots=True)
class ImageParts:
    """An image: the names of its config and of its layers, oldest first.

    ``refs`` are the names that it has in the archive; ``platform`` is "" when nobody tells;
    ``digest`` that of its manifest, "" where it has none.
    """

    config: str
    layers: tuple[str, ...]
    refs: tuple[str, ...] = ()
    platform: str = ""
    digest: str = ""

    @property
    def image_id(self) -> str:
        """The digest of its config, which is the config's name."""
        name = posixpath.basename(self.config).removesuffix(".json")
        return f"sha256:{name.removeprefix('sha256:')}"

    @property
    def title(self) -> str:
        """For a list of images."""
        about = ", ".join(filter(None, (self.platform, self.image_id[:19])))
        return _line(f"{' = '.join(self.refs) or 'no name'} ({about})")

    def lacks(self, documents: Documents) -> tuple[str, ...]:
        """The parts of it that are not there."""
        return tuple(name for name in (self.config, *self.layers) if not documents.has(name))


def digest_in(name: str) -> str:
    """The digest that the name of a part tells, "" when it tells none.

    `blobs/sha256/HEX` of an OCI layout; `HEX.json`, a config of docker and Podman; `sha256:HEX` and
    `HEX.tar.gz`, config and layers of kaniko (go-containerregistry, `pkg/v1/tarball/write.go`).
    """
    found = _BY_DIGEST.fullmatch(name)
    return f"sha256:{found[1]}" if found else ""


def chosen(documents: Documents, choice: str = "") -> ImageParts:
    """The image that ``choice`` names, or the only one; BadArchive when that is not clear.

    ``choice`` is a name with or without tag and registry, the beginning of an ID, a platform
    ("linux/arm64"), or "@N" for the Nth image, counted from 0.
    """
    images = _images(documents)
    whole = [each for each in images if not each.lacks(documents)]
    found = _matching(whole or images, choice)
    if len(found) != 1:
        raise _unclear(whole or images, choice)
    if lacking := found[0].lacks(documents):
        raise BadArchive(
            "The archive lacks a layer that its manifest names, or its config.",
            facts=tuple(f"not there: {_line(name)}" for name in lacking[:_LISTED]),
        )
    return found[0]


def diff_ids(config: object, parts: ImageParts) -> tuple[str, ...]:
    """The diff IDs of an image's layers, oldest first, by its config. Raises BadArchive."""
    if not isinstance(config, Mapping):
        raise BadArchive("The image's config cannot be read.")
    rootfs = config.get("rootfs")
    listed = rootfs.get("diff_ids") if isinstance(rootfs, Mapping) else None
    if not isinstance(listed, list) or len(listed) != len(parts.layers):
        raise BadArchive("The archive's manifest and its image name different layers.")
    return tuple(map(str, listed))


def _unclear(images: list[ImageParts], choice: str) -> BadArchive:
    listed = tuple(each.title for each in images[:_LISTED])
    if len(images) > _LISTED:
        listed += (f"and {len(images) - _LISTED} more",)
    if choice:
        sentence = f"The archive has no image, or several, of the name {_line(choice)!r}."
        return BadArchive(sentence, hint="It has these:", facts=listed)
    if not images:
        return BadArchive("The archive's index names no image that is in it.")
    return BadArchive(
        f"The archive has {len(images)} images; one is wanted.",
        hint="Say which: docker-archive:PATH:NAME, oci-archive:PATH:NAME or oci:FOLDER:NAME.",
        facts=listed,
    )


def _matching(images: list[ImageParts], choice: str) -> list[ImageParts]:
    if not choice:
        return images
    if re.fullmatch(r"@\d{1,6}", choice):
        return images[int(choice[1:]) :][:1]
    by_name = [each for each in images if any(_is(ref, choice) for ref in each.refs)]
    return by_name or [each for each in images if _says(each, choice)]


def _is(ref: str, choice: str) -> bool:
    wanted = choice if ":" in posixpath.basename(choice) else f"{choice}:latest"
    return ref in (choice, wanted) or ref.endswith(f"/{wanted}")


def _says(image: ImageParts, choice: str) -> bool:
    wanted = choice.removeprefix("sha256:")
    ids = (image.image_id[7:], image.digest[7:])
    return image.platform == choice or (len(wanted) >= 6 and any(i.startswith(wanted) for i in ids))


def _images(documents: Documents) -> list[ImageParts]:
    """Those of manifest.json; where one of these is not whole, or there is none, of the index:
    containerd's manifest.json may name what it has not exported."""
    saved = _saved(documents.document(SAVED)) if documents.has(SAVED) else []
    if not documents.has(INDEX):
        if not documents.has(SAVED):
            raise BadArchive("The archive has neither a manifest.json nor an index.json.")
        return _once(saved)
    if saved and not any(each.lacks(documents) for each in saved):
        return _once(saved)
    walk = _Walk(documents)
    found = list(walk.under(documents.document(INDEX), (), "", 0))
    return _once(found or saved)


def _once(images: list[ImageParts]) -> list[ImageParts]:
    """An image of two names is there once."""
    found: dict[tuple[str, tuple[str, ...]], ImageParts] = {}
    for each in images:
        key = (each.config, each.layers)
        refs = (*found[key].refs, *each.refs) if key in found else each.refs
        found[key] = replace(each, refs=tuple(dict.fromkeys(refs)))
    return list(found.values())


def _saved(manifest: object) -> list[ImageParts]:
    """Config and layers as `manifest.json` names them."""
    wrong = BadArchive("The archive's manifest.json cannot be read.")
    if not isinstance(manifest, list):
        raise wrong
    found = []
    for item in manifest:
        if not isinstance(item, Mapping):
            raise wrong
        config, layers, refs = item.get("Config"), item.get("Layers") or [], item.get("RepoTags")
        if not isinstance(config, str) or not _are_texts(layers) or not _are_texts(refs or []):
            raise wrong
        names = tuple(posixpath.normpath(name) for name in layers)
        found.append(ImageParts(posixpath.normpath(config), names, tuple(refs or ())))
    return found


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(each, str) for each in values)


@dataclass(slots=True)
class _Walk:
    """The images under an OCI index, whose descriptors may name indexes again."""

    documents: Documents
    manifests: int = 0

    def under(
        self, index: object, refs: tuple[str, ...], platform: str, depth: int
    ) -> Iterator[ImageParts]:
        """Those whose manifests are here, each with the names of all descriptors above it."""
        listed = index.get("manifests") if isinstance(index, Mapping) else None
        for item in listed if isinstance(listed, list) and depth < _DEEPEST else ():
            self.manifests += 1
            if self.manifests > _MAX_MANIFESTS:
                raise BadArchive(f"The archive's index names over {_MAX_MANIFESTS:,} manifests.")
            if isinstance(item, Mapping) and not is_attestation(item):
                said = _platform(item.get("platform")) or platform
                yield from self._named(item, (*refs, *_refs(item)), said, depth)

    def _named(
        self, item: Mapping[str, Any], refs: tuple[str, ...], platform: str, depth: int
    ) -> Iterator[ImageParts]:
        name = _blob(item)
        if not name or not self.documents.has(name):
            return
        found = self.documents.document(name)
        if not isinstance(found, Mapping):
            return
        if "manifests" in found:
            yield from self.under(found, refs, platform, depth + 1)
        elif isinstance(found.get("layers"), list):
            layers = tuple(map(_blob, found["layers"]))
            yield ImageParts(_blob(found.get("config")), layers, refs, platform, digest_in(name))


def is_attestation(item: Mapping[str, Any]) -> bool:
    """Whether a descriptor is of what BuildKit says about an image, and not of an image."""
    annotations = item.get("annotations")
    return isinstance(annotations, Mapping) and _ATTESTATION in annotations


def _refs(item: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a descriptor: the whole one, or else what its maker calls a reference."""
    annotations = item.get("annotations")
    if not isinstance(annotations, Mapping):
        return ()
    found = [annotations[name] for name in _NAMES if isinstance(annotations.get(name), str)]
    return tuple(found[:1])


def _platform(value: object) -> str:
    if not isinstance(value, Mapping):
        return ""
    parts = [value.get(name) for name in ("os", "architecture", "variant")]
    return "/".join(part for part in parts if isinstance(part, str) and part)


def _blob(descriptor: object) -> str:
    """Where an OCI descriptor's blob is, "" when it does not say."""
    digest = descriptor.get("digest") if isinstance(descriptor, Mapping) else None
    if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
        return ""
    return "blobs/" + digest.replace(":", "/", 1)


def _line(text: str) -> str:
    """A text out of an archive, as a part of one line."""
    return " ".join(plain(text).split())[:_LONGEST_LINE]

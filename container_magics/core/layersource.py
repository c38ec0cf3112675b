"""Where layers come from, as it is typed: an engine's image, a file, a folder or a registry.

The words are skopeo's (containers-transports(5)): `docker-archive:PATH[:REF]`, `oci:DIR[:REF]`,
`oci-archive:PATH[:REF]`, `docker://REF`. A bare path is one that begins like one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from container_magics.core.names import ImageRef
from container_magics.errors import UsageError

Transport = Literal["", "docker-archive", "oci-archive", "oci"]
_FILES = ("docker-archive", "oci-archive", "oci")
_PATHS = ("./", "../", "/", "~/")
_REGISTRY = "docker://"


@dataclass(frozen=True, slots=True)
class FileSource:
    """An archive or a folder at ``path``, as written ("~/" and all). ``transport`` is "" when it
    is to be found out; ``choice`` names one of several images, "" for the only one."""

    transport: Transport
    path: str
    choice: str = ""


@dataclass(frozen=True, slots=True)
class RegistrySource:
    """An image of a registry."""

    reference: ImageRef


def parse(text: str) -> FileSource | RegistrySource | None:
    """Read the word; None for the name of an engine's image or container. UsageError for a
    transport without a path, or a registry's image that has no name of one."""
    if text.startswith(_REGISTRY):
        return RegistrySource(ImageRef.parse(text.removeprefix(_REGISTRY)))
    if text.startswith(_PATHS) or text in (".", "..", "~"):
        return FileSource("", text)
    transport, colon, rest = text.partition(":")
    if not colon or transport not in _FILES:
        return None
    path, _, choice = rest.partition(":")
    if not path:
        raise UsageError(
            f"{text!r} names no file.",
            hint=f"Write it as {transport}:PATH or {transport}:PATH:NAME.",
        )
    return FileSource(cast("Transport", transport), path, choice)

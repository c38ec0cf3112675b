"""What was read of layers, kept in the user's cache folder: one file for each layer, by diff ID.

A file is written beside its place and moved there, so that two kernels may write at once; what
cannot be read, for whatever reason, is not there. Nothing here raises for a folder that cannot be
used: then nothing is kept. All of it may be removed at any time.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from container_magics.core.layerindex import (
    MAX_BYTES,
    ImageIndex,
    pack_image,
    pack_layer,
    unpack_image,
    unpack_layer,
)
from container_magics.core.layers import Entry
from container_magics.engine.userfile import replacing
from container_magics.errors import UsageError

CACHE_VARIABLE = "CONTAINER_MAGICS_CACHE"
LIMIT_BYTES = 200_000_000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def cache_dir(environ: Mapping[str, str]) -> Path | None:
    """The user's cache folder: CONTAINER_MAGICS_CACHE, else the platform's own. May not exist.

    None when the variable is there and empty: then nothing is kept.
    """
    chosen = environ.get(CACHE_VARIABLE)
    if chosen is not None:
        return Path(chosen).expanduser().resolve() if chosen else None
    return Path(platformdirs.user_cache_dir("container-magics"))


def user_cache(environ: Mapping[str, str], limit_bytes: int = LIMIT_BYTES) -> LayerCache | None:
    """This user's cache of layers; None where nothing shall be kept."""
    folder = cache_dir(environ)
    return LayerCache(folder / "layers", limit_bytes) if folder and limit_bytes else None


@dataclass(frozen=True, slots=True)
class LayerCache:
    """Layers and images in ``folder``, together at most ``limit_bytes`` on the disk.

    When they are more, those go first that were not used for the longest time. An image without
    a digest for an ID is kept as little as such a layer.
    """

    folder: Path
    limit_bytes: int = LIMIT_BYTES

    def layer(self, diff_id: str) -> tuple[Entry, ...] | None:
        """What the layer holds; None when that is not known."""
        data = self._read(diff_id, "layer")
        return None if data is None else unpack_layer(data, diff_id)

    def image(self, image_id: str, diff_ids: Sequence[str]) -> ImageIndex | None:
        """The image's history; None when that is not known for these layers."""
        data = self._read(_key(image_id, diff_ids), "image")
        found = None if data is None else unpack_image(data, image_id)
        return found if found is not None and found.diff_ids == tuple(diff_ids) else None

    def keep(self, image: ImageIndex | None, layers: Mapping[str, Sequence[Entry]]) -> None:
        """Keep an image's history and these layers, by diff ID."""
        with suppress(OSError, ValueError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for diff_id, entries in layers.items():
                self._write(diff_id, "layer", pack_layer(diff_id, entries))
            if image is not None:
                self._write(_key(image.image_id, image.diff_ids), "image", pack_image(image))
            self._shrink()

    def _read(self, key: str, kind: str) -> bytes | None:
        path = self._path(key, kind)
        if path is None:
            return None
        try:
            # not one that somebody else has put there: a link, a pipe that never ends
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                facts = os.fstat(descriptor)
                if not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_BYTES:
                    return None
                data = file.read()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(path)  # used just now: the last to go
        return data

    def _write(self, key: str, kind: str, data: bytes) -> None:
        path = self._path(key, kind)
        if path is not None and len(data) <= self.limit_bytes:
            with suppress(OSError):
                if not stat.S_ISREG(path.lstat().st_mode):
                    path.unlink()  # else a link would be followed
            with suppress(UsageError), replacing(path) as file:
                file.write(data)

    def _path(self, key: str, kind: str) -> Path | None:
        if _DIGEST.fullmatch(key) is None:
            return None
        return self.folder / f"{key.removeprefix('sha256:')}.{kind}"

    def _shrink(self) -> None:
        """Remove what was not used for the longest time, until the rest is within the limit."""
        files = sorted(self._files())
        too_much = sum(size_bytes for _, size_bytes, _ in files) - self.limit_bytes
        for _, size_bytes, path in files:
            if too_much <= 0:
                return
            with suppress(OSError):  # another kernel removes the same ones
                Path(path).unlink()
            too_much -= size_bytes

    def _files(self) -> Iterator[tuple[int, int, str]]:
        """(when it was last used, bytes on the disk, path), also of what was never finished."""
        with os.scandir(self.folder) as found:
            for one in found:
                with suppress(OSError):
                    facts = one.stat(follow_symlinks=False)
                    if stat.S_ISREG(facts.st_mode):
                        yield facts.st_mtime_ns, facts.st_blocks * 512, one.path


def _key(image_id: str, diff_ids: Sequence[str]) -> str:
    """An image's name here. An ID may be that of an image of many platforms, which differ in
    their layers."""
    words = "\n".join((image_id, *diff_ids))
    return "sha256:" + hashlib.sha256(words.encode()).hexdigest()

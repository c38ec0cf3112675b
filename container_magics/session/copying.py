"""The story of a copy between this machine and a container, as ``docker cp`` has it."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from container_magics.core.events import Carried
from container_magics.core.transfer import Put
from container_magics.engine import files, folders, packing
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.session.carry import TOLD_S, put_in


@dataclass(frozen=True, slots=True)
class Copied:
    """Where it is now, and the bytes of its files. ``left_out`` names links that would have led
    out of the copied folder, and devices."""

    place: str
    size_bytes: int
    left_out: tuple[str, ...] = ()


def copy_in(
    engine: Engine, source: Path, container: str, path: str
) -> Generator[Carried, None, Copied]:
    """A file or folder of this machine, into the folder ``path`` or to the name ``path``.

    A link ``source`` is followed, links under it stay links. NotFound when there is no such
    container or no folder around ``path``; UsageError for what cannot be read here.
    """
    verbs.inspect(engine, container)
    with packing.on_this_machine(source):
        name = source.resolve(strict=True).name if source.name in ("", "..") else source.name
    path = posixpath.normpath(posixpath.join("/", path))
    target = files.copy_target(engine, container, path, name)
    things = packing.listed(source, target)
    yield from put_in(engine, container, Put(target, source=str(source)), target, limit_bytes=None)
    return Copied(f"{container}:{target}", packing.content_bytes(things))


def copy_out(
    engine: Engine, container: str, path: str, target: Path
) -> Generator[Carried, None, Copied]:
    """A file or folder of a container, into the folder ``target`` or to the name ``target``; a
    folder goes into one that is there, name by name.

    ``path`` with "/." at the end is what is in the folder. A link ``path`` is followed. Nothing
    is in its place before all of it has come. NotFound, UsageError, BadArchive, EngineLost.
    """
    asked = posixpath.normpath(posixpath.join("/", path))
    place, found = files.followed(engine, container, asked)
    if target.is_dir():
        target = target if path.endswith("/.") else target / posixpath.basename(asked)
    total_bytes = None if found.is_folder else found.size_bytes
    with (
        folders.beside(target) as folder,
        files.archive(engine, container, place) as chunks,
        closing(folders.unpack(chunks, folder)) as states,
    ):
        state, said_s = folders.Unpacking(), time.monotonic()
        for state in states:
            if time.monotonic() - said_s >= TOLD_S:
                yield Carried(str(target), state.done_bytes, total_bytes)
        made = folder / posixpath.basename(place)
        folders.take_place(made, target)
    return Copied(str(target), state.done_bytes, tuple(state.left_out))

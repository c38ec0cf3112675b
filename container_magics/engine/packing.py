"""Files and folders of this machine as a tar archive, made piece by piece while it is sent."""

from __future__ import annotations

import os
import posixpath
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from container_magics.engine.files import CHUNK_BYTES, too_large
from container_magics.errors import UsageError


@dataclass(frozen=True, slots=True)
class Packed:
    """One thing to pack: where it lies, its name in the archive, its stat, a link's end."""

    source: Path
    name: str
    facts: os.stat_result
    link: str = ""


def listed(source: Path, target: str, *, limit_bytes: int | None = None) -> list[Packed]:
    """A file, or a folder with all that is in it, as it will be at ``target``, a full path in a
    container; folders before what is in them, names sorted.

    Links stay links, but for ``source`` itself, which is followed. Sockets, pipes and devices
    are left out. UsageError when something cannot be read, TooLarge over the limit.
    """
    with on_this_machine(source):
        source = source.resolve(strict=True)
        things = list(walked(source, target.lstrip("/")))
    too_large(str(source), content_bytes(things), limit_bytes)
    return things


def walked(path: Path, name: str) -> Iterator[Packed]:
    """A thing, and in a folder what is under it."""
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        yield Packed(path, name, facts, str(path.readlink()))
    elif stat.S_ISREG(facts.st_mode):
        yield Packed(path, name, facts)
    elif stat.S_ISDIR(facts.st_mode):
        yield Packed(path, name, facts)
        for child in sorted(path.iterdir()):
            yield from walked(child, posixpath.join(name, child.name))


def content_bytes(things: list[Packed]) -> int:
    """How much the files among them hold."""
    return sum(thing.facts.st_size for thing in things if stat.S_ISREG(thing.facts.st_mode))


def packed(things: list[Packed], *, keep_folders: frozenset[str] = frozenset()) -> Iterator[bytes]:
    """The archive. All in it is root's; modes and times are kept. Of ``keep_folders`` (names)
    the container has its own, which stay as they are."""
    for thing in things:
        entry = tarfile.TarInfo(thing.name)
        entry.mode = stat.S_IMODE(thing.facts.st_mode) & 0o777
        entry.mtime = int(thing.facts.st_mtime)
        if thing.link:
            entry.type, entry.linkname = tarfile.SYMTYPE, thing.link
            yield entry.tobuf(tarfile.PAX_FORMAT)
        elif stat.S_ISDIR(thing.facts.st_mode):
            entry.type = tarfile.DIRTYPE
            if thing.name not in keep_folders:
                yield entry.tobuf(tarfile.PAX_FORMAT)
        else:
            entry.size = thing.facts.st_size
            yield entry.tobuf(tarfile.PAX_FORMAT)
            yield from file_content(thing)
    yield bytes(2 * tarfile.BLOCKSIZE)


def file_content(thing: Packed) -> Iterator[bytes]:
    """Exactly as many bytes as were promised, and the filling; UsageError when there are fewer."""
    left = thing.facts.st_size
    with on_this_machine(thing.source), thing.source.open("rb") as file:
        while left:
            data = file.read(min(left, CHUNK_BYTES))
            if not data:
                raise UsageError(f"{thing.source} became shorter while it was copied.")
            left -= len(data)
            yield data
    yield bytes(-thing.facts.st_size % tarfile.BLOCKSIZE)


@contextmanager
def on_this_machine(path: Path) -> Iterator[None]:
    """What goes wrong with a file of the reader's own is a sentence, and names the file."""
    try:
        yield
    except OSError as error:
        named = error.filename or path
        raise UsageError(f"{named}: {error.strerror or error}.") from error

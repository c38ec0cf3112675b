"""A tar archive from a container as files of this machine: nothing is written outside the target.

The archive is hostile input. It is unpacked in a new folder beside the target, files first and
links last, so that no link can be written through; only then it takes the target's place.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from container_magics.core.terminal import plain
from container_magics.engine.files import CHUNK_BYTES, forget, opened
from container_magics.engine.packing import on_this_machine
from container_magics.errors import BadArchive, TooLarge, UsageError

TEMPORARY = ".container-magics-"


@dataclass
class Unpacking:
    """How far it is. ``left_out`` names what is no file, folder or link within the folder.

    The rest is for the end: links by their place, second names of files, modes and times.
    """

    done_bytes: int = 0
    left_out: list[str] = field(default_factory=list)
    links: dict[Path, str] = field(default_factory=dict)
    seconds: dict[Path, Path] = field(default_factory=dict)
    entries: dict[Path, tarfile.TarInfo] = field(default_factory=dict)


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A new folder on the target's own file system, which is gone in the end."""
    with on_this_machine(target.parent):
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unpack(
    chunks: Iterable[bytes], folder: Path, *, topless: bool = False, most: int | None = None
) -> Generator[Unpacking, None, None]:
    """Unpack into ``folder``, which is empty, and say after each piece how far it is.

    A name with ``..``, a full path, a name that comes twice or stands under a file is
    BadArchive; more than ``most`` entries, None for any number, are TooLarge. What is left out is
    devices, pipes, links that lead out of the top folder of the archive, and sparse files: those
    would be more than what was sent. ``topless`` is for an archive of what is in a folder, without
    its name: there ``folder`` itself is the top. Files stay writable for their owner.
    """
    state, seen = Unpacking(), 0
    with on_this_machine(folder), opened(chunks) as (tar, _):
        for entry in tar:
            seen += 1
            if most is not None and seen > most:
                raise TooLarge(f"There are more than {most:,} files and folders.")
            with refusing_repeats(entry.name):
                yield from one(tar, entry, folder, state)
            forget(tar)
        link_files(state.seconds)
        link_names(state, folder, topless=topless)
        for path in reversed(state.entries):  # what is put into a folder changes its time
            settle_mode(path, state.entries[path])
    yield state


def one(
    tar: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path, state: Unpacking
) -> Iterator[Unpacking]:
    """One entry: made now, or noted for the end, or left out."""
    path = place(folder, entry.name)
    if entry.isdir():
        path.mkdir(parents=True, exist_ok=True)
        state.entries[path] = entry
    elif entry.isreg() and not entry.issparse():
        yield from written(tar, entry, path, state)
        state.entries[path] = entry
    elif entry.issym() and "\0" not in entry.linkname:
        state.links[path] = entry.linkname
    elif entry.islnk():
        state.seconds[path] = place(folder, entry.linkname)
    else:
        state.left_out.append(entry.name)


def place(folder: Path, name: str) -> Path:
    """Where an entry goes; BadArchive for a name that leads elsewhere."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise BadArchive(f"The archive has an entry that leads out of it: {name!r}.")
    return folder.joinpath(*parts)


@contextmanager
def refusing_repeats(name: str) -> Iterator[None]:
    """BadArchive where something else stands in the entry's place already."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadArchive(f"The archive has two entries in one place: {name!r}.") from error


def written(
    tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path, state: Unpacking
) -> Iterator[Unpacking]:
    """Write one file, new, piece by piece."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file, left = tar.extractfile(entry), entry.size
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, how, 0o600), "wb") as made:
        while file and left:
            data = file.read(min(left, CHUNK_BYTES))
            if not data:
                raise BadArchive(f"The archive ends in the middle of {entry.name!r}.")
            made.write(data)
            left -= len(data)
            state.done_bytes += len(data)
            yield state


def link_files(hard: dict[Path, Path]) -> None:
    """Second names of files; there are no links yet that could lead elsewhere."""
    for path, source in hard.items():
        if not source.is_file():
            raise BadArchive(
                f"The archive names a file twice that it does not have: {path.name!r}."
            )
        with refusing_repeats(path.name):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, path)


def link_names(state: Unpacking, folder: Path, *, topless: bool) -> None:
    """Make the links, and take those away again that lead out of the archive's top folder.

    All folders are made before any link, so that none is made through another.
    """
    for path in state.links:
        with refusing_repeats(path.name):
            path.parent.mkdir(parents=True, exist_ok=True)
    for path, end in state.links.items():
        with refusing_repeats(path.name):
            path.symlink_to(end)
    real = folder.resolve()
    tops = {
        path: real if topless else real / path.relative_to(folder).parts[0] for path in state.links
    }
    for path in [path for path, top in tops.items() if not inside(path, top)]:
        path.unlink()
        state.left_out.append(str(path.relative_to(folder)))


def inside(link: Path, top: Path) -> bool:
    """Whether a link, followed to its end, stays under ``top``, a path without links."""
    return not link.readlink().is_absolute() and Path(os.path.realpath(link)).is_relative_to(top)


def settle_mode(path: Path, entry: tarfile.TarInfo) -> None:
    """The mode and time that it had; its owner may always read and change it."""
    own = stat.S_IRWXU if entry.isdir() else stat.S_IRUSR | stat.S_IWUSR
    path.chmod(entry.mode & 0o777 | own)
    with suppress(ValueError, OverflowError):  # a time that is no time
        os.utime(path, (entry.mtime, entry.mtime))


def take_place(made: Path, target: Path) -> None:
    """Move a file or folder to where it belongs: a folder into one that is there, name by name,
    a file in place of a file. UsageError when one stands where the other should."""
    with on_this_machine(target):
        if made.is_dir() and not made.is_symlink() and target.is_dir():
            if target.is_symlink():
                raise UsageError(
                    f"{plain(str(target))} is a link.", hint="Name the folder that it leads to."
                )
            for child in sorted(made.iterdir()):
                take_place(child, target / child.name)
        elif target.is_dir() and not target.is_symlink():
            raise UsageError(f"{plain(str(target))} is a folder, and would be replaced by a file.")
        elif made.is_dir() and not made.is_symlink() and target.exists():
            raise UsageError(f"{plain(str(target))} is a file, and would be replaced by a folder.")
        else:
            made.replace(target)

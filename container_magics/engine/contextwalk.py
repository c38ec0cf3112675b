"""What is in a build's context: a folder's files with the cell's own over them, in order."""

from __future__ import annotations

import os
import posixpath
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from container_magics.core.dockerignore import Above, Patterns
from container_magics.errors import UsageError

# Python data has no time of change. One fixed time makes the second run of a cell find its
# cache in every builder; 1980 because zip archives, and so wheels, hold nothing earlier.
ADDED_TIME_S = 315_532_800
ADDED_MODE = 0o644
FOLDER_MODE = 0o755


Added = bytes | Path
"""What the cell puts under a path: a content, or a file of this machine."""


class Entry(NamedTuple):
    """One thing of a context. ``path`` is from its top, without a slash at either end; ``link``
    is where a symlink leads; ``content`` is that of a variable that the cell adds, None of others.
    """

    path: str
    mode: int
    size_bytes: int
    time_ns: int
    link: str = ""
    content: bytes | None = None


@dataclass(slots=True)
class Level:
    """An entry, and its names where it is a folder that is being walked. ``told`` is whether it
    was named, or need not be; .dockerignore leaves out what is ``hidden``."""

    entry: Entry
    names: Iterator[str]
    ignored: Above = ()
    wanted: Above = ()
    hidden: bool = False
    unwanted: bool = False
    told: bool = False

    @property
    def kept(self) -> bool:
        """Whether it is in the context by itself, and not for what is in it."""
        return not (self.hidden or self.unwanted)


class Tree:
    """A folder of this machine, or none, with files added over it; what is added hides what is
    there under the same path, and is never ignored."""

    def __init__(self, folder: Path | None, added: Mapping[str, Added], ignored: Patterns) -> None:
        """Nothing is read yet. ``left_out`` fills as the tree is walked: what has no place in an
        image."""
        self._root, self.left_out = str(folder or ""), dict[str, None]()
        self._added, self._ignored = added, ignored
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        for path in added:
            for one in (path, *folders_of(path)):
                above, name = posixpath.split(one)
                self._names[above].add(name)

    def walk(self, wanted: Patterns | None = None) -> Iterator[Entry]:
        """Every entry, folders before what is in them, names in the order of their bytes.

        ``wanted`` narrows it to what these patterns match, and the folders around that. Raises
        UsageError, which names the folder, for one that cannot be read.
        """
        top = Entry("", stat.S_IFDIR, 0, 0)
        levels = [Level(top, self.names_in(""), told=True)]
        while levels:
            name = next(levels[-1].names, None)
            if name is None:
                levels.pop()
                continue
            entry = self.at(posixpath.join(levels[-1].entry.path, name))
            if entry is None:
                continue
            level = self._judged(entry, levels[-1], wanted)
            if level.kept:
                yield from untold(levels)
                yield entry
                level.told = True
            if stat.S_ISDIR(entry.mode) and self._may_hold(level, wanted):
                level.names = self.names_in(entry.path, must=level.kept)
                levels.append(level)

    def _judged(self, entry: Entry, above: Level, wanted: Patterns | None) -> Level:
        """What is known of the entry, and would be of what is in it."""
        level = Level(entry, iter(()))
        if self._ignored:
            level.hidden, level.ignored = self._ignored.check(entry.path, above.ignored)
            if entry.path in self._added or entry.path in self._names:
                level.hidden = False
        if wanted is not None:
            found, level.wanted = wanted.check(entry.path, above.wanted)
            level.unwanted = not found
        return level

    def _may_hold(self, level: Level, wanted: Patterns | None) -> bool:
        """Whether something in a folder may be kept."""
        path = level.entry.path
        hidden = level.hidden and not self._ignored.may_take_back(path)
        unwanted = level.unwanted and not (wanted and wanted.may_match_in(path))
        return path in self._names or not (hidden or unwanted)

    def names_in(self, folder: str, *, must: bool = True) -> Iterator[str]:
        """The names in a folder of the tree, in the order of their bytes. Unless it ``must``, a
        folder may be one that cannot be read."""
        names = set(self._names.get(folder, ()))
        if self._root:
            source = self.source(folder)
            # in the place of what is no folder, or leads elsewhere, may stand one of ours
            if not folder or stat.S_ISDIR(mode_of(source)):
                # a folder that is gone by now is empty
                fine = (FileNotFoundError, *(() if must else (PermissionError,)))
                with readable(source), suppress(*fine), os.scandir(source) as found:
                    names.update(one.name for one in found)
        return iter(sorted(names, key=os.fsencode))

    def source(self, path: str) -> str:
        """Where this machine has what is at that path."""
        if isinstance(added := self._added.get(path), Path):
            return str(added)
        return os.path.join(self._root, path)  # noqa: PTH118 - many times quicker than a Path

    def at(self, path: str) -> Entry | None:
        """What is there; None for nothing, and for what has no place in an image."""
        if path in self._added:
            return added_entry(path, self._added[path])
        source = self.source(path) if self._root else ""
        if path in self._names and not (source and stat.S_ISDIR(mode_of(source))):
            return Entry(path, stat.S_IFDIR | FOLDER_MODE, 0, ADDED_TIME_S * 10**9)
        return self._found(path, source) if source else None

    def _found(self, path: str, source: str) -> Entry | None:
        with readable(source):
            try:
                facts = os.lstat(source)
                # a Path would not keep it as it is written
                link = os.readlink(source) if stat.S_ISLNK(facts.st_mode) else ""  # noqa: PTH115
            except (FileNotFoundError, NotADirectoryError):  # gone since its folder was read
                return None
        if stat.S_IFMT(facts.st_mode) not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            self.left_out[path] = None
            return None
        return Entry(path, facts.st_mode, facts.st_size, facts.st_mtime_ns, link)


def folders_of(path: str) -> Iterator[str]:
    """The folders around a path, the innermost first."""
    while path := posixpath.dirname(path):
        yield path


def mode_of(source: str) -> int:
    """What lies there, a link not followed; 0 for nothing."""
    with suppress(OSError):
        return os.lstat(source).st_mode
    return 0


def added_entry(path: str, added: Added) -> Entry:
    """A file that the cell adds: that of a variable, anyone may read."""
    if isinstance(added, bytes):
        mode = stat.S_IFREG | ADDED_MODE
        return Entry(path, mode, len(added), ADDED_TIME_S * 10**9, content=added)
    with readable(str(added)):
        facts = added.lstat()
    return Entry(path, facts.st_mode, facts.st_size, facts.st_mtime_ns)


def untold(levels: list[Level]) -> Iterator[Entry]:
    """The folders that are left out themselves, and hold something that is not."""
    for level in levels:
        if not level.told:
            level.told = True
            yield level.entry


@contextmanager
def readable(source: str) -> Iterator[None]:
    """What goes wrong with a file of the context is a sentence, and names the file."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{source} is in the build context and cannot be read: {error.strerror or error}.",
            hint="Name it in .dockerignore, or make it readable.",
        ) from error

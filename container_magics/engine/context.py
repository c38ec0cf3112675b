"""A build's context: which files it has, what is in each, and all of it as a tar archive."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path, PurePosixPath

from container_magics.core.buildspec import BuildSpec
from container_magics.core.dockerignore import Patterns, read
from container_magics.core.events import ContextSent
from container_magics.engine.contextwalk import (
    ADDED_MODE,
    ADDED_TIME_S,
    Added,
    Entry,
    Tree,
    readable,
)
from container_magics.errors import UsageError

DOCKERFILE = "Dockerfile"
IGNORE = ".dockerignore"
BESIDE_ANOTHER = ".container-magics.Dockerfile"
PART_BYTES = 64 * 1024
SENT_BYTES = 256 * 1024
MOST_NAMED = 10
TOLD_BYTES = 1_000_000
"""The size of a context from which on it is told how far it is."""


class Context:
    """The context of one build. It may be sent more than once, each time as it is then.

    Owners are root, as docker's own client has it. What is read of a file is never more than the
    size that was told before it. One that became shorter, or is gone, is a UsageError.
    """

    def __init__(self, spec: BuildSpec) -> None:
        """Raises UsageError for a folder or file that is not there, and for a bad .dockerignore. No
        other file is looked at yet."""
        added: dict[str, Added] = {path: file_of(source) for path, source in spec.files} | dict(
            spec.added
        )
        self.folder = folder_of(spec)
        self.tree = Tree(self.folder, added, ignored(self.folder, added))
        self.dockerfile = spec.dockerfile.encode()
        self.sent_bytes = self.total_bytes = 0
        self.over = False
        self.trouble: UsageError | None = None
        self._added, self._changed = added, dict[str, None]()

    @property
    def progress(self) -> ContextSent:
        """How far the sending is; may be asked from any thread."""
        return ContextSent(
            self.sent_bytes,
            self.total_bytes,
            tuple(self.tree.left_out)[:MOST_NAMED],
            tuple(self._changed)[:MOST_NAMED],
            self.over,
        )

    def content(self, entry: Entry) -> Iterator[bytes]:
        """What is in a file, in parts."""
        if entry.content is not None:
            self.sent_bytes += entry.size_bytes
            yield from (
                entry.content[start : start + PART_BYTES]
                for start in range(0, entry.size_bytes, PART_BYTES)
            )
            return
        source = self.tree.source(entry.path)
        left = entry.size_bytes
        # not followed: where a link has taken the file's place, it may lead anywhere
        with readable(source), open(source, "rb", opener=unfollowed, buffering=0) as file:
            while left and (data := file.read(min(left, PART_BYTES))):
                left -= len(data)
                self.sent_bytes += len(data)
                yield data
            facts = os.fstat(file.fileno())
        if left:
            raise UsageError(
                f"{source} became shorter while it was sent.",
                hint="Run the cell again when nothing writes to it, or name it in .dockerignore.",
            )
        if (facts.st_size, facts.st_mtime_ns) != (entry.size_bytes, entry.time_ns):
            self._changed[entry.path] = None

    def archive(self) -> tuple[Iterator[bytes], str]:
        """(the tar archive, in parts; the Dockerfile's path in it)."""
        name = free_name(self.folder, set(self._added))
        return gathered(self._packed(name)), name

    def _packed(self, dockerfile: str) -> Iterator[bytes]:
        """The archive, made as it is read. It knows the total only when all has been looked at,
        so that is done twice."""
        self.sent_bytes, self.over = 0, False
        self.total_bytes = sum(one.size_bytes for one in self.tree.walk() if is_file(one))
        # First, and with a plain header: BuildKit tells an archive from a Dockerfile by
        # its first 1024 bytes, and a member with extended headers does not fit in them.
        text = self.dockerfile
        entry = Entry(dockerfile, stat.S_IFREG | ADDED_MODE, len(text), ADDED_TIME_S * 10**9)
        yield head(entry) + text + filling(len(text))
        for entry in self.tree.walk():
            yield head(entry)
            if is_file(entry):
                yield from self.content(entry)
                yield filling(entry.size_bytes)
        yield bytes(2 * tarfile.BLOCKSIZE)
        self.over = True


def worth_telling(sent: ContextSent) -> bool:
    """A small context is there before anyone could read of it."""
    return sent.total_bytes >= TOLD_BYTES or bool(sent.left_out or sent.changed)


def unfollowed(path: str, flags: int) -> int:
    """Open the file itself, never what a link leads to, and wait for nothing."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def is_file(entry: Entry) -> bool:
    """Whether it has a content."""
    return stat.S_ISREG(entry.mode)


def head(entry: Entry) -> bytes:
    """What stands before a file's content, or alone."""
    member = tarfile.TarInfo(entry.path)
    member.mode = stat.S_IMODE(entry.mode)
    member.mtime = entry.time_ns // 10**9  # whole seconds, as docker's own client sends them
    if stat.S_ISLNK(entry.mode):
        member.type, member.linkname = tarfile.SYMTYPE, entry.link
    elif stat.S_ISDIR(entry.mode):
        member.type = tarfile.DIRTYPE
    else:
        member.size = entry.size_bytes
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def filling(size_bytes: int) -> bytes:
    """What follows a content, up to the next block."""
    return bytes(-size_bytes % tarfile.BLOCKSIZE)


def gathered(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in larger parts: each is a system call, and a chunk of HTTP."""
    held, size_bytes = list[bytes](), 0
    for part in parts:
        held.append(part)
        size_bytes += len(part)
        if size_bytes >= SENT_BYTES:
            yield b"".join(held)
            held, size_bytes = [], 0
    yield b"".join(held)


def ignored(folder: Path | None, added: dict[str, Added]) -> Patterns:
    """What .dockerignore at the context's top leaves out; one that the cell adds hides another."""
    found = added.get(IGNORE, b"" if folder is None else folder / IGNORE)
    content = found if isinstance(found, bytes) else b""
    if isinstance(found, Path) and found.is_file():
        with readable(str(found)):
            content = found.read_bytes()
    return Patterns(read(content.decode("utf-8", "surrogateescape")))


def chosen(folder: Path) -> Iterator[str]:
    """Paths under the folder, as .dockerignore at its top leaves them, in order."""
    yield from (one.path for one in Tree(folder, {}, ignored(folder, {})).walk())


def free_name(folder: Path | None, added: set[str]) -> str:
    """A name for the cell's Dockerfile that no other file has: the last of two would count."""
    tops = {PurePosixPath(name).parts[0] for name in added}
    names = chain((DOCKERFILE, BESIDE_ANOTHER), (f"{BESIDE_ANOTHER}.{n}" for n in count(2)))
    return next(
        name
        for name in names
        if name not in tops and not (folder is not None and os.path.lexists(folder / name))
    )


def file_of(source: str) -> Path:
    """The file that --file names, its ``~`` expanded; a link to one is followed."""
    file = Path(source).expanduser()
    if not file.is_file():
        what = "that is a folder" if file.is_dir() else "there is no such file"
        raise UsageError(
            f"--file {source}: {what}.",
            hint=f"The notebook works in {Path.cwd()}; --context gives a folder.",
        )
    return file.resolve()


def folder_of(spec: BuildSpec) -> Path | None:
    """The context folder, its ``~`` expanded; None where none is asked for."""
    if spec.context_dir is None:
        return None
    folder = Path(spec.context_dir).expanduser()
    if not folder.is_dir():
        raise UsageError(
            f"--context {spec.context_dir}: there is no such folder.",
            hint=f"The notebook works in {Path.cwd()}; a relative path begins there.",
        )
    return folder

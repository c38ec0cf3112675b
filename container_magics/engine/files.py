"""Files in and out of a container, running or not, by the engine's archives: what a cell needs.

A path in a container is absolute. The engine follows links within the container alone.
"""

from __future__ import annotations

import base64
import io
import json
import posixpath
import tarfile
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from container_magics.core.units import size
from container_magics.engine.client import Engine, refusal, told
from container_magics.engine.tarends import Entry
from container_magics.errors import BadArchive, EngineRefused, NotFound, TooLarge, UsageError

GO_DIRECTORY = 1 << 31  # os.ModeDir and os.ModeSymlink of Go, as a path's stat has them
GO_SYMLINK = 1 << 27
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PathStat:
    """What lies at a path. ``link_target`` is "" for all but a link; then it is the absolute
    path in the container where the link ends. ``size_bytes`` means nothing for a folder."""

    size_bytes: int
    is_folder: bool
    link_target: str


def stat(engine: Engine, container: str, path: str) -> PathStat | None:
    """What lies at ``path``; a link is not followed. None when there is nothing.

    A container that was never started has its mounts here too.
    """
    with told():
        response = requests.Session.head(
            engine.api,
            engine.url(f"/containers/{container}/archive"),
            params={"path": path},
            timeout=engine.api.timeout,
        )
    header = response.headers.get("X-Docker-Container-Path-Stat")
    if header is None:
        return None
    facts = json.loads(base64.b64decode(header))
    mode = int(facts.get("mode", 0))
    link = str(facts.get("linkTarget", "")) if mode & GO_SYMLINK else ""
    return PathStat(int(facts.get("size", 0)), bool(mode & GO_DIRECTORY), link)


def is_folder(engine: Engine, container: str, path: str) -> bool:
    """Whether ``path`` is a folder in the container; a link to one counts."""
    found = stat(engine, container, path.rstrip("/") + "/.")
    return found is not None and found.is_folder


def put_file(engine: Engine, container: str, path: str, content: bytes, mode: int) -> None:
    """Write one file of root's; folders around it are made. A folder of that name is never
    replaced: UsageError."""
    put_archive(engine, container, path, archive_of(path, content, mode))


def put_files(engine: Engine, container: str, contents: Sequence[tuple[str, bytes, int]]) -> None:
    """Write several files at once, each as (path, content, mode). As ``put_file``."""
    if contents:
        paths = [path for path, _, _ in contents]
        put_archive(engine, container, paths[0], archive_of_all(contents), paths[1:])


def archive_of(path: str, content: bytes, mode: int) -> Iterator[bytes]:
    """One file as a tar archive, in pieces."""
    return archive_of_all([(path, content, mode)])


def archive_of_all(contents: Sequence[tuple[str, bytes, int]]) -> Iterator[bytes]:
    """Files as a tar archive, in pieces; each is (path, content, mode)."""
    for path, content, mode in contents:
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size, entry.mode, entry.mtime = len(content), mode, int(time.time())
        yield entry.tobuf(tarfile.PAX_FORMAT)
        for start in range(0, len(content), CHUNK_BYTES):
            yield content[start : start + CHUNK_BYTES]
        yield bytes(-len(content) % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def put_archive(
    engine: Engine,
    container: str,
    path: str,
    chunks: Iterable[bytes],
    more: Sequence[str] = (),
) -> None:
    """Unpack a tar archive whose names are full paths; ``path`` and ``more`` are those that matter.

    Folders that are missing are made, root's and open to all. UsageError when ``path`` is a
    folder and the archive has a file for it.
    """
    with told():
        # the SDK's own put_archive cannot say noOverwriteDirNonDir, and a folder would be lost
        response = requests.Session.put(
            engine.api,
            engine.url(f"/containers/{container}/archive"),
            params={"path": "/", "noOverwriteDirNonDir": "true"},
            data=iter(chunks),
            timeout=engine.api.timeout,
        )
    if response.status_code < 400:
        return
    error = refusal(response)
    for each in (path, *more):
        if not (isinstance(error, EngineRefused) and is_folder(engine, container, each)):
            continue
        raise UsageError(
            f"{each} is a folder in the container.",
            hint=f"Name the file in it, such as {posixpath.join(each, 'file')}.",
            facts=(str(error),),
        ) from error
    raise error


def copy_target(engine: Engine, container: str, path: str, name: str) -> str:
    """Where ``docker cp`` puts a thing called ``name``: into the folder ``path``, or at ``path``.

    NotFound when the folder around it is not there.
    """
    target = posixpath.join(path, name) if is_folder(engine, container, path) else path
    if not is_folder(engine, container, posixpath.dirname(target) or "/"):
        raise NotFound(f"{container} has no folder {posixpath.dirname(target)}.")
    return target


@contextmanager
def archive(engine: Engine, container: str, path: str) -> Iterator[Iterator[bytes]]:
    """The file or folder at ``path`` as a tar archive that comes in pieces; its names begin with
    the last name of ``path``. NotFound when there is nothing."""
    with told():
        response = requests.Session.get(
            engine.api,
            engine.url(f"/containers/{container}/archive"),
            params={"path": path},
            stream=True,
            timeout=engine.api.timeout,
        )
    with response:
        if response.status_code >= 400:
            raise refusal(response)
        yield pieces(response)


def pieces(response: requests.Response) -> Iterator[bytes]:
    """The body as it comes; EngineLost when it is cut."""
    with told():
        yield from response.iter_content(CHUNK_BYTES)


class ChunkReader(io.RawIOBase):
    """Pieces as a file that tarfile can read. ``done_bytes`` counts what was read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")
        self.done_bytes = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # of any buffer
        """Fill a buffer as far as one piece goes; 0 at the end."""
        while not self._rest:
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self.done_bytes += count
        return count


@contextmanager
def opened(chunks: Iterable[bytes]) -> Iterator[tuple[tarfile.TarFile, ChunkReader]]:
    """A tar archive to read from front to back, entry by entry. BadArchive when it is none, or
    has no end."""
    reader = ChunkReader(chunks)
    try:
        buffered: Any = io.BufferedReader(reader, CHUNK_BYTES)
        with tarfile.open(fileobj=buffered, mode="r|", tarinfo=Entry) as tar:
            yield tar, reader
    except tarfile.TarError as error:
        raise BadArchive(f"What was sent is no whole archive: {error}.") from error


def forget(tar: tarfile.TarFile) -> None:
    """Drop the entries that were seen, which tarfile would keep: there may be a million."""
    tar.members = []  # type: ignore[attr-defined]  # its own list, in no stub


def followed(engine: Engine, container: str, path: str) -> tuple[str, PathStat]:
    """``path`` with its links followed to their end, and what lies there. NotFound."""
    found = stat(engine, container, path)
    if found and found.link_target:
        path = found.link_target
        found = stat(engine, container, path)
    if found is None or found.link_target:
        raise NotFound(f"There is no {path} in {container}.")
    return path, found


def read_file(
    engine: Engine, container: str, path: str, *, limit_bytes: int | None = None
) -> bytes:
    """One regular file. Raises NotFound; UsageError for anything else, and TooLarge, before it
    is read."""
    story = file_coming(engine, container, path, limit_bytes=limit_bytes)
    while True:
        try:
            next(story)
        except StopIteration as end:
            content: bytes = end.value
            return content


def file_coming(
    engine: Engine, container: str, path: str, *, limit_bytes: int | None = None
) -> Generator[int, None, bytes]:
    """The same, and meanwhile how many bytes of it have come."""
    place, found = followed(engine, container, path)
    if found.is_folder:
        raise UsageError(f"{path} in {container} is a folder, and no file.")
    too_large(path, found.size_bytes, limit_bytes)
    with archive(engine, container, place) as chunks, opened(chunks) as (tar, reader):
        entry = tar.next()
        if entry is None or not entry.isreg():
            raise UsageError(f"{path} in {container} is no regular file.")
        too_large(path, entry.size, limit_bytes)  # it may have grown since
        return (yield from content_coming(tar, entry, reader))


def folder_coming(
    engine: Engine, container: str, path: str, *, limit_bytes: int
) -> Generator[int, None, dict[str, bytes]]:
    """Every regular file under a folder, by its path in it ("sub/name"), in the engine's order;
    and meanwhile how many bytes have come.

    Links, empty folders and devices are left out. TooLarge as soon as it is more.
    """
    place, _ = followed(engine, container, path)
    content: dict[str, bytes] = {}
    with archive(engine, container, place) as chunks, opened(chunks) as (tar, reader):
        for entry in tar:
            # what was read counts, names and headers too: a million empty files take memory
            too_large(path, reader.done_bytes + entry.size, limit_bytes)
            if entry.isreg():
                name = entry.name.partition("/")[2]
                content[name] = yield from content_coming(tar, entry, reader)
            forget(tar)
    return content


def content_coming(
    tar: tarfile.TarFile, entry: tarfile.TarInfo, reader: ChunkReader
) -> Generator[int, None, bytes]:
    """The content of the regular file that was read last, and meanwhile how much was read."""
    file = tar.extractfile(entry)
    parts: list[bytes] = []
    while file and (part := file.read(CHUNK_BYTES)):
        parts.append(part)
        yield reader.done_bytes
    return b"".join(parts)


def too_large(path: str, size_bytes: int, limit_bytes: int | None) -> None:
    """TooLarge when there is a limit and this is over it."""
    if limit_bytes is not None and size_bytes > limit_bytes:
        raise TooLarge(
            f"{path} has {size(size_bytes)}, and at most {size(limit_bytes)} are carried.",
            hint="Raise it with `%config Workbench.file_limit_bytes = BYTES`, "
            "or copy to a file with `%container cp`.",
        )

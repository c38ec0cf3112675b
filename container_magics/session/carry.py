"""What a cell brings into its container before the program starts, and fetches afterwards."""

from __future__ import annotations

import posixpath
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

from container_magics.core.events import Carried, Got, RunEvent
from container_magics.core.spec import ContainerSpec
from container_magics.core.transfer import Put, Transfer
from container_magics.engine import files, mounts, packing, programs
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.errors import ContainerMagicsError, NotFound

TOLD_S = 0.3
"""A transfer that takes longer is told, and then so often."""
FILE_MODE = 0o644


def bring(
    engine: Engine, container: str, spec: ContainerSpec, transfer: Transfer
) -> Generator[RunEvent, None, None]:
    """See that the engine has the folders of -v, and put in what is asked for.

    Carried comes only for what takes long. Raises MountIsElsewhere, TooLarge, UsageError.
    """
    mounts.check(engine, container, spec.mounts)
    if any((path,) == spec.command[:1] for path, _, _ in spec.files):
        # engines start a script whose shebang leads nowhere, and tell too little
        programs.explain(engine, container, spec.image or container, spec)
    base = start_folder(engine, container, spec, [put.target for put in transfer.put])
    for put in transfer.put:
        path = posixpath.normpath(posixpath.join(base, put.target))
        yield from put_in(engine, container, put, path, limit_bytes=transfer.limit_bytes)


def fetch(
    engine: Engine, container: str, spec: ContainerSpec, transfer: Transfer
) -> Generator[RunEvent, None, None]:
    """Got for each path, in order, and Carried before it where it takes long. What cannot be had
    is told and not raised: the program's own failure says more."""
    base = start_folder(engine, container, spec, list(transfer.get))
    for path in transfer.get:
        place = posixpath.normpath(posixpath.join(base, path))
        try:
            content = yield from coming(engine, container, place, transfer.limit_bytes)
        except NotFound:
            where = spec.image or container
            yield Got(path, NotFound(f"There is no {place} in {where} now that the cell has run."))
        except ContainerMagicsError as error:
            yield Got(path, error)
        else:
            yield Got(path, content)


def coming(
    engine: Engine, container: str, path: str, limit_bytes: int
) -> Generator[Carried, None, bytes | dict[str, bytes]]:
    """A file's content, or that of the files of a folder by their paths in it; says how far it
    is once it takes long."""
    place, found = files.followed(engine, container, path)
    read = files.folder_coming if found.is_folder else files.file_coming
    story = read(engine, container, place, limit_bytes=limit_bytes)
    total_bytes = None if found.is_folder else found.size_bytes
    said_s, done_bytes, said = time.monotonic(), 0, False  # of the archive, so of its heads too
    while True:
        try:
            done_bytes = next(story)
        except StopIteration as end:
            if said:
                all_bytes = total_bytes or done_bytes
                yield Carried(path, all_bytes, all_bytes, fetched=True)
            content: bytes | dict[str, bytes] = end.value
            return content
        if time.monotonic() - said_s >= TOLD_S:
            said_s, said = time.monotonic(), True
            so_far_bytes = min(done_bytes, total_bytes - 1) if total_bytes else done_bytes
            yield Carried(path, so_far_bytes, total_bytes, fetched=True)


def start_folder(engine: Engine, container: str, spec: ContainerSpec, paths: list[str]) -> str:
    """The folder that the program starts in; asked for only where a path needs it."""
    if all(path.startswith("/") for path in paths):
        return "/"
    image_s = verbs.inspect(engine, container)["Config"].get("WorkingDir") or "/"
    return posixpath.join("/", image_s, spec.working_dir)


def put_in(
    engine: Engine, container: str, put: Put, path: str, *, limit_bytes: int | None
) -> Generator[Carried, None, None]:
    """Write one file or folder at ``path``."""
    if put.content is not None:
        files.too_large(put.path, len(put.content), limit_bytes)
        total_bytes = len(put.content)
        chunks = files.archive_of(path, put.content, FILE_MODE)
    else:
        things = packing.listed(Path(put.source), path, limit_bytes=limit_bytes)
        total_bytes = packing.content_bytes(things)
        there = frozenset({things[0].name} if files.is_folder(engine, container, path) else ())
        chunks = packing.packed(things, keep_folders=there)
    yield from Sending(engine, container, path, chunks, total_bytes).told()


class Sending:
    """An archive on its way into a container, in a thread of its own, so that it can be told and
    stopped meanwhile."""

    def __init__(
        self, engine: Engine, container: str, path: str, chunks: Iterator[bytes], total_bytes: int
    ) -> None:
        self._engine = engine
        self._container = container
        self._path = path
        self._chunks = chunks
        self._total_bytes = total_bytes
        self._done_bytes = 0
        self._stopped = threading.Event()
        self._error: Exception | None = None

    def told(self) -> Generator[Carried, None, None]:
        """Send it, and say how far it is once it takes long. Closed, it ends at the next piece."""
        thread = threading.Thread(target=self._send, daemon=True, name="container-magics put")
        thread.start()
        said = False
        try:
            thread.join(TOLD_S)
            while thread.is_alive():
                said = True
                yield Carried(
                    self._path, min(self._done_bytes, self._total_bytes - 1), self._total_bytes
                )
                thread.join(TOLD_S)
        finally:
            self._stopped.set()
            thread.join()
        if self._error:
            raise self._error
        if said:
            yield Carried(self._path, self._total_bytes, self._total_bytes)

    def _send(self) -> None:
        try:
            files.put_archive(self._engine, self._container, self._path, self._pieces())
        except Exception as error:  # noqa: BLE001 - raised where the story is told
            self._error = error

    def _pieces(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self._stopped.is_set():
                raise ConnectionAbortedError("stopped")  # told() makes an EngineLost of it
            yield chunk
            self._done_bytes += len(chunk)

"""Images to a file and back (API, "Export several images", "Import images")."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import requests

from container_magics.core.events import ArchiveProgress, Loaded, LoadEvent, Saved, SaveEvent
from container_magics.core.names import ImageRef
from container_magics.core.terminal import plain
from container_magics.engine.client import Engine, refusal, told
from container_magics.engine.images import inspect
from container_magics.engine.jsonlines import Lines
from container_magics.engine.userfile import reading, replacing
from container_magics.errors import BadArchive, EngineRefused

CHUNK_BYTES = 1024 * 1024
TOLD_S = 0.3
"""How often an upload says how far it is."""
PATIENCE_S = 2.0
"""How long a stopped upload may take to notice; a stalled engine is not waited for."""


def save(engine: Engine, names: Sequence[str], path: Path) -> Generator[SaveEvent, None, None]:
    """Write images, by these names alone, to ``path``; ArchiveProgress as it grows, then Saved.

    A file that is there stays as it is until the new one is whole; closed, it leaves nothing.
    ImageNotFound, and UsageError when ``path`` cannot be written.
    """
    found = [inspect(engine, name) for name in names]
    references = [exported(facts, name) for facts, name in zip(found, names, strict=True)]
    total_bytes = expected_bytes(engine, found)
    done_bytes = 0
    with replacing(path) as file, closing(archive(engine, *references)) as chunks:
        for chunk in chunks:
            file.write(chunk)
            done_bytes += len(chunk)
            yield ArchiveProgress(done_bytes, total_bytes)
    yield Saved(str(path), done_bytes)


def expected_bytes(engine: Engine, found: Sequence[dict[str, Any]]) -> int | None:
    """About how large an archive of these will be. None with containerd's image store: what is
    packed there is counted unpacked."""
    if engine.facts().containerd_store:
        return None
    return sum({facts["Id"]: int(facts["Size"]) for facts in found}.values())


def exported(facts: dict[str, Any], name: str) -> str:
    """What to ask an archive of: an ID as it is; a name with its tag, or each tag would come."""
    image_id: str = facts["Id"]
    is_id = image_id.removeprefix("sha256:").startswith(name.removeprefix("sha256:"))
    if is_id and f"{name}:latest" not in (facts["RepoTags"] or ()):
        return image_id
    return str(ImageRef.parse(name))


def archive(engine: Engine, *references: str) -> Generator[bytes, None, None]:
    """The bytes of an archive. A fault of whoever takes them is none of the engine's."""
    with told():
        response = requests.Session.request(
            engine.api, "GET", engine.url("/images/get"),
            params={"names": references}, stream=True,
        )  # fmt: skip
    with closing(response):
        if response.status_code >= 400:
            raise refusal(response)
        chunks = response.iter_content(CHUNK_BYTES)
        while chunk := next_of(chunks):
            yield chunk


def next_of(chunks: Iterator[bytes]) -> bytes:
    """The next of them, b"" at the end; EngineLost when it is cut."""
    with told():
        return next(chunks, b"")


def load_file(engine: Engine, path: Path) -> Generator[LoadEvent, None, None]:
    """``load`` of a file; UsageError when it cannot be read."""
    with reading(path) as file:
        yield from load(engine, file, path.stat().st_size, str(path))


def load(
    engine: Engine, file: IO[bytes], total_bytes: int, source: str
) -> Generator[LoadEvent, None, None]:
    """Read images from an archive; ArchiveProgress on its way and while layers are unpacked,
    and Loaded for each image.

    ``source`` is what an error calls it. BadArchive when it holds no image. Closed while the
    archive is on its way nothing of it stays; later the engine goes on by itself.
    """
    loaded = False
    try:
        lines = yield from Upload(engine, file, total_bytes).told()
    except EngineRefused as error:
        raise no_image(source, str(error)) from error
    with closing(lines):
        for line in lines:
            if "error" in line or "errorDetail" in line:
                words = line.get("error") or line["errorDetail"].get("message", "")
                raise no_image(source, str(words))
            detail = line.get("progressDetail") or {}
            if "id" in line and "current" in detail:
                yield ArchiveProgress(detail["current"], detail.get("total"), str(line["id"]))
            if sentence := plain(str(line.get("stream", ""))).strip():
                loaded = True
                yield Loaded(sentence)
    if not loaded:
        raise no_image(source)


def no_image(source: str, *facts: str) -> BadArchive:
    """The error of an archive out of which nothing was loaded."""
    return BadArchive(
        f"The engine could load no image from {source}.",
        hint="It takes what `%image save` and `docker save` write.",
        facts=tuple(map(plain, facts)),
    )


class Upload:
    """An archive on its way to the engine, in a thread of its own, so that it can be told and
    stopped meanwhile."""

    def __init__(self, engine: Engine, file: IO[bytes], total_bytes: int) -> None:
        """Take an open file; it is read from where it stands to its end."""
        self._engine = engine
        self._file = file
        self._total_bytes = total_bytes
        self._done_bytes = 0
        self._stopped = threading.Event()
        self._answer: Lines | None = None
        self._error: Exception | None = None

    def told(self) -> Generator[ArchiveProgress, None, Lines]:
        """Send it and say how far it is; returns what the engine answers. Closed, it ends at the
        next piece, and the engine throws away what it got."""
        thread = threading.Thread(target=self._send, daemon=True, name="container-magics load")
        thread.start()
        try:
            thread.join(TOLD_S)
            while thread.is_alive():
                yield ArchiveProgress(self._done_bytes, self._total_bytes)
                thread.join(TOLD_S)
        except BaseException:
            self._stopped.set()
            thread.join(PATIENCE_S)
            if self._answer:
                self._answer.close()
            raise
        if self._error or self._answer is None:
            raise self._error or no_image("it")
        return self._answer

    def _send(self) -> None:
        try:
            self._answer = self._answered()
        except Exception as error:  # noqa: BLE001 - raised where the story is told
            self._error = error

    def _answered(self) -> Lines:
        with told():
            response = requests.Session.request(
                self._engine.api, "POST", self._engine.url("/images/load"),
                params={"quiet": "0"}, data=self._pieces(), stream=True,
                headers={"Content-Type": "application/x-tar", "Connection": "close"},
            )  # fmt: skip
            if response.status_code >= 400:
                raise refusal(response)
        return Lines(response)

    def _pieces(self) -> Iterator[bytes]:
        while chunk := self._file.read(CHUNK_BYTES):
            if self._stopped.is_set():
                raise ConnectionAbortedError("stopped")
            yield chunk
            self._done_bytes += len(chunk)

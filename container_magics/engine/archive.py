"""Image archives from an engine: one pass over `GET /images/ID/get`, nothing kept but headers.

A source of layers is any function (engine, name) -> Iterator[LayersReading | ImageLayers] whose
last event is the ImageLayers; others (the engine's own records, a cache) can stand beside it.
"""

from __future__ import annotations

import socket
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from typing import Any, Literal, Protocol
from urllib.parse import quote

from container_magics.core.imagearchive import ImageArchive
from container_magics.core.knownlayers import KnownLayers
from container_magics.core.layers import ImageLayers, LayersReading
from container_magics.core.terminal import plain
from container_magics.engine.ahead import BUFFER_BYTES, ahead
from container_magics.engine.client import Engine, from_status, told, words_of
from container_magics.errors import EngineLost

REPORT_BYTES = 16 << 20


class Readable(Protocol):
    """A body of a response."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from its start; 0 at the end."""

    def pieces(self) -> Generator[memoryview, None, None]:
        """All of it in order; each piece only until the next is asked for."""


def read_image(
    engine: Engine, image: str, known: KnownLayers | None = None
) -> Iterator[LayersReading | ImageLayers]:
    """The image's layers, oldest first; reports on the way, and the ImageLayers last.

    ``image`` is a name with or without tag, or an ID. The layers in ``known`` are passed over.
    Raises NotFound, EngineLost when the engine's stream ends early, BadArchive.
    """
    with told():
        facts = engine.api.inspect_image(image)
    total_bytes = facts.get("Size")
    archive = ImageArchive(known=known)
    # By ID: a bare repository name would send every tag of it.
    for read_bytes in feed(engine, f"/images/{quote(facts['Id'])}/get", archive):
        yield LayersReading(read_bytes, max(total_bytes, read_bytes) if total_bytes else None)
    yield archive.image()


class Archive(Protocol):
    """A sink for an archive that knows whether it saw the end mark."""

    @property
    def ended(self) -> bool:
        """Whether the end mark was seen."""

    def feed(self, data: memoryview) -> None:
        """Take a part."""

    def close(self) -> None:
        """The bytes are over."""


def feed(engine: Engine, path: str, archive: Archive) -> Iterator[int]:
    """Read an archive of the engine into ``archive``; yields the bytes so far, now and then.

    The first time when it was asked for: what the caller does then goes on beside the engine.
    """
    read_bytes = reported = 0
    with told(), body(engine, path) as source, closing(source.pieces()) as pieces:
        yield 0
        for piece in pieces:
            archive.feed(piece)
            read_bytes += len(piece)
            if read_bytes - reported >= REPORT_BYTES:
                reported = read_bytes
                yield read_bytes
    if not archive.ended:
        raise EngineLost(
            "The engine stopped in the middle of the archive.",
            hint="See whether it still runs: `%engine`. Then run the cell again.",
            facts=(f"{read_bytes:,} bytes came",),
        )
    archive.close()
    yield read_bytes


@contextmanager
def body(engine: Engine, path: str) -> Iterator[Readable]:
    """The body of `GET path`, which the engine has been asked for: what it answers is known at
    the first reading, which raises the errors of ``told``."""
    where = engine.endpoint.socket
    if where is not None:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
            connection.connect(str(where))
            request = f"GET /v{engine.api.api_version}{path} HTTP/1.0\r\nHost: localhost\r\n\r\n"
            connection.sendall(request.encode("ascii"))
            yield _Stream(connection)
    else:
        with closing(_Pieces(engine, path)) as source:
            yield source


class _Stream:
    """What comes through a socket, as a Readable.

    HTTP/1.0: the engine then sends the bytes as they are, where HTTP/1.1 would cut them into
    32 KB chunks that Python unpacks one by one (15 % more time on a large image).
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._begun = False

    def readinto(self, buffer: memoryview, /) -> int:
        if not self._begun:
            self._head()
        # One call for the whole buffer: each return to Python may wait for a busy thread.
        return self._connection.recv_into(buffer, len(buffer), socket.MSG_WAITALL)

    def pieces(self) -> Generator[memoryview, None, None]:
        return ahead(self.readinto, self._stop)

    def _head(self) -> None:
        response = HTTPResponse(_Unbuffered(self._connection), method="GET")  # type: ignore[arg-type]
        try:
            response.begin()
        except HTTPException as error:
            raise EngineLost(
                "The engine's answer cannot be read.", facts=(plain(str(error)),)
            ) from error
        if response.status != 200:
            raise from_status(response.status, words_of(response.status, response.read()))
        self._begun = True

    def _stop(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


class _Unbuffered:
    """A socket for HTTPResponse, of which nothing is read that is not of the answer's head."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def makefile(self, mode: Literal["rb"]) -> Any:
        """As socket.makefile."""
        return self._connection.makefile(mode, buffering=0)


class _Pieces:
    """The SDK's stream (TCP, TLS, SSH, named pipes) as a Readable."""

    def __init__(self, engine: Engine, path: str) -> None:
        self._engine, self._path = engine, path
        self._response: Any = None

    def readinto(self, buffer: memoryview, /) -> int:
        if self._response is None:
            self._head()
        data = self._response.raw.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def pieces(self) -> Generator[memoryview, None, None]:
        buffer = memoryview(bytearray(BUFFER_BYTES))
        while length := self.readinto(buffer):
            yield buffer[:length]

    def _head(self) -> None:
        api: Any = self._engine.api
        # No time limit: the engine packs the whole image before its first byte.
        self._response = api.get(self._engine.url(self._path), stream=True, timeout=None)
        if self._response.status_code != 200:
            status = self._response.status_code
            raise from_status(status, words_of(status, self._response.content))

    def close(self) -> None:
        if self._response is not None:
            self._response.close()

"""Image archives from an engine: one pass over `GET /images/ID/get`, nothing kept but headers.

A source of layers is any function (engine, name) -> Iterator[LayersReading | ImageLayers] whose
last event is the ImageLayers; others (the engine's own records, a cache) can stand beside it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Any, Protocol
from urllib.parse import quote

from container_magics.core.imagearchive import ImageArchive
from container_magics.core.layers import ImageLayers, LayersReading
from container_magics.core.terminal import plain
from container_magics.engine.client import Engine, from_status, told, words_of
from container_magics.errors import EngineLost

BUFFER_BYTES = 1 << 20
REPORT_BYTES = 16 << 20


class Readable(Protocol):
    """A body of a response."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from its start; 0 at the end."""


def read_image(engine: Engine, image: str) -> Iterator[LayersReading | ImageLayers]:
    """The image's layers, oldest first; reports on the way, and the ImageLayers last.

    ``image`` is a name with or without tag, or an ID. Raises NotFound, EngineLost when the
    engine's stream ends early, BadArchive.
    """
    with told():
        facts = engine.api.inspect_image(image)
    total_bytes = facts.get("Size")
    yield LayersReading(0, total_bytes)
    archive = ImageArchive()
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
    """Read an archive of the engine into ``archive``; yields the bytes so far, now and then."""
    read_bytes = reported = 0
    buffer = memoryview(bytearray(BUFFER_BYTES))
    with told(), body(engine, path) as source:
        while length := source.readinto(buffer):
            archive.feed(buffer[:length])
            read_bytes += length
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
    """The body of `GET path`. Raises the errors of ``told``."""
    url = engine.endpoint.url
    if url.startswith("unix://"):
        with closing(_over_socket(url.removeprefix("unix://"), engine, path)) as response:
            yield response
    else:
        with closing(_over_sdk(engine, path)) as source:
            yield source


def _over_socket(socket_path: str, engine: Engine, path: str) -> HTTPResponse:
    """HTTP/1.0: the engine then sends the bytes as they are, where HTTP/1.1 would cut them into
    32 KB chunks that Python unpacks one by one (15 % more time on a large image)."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        connection.connect(socket_path)
        request = f"GET /v{engine.api.api_version}{path} HTTP/1.0\r\nHost: localhost\r\n\r\n"
        connection.sendall(request.encode("ascii"))
        response = HTTPResponse(connection, method="GET")  # keeps the connection while it reads
    try:
        response.begin()
    except HTTPException as error:
        raise EngineLost(
            "The engine's answer cannot be read.", facts=(plain(str(error)),)
        ) from error
    if response.status != 200:
        with closing(response):
            raise from_status(response.status, words_of(response.status, response.read()))
    return response


class _Pieces:
    """The SDK's stream (TCP, TLS, SSH, named pipes) as a Readable."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._raw = response.raw

    def readinto(self, buffer: memoryview, /) -> int:
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._response.close()


def _over_sdk(engine: Engine, path: str) -> _Pieces:
    api: Any = engine.api
    # No time limit: the engine packs the whole image before its first byte.
    response = api.get(f"{api.base_url}/v{api.api_version}{path}", stream=True, timeout=None)
    if response.status_code != 200:
        with closing(response):
            status = response.status_code
            raise from_status(status, words_of(status, response.content))
    return _Pieces(response)

"""Hijacked connections: what a container writes, frame by frame, and what it is fed.

The frame is Docker's own (Engine API, "Attach to a container"): eight bytes, of which the
first names the stream and the last four the length, big-endian. The docker SDK has a reader
of it too, but that one takes a stream that was cut for one that ended, and may lose what
came in one packet with the response's head.
"""

from __future__ import annotations

import io
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests

from container_magics.core.events import Output, Stream
from container_magics.engine.client import Engine, refusal, told
from container_magics.errors import EngineLost

HEADER_BYTES = 8
CHUNK_BYTES = 256 * 1024
STREAMS: dict[int, Stream] = {0: "stdout", 1: "stdout", 2: "stderr"}


def frames(reader: io.BufferedIOBase) -> Iterator[Output]:
    """The frames that ``reader`` gives, to its end. EngineLost when it ends inside a frame."""
    while header := _exactly(reader, HEADER_BYTES, at_start=True):
        stream = STREAMS.get(header[0], "stderr")
        left = int.from_bytes(header[4:], "big")
        while left:
            data = _exactly(reader, min(left, CHUNK_BYTES))
            left -= len(data)
            yield Output(stream, data)


def _exactly(reader: io.BufferedIOBase, size_bytes: int, *, at_start: bool = False) -> bytes:
    data = reader.read(size_bytes)
    if len(data) == size_bytes or (at_start and not data):
        return data
    raise EngineLost(
        "The connection to the engine broke in the middle of the output.",
        hint="What came before is above. Run the cell again.",
    )


class Hijacked:
    """One upgraded connection: read ``output()``, write with ``feed()``; close it in the end."""

    def __init__(self, response: requests.Response) -> None:
        raw: Any = response.raw
        self._response = response
        # the buffered reader, not the socket: it may hold bytes that came with the head
        self._reader: io.BufferedReader = raw._fp.fp  # noqa: SLF001 - nothing public leads there
        self._socket: socket.socket = raw.connection.sock
        self._socket.settimeout(None)
        self._feeder: threading.Thread | None = None

    def output(self) -> Iterator[Output]:
        """What the program writes, as it comes, until it ends. EngineLost when a frame is cut."""
        with told():
            yield from frames(self._reader)

    def receive(self) -> bytes:
        """What has come, waited for; b"" when nothing will."""
        return self._reader.read1(CHUNK_BYTES)

    def send(self, data: bytes) -> None:
        """Write ``data`` to the program's stdin, which stays open. OSError when nobody has it."""
        self._socket.sendall(data)

    def fileno(self) -> int:
        """The connection's own number, for ``select``."""
        return self._socket.fileno()

    @contextmanager
    def patience(self, limit_s: float) -> Iterator[None]:
        """While the block runs, a read that takes longer ends in EngineLost, and spoils the
        connection for reading."""
        self._socket.settimeout(limit_s)
        try:
            yield
        finally:
            self._socket.settimeout(None)

    def has_ended(self) -> bool:
        """Whether the other side has ended the connection, and nothing is left to be read."""
        readable, _, _ = select.select([self._socket], [], [], 0)
        with suppress(OSError, ValueError):  # ValueError: a TLS socket cannot be peeked at
            return bool(readable) and not self._socket.recv(1, socket.MSG_PEEK)
        return False

    def feed(self, data: bytes) -> None:
        """Write ``data`` to the program's stdin and then end it, beside the reading."""
        self._feeder = threading.Thread(target=self._feed, args=(data,), daemon=True)
        self._feeder.start()

    def _feed(self, data: bytes) -> None:
        # A program that ends before it has read everything closes the pipe: no error of ours.
        with suppress(OSError):
            self._socket.sendall(data)
            # not SSLSocket's: it forgets the keys, and what is read then is no text. It ends TCP's
            # half alone, for Python's ssl has no word for one direction of TLS; a server that is
            # strict about that (OpenSSL's) breaks the connection, which Go's should not
            socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def abandon(self) -> None:
        """Whoever reads comes to the end; may be called from any thread."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection and the feeding thread; what it serves in the container goes on.
        For the one who reads."""
        self.abandon()
        if self._feeder:
            self._feeder.join()
        self._response.close()

    def __enter__(self) -> Hijacked:
        """Close at the end of the block."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close, whatever happened."""
        self.close()


def hijack(engine: Engine, path: str, *, params: Any = None, json: Any = None) -> Hijacked:
    """POST to ``path`` ("/containers/ID/attach") and take the connection over."""
    url = engine.url(path)
    headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
    with told():
        # requests' own post: the SDK's drops bytes that follow the response's head at once
        response = requests.Session.post(
            engine.api,
            url,
            params=params,
            json=json,
            headers=headers,
            stream=True,
            timeout=engine.api.timeout,  # for the head; what follows has no limit
        )
        if response.status_code >= 400:
            raise refusal(response)
    return Hijacked(response)

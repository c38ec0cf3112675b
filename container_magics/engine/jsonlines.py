"""Answers that go on: JSON objects, one a line, as they come, until somebody ends it.

The docker SDK has a reader of these too, but that one takes a stream that was cut for one that
ended, and leaves the connection open when it is closed.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import requests

from container_magics.core.terminal import plain
from container_magics.engine.client import Engine, refusal, told
from container_magics.errors import EngineLost

CHUNK_BYTES = 64 * 1024
Message = dict[str, Any]


class Lines:
    """The objects of one answer, oldest first, to be iterated once, in one go or in several.

    It ends when the engine ends it, or after ``abandon``. EngineLost when it is cut.
    """

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        raw: Any = response.raw
        reader = raw._fp.fp  # noqa: SLF001 - nothing public leads to the socket
        self._socket: socket.socket | None = reader.raw._sock if reader else None  # noqa: SLF001
        if self._socket:
            self._socket.settimeout(None)
        self._abandoned = False
        self._found = self._read()

    def __iter__(self) -> Iterator[Message]:
        """What has not been read yet."""
        return self

    def __next__(self) -> Message:
        """The next object, as soon as it has come."""
        return next(self._found)

    def _read(self) -> Iterator[Message]:
        try:
            yield from self._parsed()
        except EngineLost:
            if not self._abandoned:
                raise

    def _parsed(self) -> Iterator[Message]:
        rest = b""
        with told():
            for piece in self._response.raw.stream(CHUNK_BYTES, decode_content=False):
                *lines, rest = (rest + piece).split(b"\n")
                for line in filter(bytes.strip, lines):
                    yield parse(line)
        if rest.strip():
            yield parse(rest)

    def fileno(self) -> int:
        """The connection's own number, for ``select``; -1 when it is closed."""
        return self._socket.fileno() if self._socket else -1

    def abandon(self) -> None:
        """Whoever reads comes to the end; may be called from any thread."""
        self._abandoned = True
        if self._socket:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Abandon it, and close the connection; for the one who reads."""
        self.abandon()
        self._response.close()


def parse(line: bytes) -> Message:
    """One object; EngineLost for what is none, for then a part is missing."""
    try:
        found: Message = json.loads(line)
    except ValueError as error:
        raise EngineLost(
            "The connection to the engine broke in the middle of an answer.",
            hint="See whether it still runs: `%engine`. Then run the cell again.",
            facts=(plain(line[:200].decode("utf-8", "replace")),),
        ) from error
    return found


def ask(
    engine: Engine,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    version: str = "",
) -> Lines:
    """Send a request whose answer goes on. ``timeout_s`` is for its beginning; None: no limit.
    ``version`` is the API's, "" for the one that we speak."""
    with told():
        response = requests.Session.request(
            engine.api,
            method,
            engine.url(path, version),
            params=params,
            # never back to the pool: abandon() would cut it for whoever has it by then
            headers={**(headers or {}), "Connection": "close"},
            stream=True,
            timeout=timeout_s,
        )
        if response.status_code >= 400:
            raise refusal(response)
    return Lines(response)

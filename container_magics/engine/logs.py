"""A container's log: what its program wrote, stdout and stderr in one stream and in order.

The body of the answer is a plain chunked one, not a hijacked connection, but with the same
frames (``streams.frames``); the log of a container with a terminal has none.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

import requests

from container_magics.core.events import Output
from container_magics.core.loglines import SECOND_NS, LogLine, stamped
from container_magics.core.rewriting import lines_of
from container_magics.core.terminal import plain
from container_magics.engine import run
from container_magics.engine.client import ANSWER_S, Engine, refusal, told
from container_magics.engine.streams import frames
from container_magics.errors import ContainerMagicsError, EngineLost, EngineRefused

NOT_IMPLEMENTED = 501


class LogStream:
    """A container's log as it comes: read it once, by ``output`` or ``lines``; close it in the
    end."""

    def __init__(
        self,
        engine: Engine,
        facts: Mapping[str, Any],
        *,
        follow: bool = False,
        stamps: bool = False,
        tail: int | None = None,
        since_ns: int = 0,
    ) -> None:
        """Open the log of the inspected container; with ``follow`` it goes on until the
        container ends. ``tail`` None is all lines; ``since_ns`` counts from the Unix epoch.
        EngineRefused where the container keeps no log."""
        self._tty = bool(facts["Config"]["Tty"])
        self._abandoned = False
        params = {
            "stdout": 1,
            "stderr": 1,
            "follow": int(follow),
            "timestamps": int(stamps),
            "tail": "all" if tail is None else tail,
            "since": f"{since_ns // SECOND_NS}.{since_ns % SECOND_NS:09d}",
        }
        self._response = opened(engine, f"/containers/{facts['Id']}/logs", params)
        raw: Any = self._response.raw
        reader = raw._fp.fp  # noqa: SLF001 - nothing public leads to the socket
        self._socket: socket.socket | None = reader.raw._sock if reader else None  # noqa: SLF001
        if follow and self._socket:
            self._socket.settimeout(None)  # a program may be silent as long as it likes

    def output(self) -> Iterator[Output]:
        """What was written. EngineLost when the stream is cut; ends after ``abandon``, too."""
        try:
            with told():
                if self._tty:
                    for data in self._response.iter_content(None):
                        yield Output("stdout", data)
                else:
                    yield from frames(io.BufferedReader(Body(self._response)))
        except EngineLost:
            if not self._abandoned:
                raise

    def lines(self) -> Iterator[LogLine]:
        """The lines of a log that was opened with ``stamps``, each with its stamp."""
        for output in self._in_lines() if self._tty else self.output():
            yield stamped(output)

    def _in_lines(self) -> Iterator[Output]:
        begun = b""
        for output in self.output():
            *lines, begun = (begun + output.data).split(b"\n")
            for line in lines:
                yield Output("stdout", line + b"\n")
        if begun and not self._abandoned:  # else it is a piece, perhaps of the stamp alone
            yield Output("stdout", begun)

    def abandon(self) -> None:
        """Whoever reads comes to the end; may be called from any thread."""
        self._abandoned = True
        if self._socket:
            with suppress(OSError):  # it was closed before
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Abandon it, and close the connection; for the one who reads, for a reader in another
        thread would lose the ground under its feet."""
        self.abandon()
        self._response.close()


class Body(io.RawIOBase):
    """The body of an answer as a file, so that exact numbers of bytes can be read from it."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__()
        self._chunks: Iterator[bytes] = response.iter_content(None)
        self._left = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As much as came at once; 0 at the end."""
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = chunk
        number = min(len(buffer), len(self._left))
        buffer[:number] = self._left[:number]
        self._left = self._left[number:]
        return number


def opened(engine: Engine, path: str, params: Mapping[str, Any]) -> requests.Response:
    """GET an answer that comes in pieces; the engine may be silent as long as for any answer of
    the SDK's, and counts as lost after that."""
    with told():
        response = requests.Session.get(
            engine.api,
            engine.url(path),
            params=dict(params),
            # never back to the pool: close() would cut it for whoever has it by then
            headers={"Connection": "close"},
            stream=True,
            timeout=(ANSWER_S, engine.api.timeout),
        )
    if response.status_code < 400:
        return response
    error = refusal(response)
    if response.status_code == NOT_IMPLEMENTED and isinstance(error, EngineRefused):
        error.hint = (
            "This container keeps no log: what it wrote went to the cell that ran it. "
            "One that is started with -d keeps one."
        )
    raise error


def logs(
    engine: Engine, name: str, *, tail: int | None = None, since_ns: int = 0
) -> Generator[Output, None, None]:
    """What a container has written so far, in the engine's order; the last ``tail`` lines of
    it, None for all. NotFound when there is none of that name."""
    facts = run.inspect(engine, name)
    with closing(LogStream(engine, facts, tail=tail, since_ns=since_ns)) as stream:
        yield from stream.output()


def last_lines(engine: Engine, name: str, number: int = 5) -> tuple[str, ...]:
    """The last lines of a container's log, for a fact under an error, without any control
    sequence; empty where none can be read."""
    written = bytearray()
    with suppress(ContainerMagicsError):
        for output in logs(engine, name, tail=number):
            written += output.data
    return tuple(plain(line) for line in lines_of(bytes(written))[-number:])

"""Logs of containers that grow in a page: a websocket for each, which never holds much.

Messages are JSON objects: {"text": …} is what was written, as text without control sequences;
"lost" in it says that something before it was left out, for the page was slower than the
program; {"error": …, "hint": …} why there is no log; {"over": true} that no more will come.
"""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tornado.websocket import WebSocketClosedError

from container_magics.core.terminal import TerminalText, plain
from container_magics.errors import ContainerMagicsError, UsageError
from container_magics.jupyter.serverengine import HeldEngine, checked, told
from container_magics.jupyter.serversocket import TellingSocket

if TYPE_CHECKING:
    from container_magics.engine.client import Engine
    from container_magics.engine.logs import LogStream

HELD_BYTES = 1_000_000
"""How much waits for a page; of more, the oldest is left out."""
LONGEST_TAIL = 10_000
GATHERED_S = 0.05
"""What is written within it goes in one message."""


def lines(text: str) -> int:
    """A number of lines; UsageError for anything else."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= LONGEST_TAIL):
        raise UsageError(f"tail is a number from 1 to {LONGEST_TAIL}.")
    return int(text)


class Held:
    """What was written and not yet sent; any thread may use it."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._lock = threading.Lock()
        self._data = bytearray()
        self._lost = False

    def add(self, data: bytes) -> None:
        """Keep it; of more than HELD_BYTES the last, from the beginning of a line."""
        with self._lock:
            self._data += data
            if len(self._data) > HELD_BYTES:
                del self._data[:-HELD_BYTES]
                del self._data[: self._data.find(b"\n") + 1]
                self._lost = True

    def take(self) -> tuple[bytes, bool]:
        """All of it, and whether something before it was left out."""
        with self._lock:
            taken = bytes(self._data), self._lost
            self._data.clear()
            self._lost = False
        return taken


class LogSocket(TellingSocket):
    """One page's look at one log."""

    def initialize(self, held: HeldEngine) -> None:
        """Take the engine that all handlers share."""
        self._engine = held
        self._stream: LogStream | None = None
        self._gone = False

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Send the last lines, as many as ``tail`` says (200), and then what is written."""
        super().open(*args, **kwargs)
        # A task: tornado hears that the page has gone only when this method has ended.
        self._task = asyncio.create_task(self._tell(str(args[0])))

    async def _tell(self, asked: str) -> None:
        try:
            name = checked(asked)
            tail = lines(self.get_query_argument("tail", "200"))
            self._stream = await asyncio.to_thread(self._opened, name, tail)
            await self._follow(self._stream)
        except Exception as error:  # any: else the page would wait for ever
            if not isinstance(error, ContainerMagicsError):
                self.log.exception("container-magics: a log has ended")
            why = told(error)
            await self._send({"error": why["message"], "hint": why["hint"]})
        self.close()

    def _opened(self, name: str, tail: int) -> LogStream:
        from container_magics.engine import run
        from container_magics.engine.logs import LogStream

        def opened(engine: Engine) -> LogStream:
            return LogStream(engine, run.inspect(engine, name), follow=True, tail=tail)

        return self._engine.ask(opened)

    async def _follow(self, stream: LogStream) -> None:
        """Until the container ends, or the page has gone."""
        if self._gone:  # while the log was opened
            stream.close()
            return
        waiting, text = Held(), TerminalText()
        reading = reader(stream, waiting)
        over = False
        while not (over or self._gone):
            await asyncio.wait([reading], timeout=GATHERED_S)  # which cancels nothing
            over = reading.done()
            data, lost = waiting.take()
            if shown := plain(text.feed(data, final=over)):
                await self._send({"text": shown, "lost": lost})
        await reading  # raises what ended it
        await self._send({"over": True})

    async def _send(self, message: dict[str, Any]) -> None:
        """Send it, and wait until it has gone: a slow page slows its log, and holds nothing up."""
        with suppress(WebSocketClosedError):
            await self.write_message(json.dumps(message))

    def on_close(self) -> None:
        """The page is gone: the stream's reader comes to its end."""
        self._gone = True
        if self._stream is not None:
            self._stream.abandon()
        super().on_close()


def reader(stream: LogStream, waiting: Held) -> asyncio.Future[None]:
    """Keep what is written until it ends; done then, with the error that ended it.

    In a thread of its own: those of the event loop are few, and a log may be open all day.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        error: Exception | None = None
        try:
            for output in stream.output():
                waiting.add(output.data)
        except Exception as lost:  # noqa: BLE001 - it is raised where the end is waited for
            error = lost
        finally:
            stream.close()
        with suppress(RuntimeError):  # the loop is closed: the server ends
            loop.call_soon_threadsafe(finish, error)

    def finish(error: Exception | None) -> None:
        if not done.cancelled():
            done.set_exception(error) if error else done.set_result(None)

    threading.Thread(target=read, daemon=True, name="container-magics log").start()
    return done

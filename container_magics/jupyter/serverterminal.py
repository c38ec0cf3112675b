"""Terminals in containers for JupyterLab's own terminal widget.

The widget's connection lists terminals at api/terminals, and talks on a websocket in terminado's
JSON: ["stdin", text] and ["set_size", rows, columns, ...] come, ["setup", {}], ["stdout", text] and
["disconnect", 1] go. Every websocket has a shell of its own, which ends with it; so the list has
the containers in which one can be opened: those that run.
"""

from __future__ import annotations

import asyncio
import atexit
import codecs
import json
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from container_magics.errors import ContainerMagicsError
from container_magics.jupyter.serverengine import Entry, HeldEngine, checked
from container_magics.jupyter.serversocket import RESOURCE

if TYPE_CHECKING:
    from container_magics.engine.client import Engine
    from container_magics.engine.shells import Shell

Method = Callable[..., Coroutine[Any, Any, None]]
may_execute: Callable[[Method], Method] = authorized(action="execute")
"""Typed in jupyter_server as what it decorates, not as the decorator."""
SIZES = range(1, 1001)
"""Rows and columns that a page may ask for."""


class Shells:
    """The shells that pages have open; those that are left are ended with the server."""

    def __init__(self) -> None:
        """None yet."""
        self._open: set[Shell] = set()
        self._lock = threading.Lock()
        atexit.register(self.end)

    def add(self, shell: Shell) -> None:
        """One has been opened."""
        with self._lock:
            self._open.add(shell)

    def end_one(self, shell: Shell) -> None:
        """End it, and all that was started in it."""
        with self._lock:
            was_open = shell in self._open
            self._open.discard(shell)
        if was_open:
            shell.end()

    def end(self) -> None:
        """End all."""
        for shell in tuple(self._open):
            self.end_one(shell)


def running(engine: Engine) -> list[Entry]:
    """What JupyterLab's connection takes for terminals: a page names containers by ID."""
    from container_magics.engine import run

    return [{"name": each["Id"]} for each in run.containers(engine, everything=False)]


class TerminalSocket(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One tab's websocket, and its shell."""

    auth_resource = RESOURCE

    def initialize(self, held: HeldEngine, shells: Shells) -> None:
        """Take what all tabs share."""
        self._held, self._shells = held, shells
        self._shell: Shell | None = None
        self._size = (24, 80)
        self._gone = False

    @ws_authenticated
    @may_execute
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Upgrade the connection, once it is known whose it is."""
        await super().get(*args, **kwargs)

    async def open(self, *args: Any, **kwargs: Any) -> None:
        """Start the shell, and tell the page that it may type."""
        super().open(*args, **kwargs)
        try:
            name = checked(str(args[0]))
            shell = await asyncio.to_thread(self._start, name)
        except ContainerMagicsError as error:
            await self._refused(error)
            return
        self._shell = shell
        if self._gone:  # the tab was closed while the shell started
            await asyncio.to_thread(self._shells.end_one, shell)
            return
        await self._send(["setup", {}])
        loop = asyncio.get_running_loop()
        threading.Thread(
            target=self._listen, args=(shell, loop), daemon=True, name="container-magics terminal"
        ).start()

    def _start(self, name: str) -> Shell:
        from container_magics.engine.shells import Shell

        rows, columns = self._size
        shell = self._held.ask(lambda engine: Shell(engine, name, rows=rows, columns=columns))
        self._shells.add(shell)
        return shell

    async def _refused(self, error: ContainerMagicsError) -> None:
        await self._send(["setup", {}])
        await self._send(["stdout", "\r\n".join([str(error), error.hint, ""])])
        await self._send(["disconnect", 1])
        self.close()

    def _listen(self, shell: Shell, loop: asyncio.AbstractEventLoop) -> None:
        """Send on what the shell writes, each piece when the last has gone; in a thread."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with suppress(RuntimeError, WebSocketClosedError):  # the loop, or the page, is closed
            while data := shell.receive():
                if text := decoder.decode(data):
                    asyncio.run_coroutine_threadsafe(self._send(["stdout", text]), loop).result()
        self._shells.end_one(shell)
        shell.close()
        with suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(self._over(), loop).result()

    async def _over(self) -> None:
        await self._send(["disconnect", 1])
        self.close()

    async def _send(self, message: list[Any]) -> None:
        with suppress(WebSocketClosedError):
            await self.write_message(json.dumps(message))

    async def on_message(self, message: str | bytes) -> None:
        """What a page types, or the size of its terminal; anything else is ignored."""
        try:
            kind, *rest = json.loads(message)
        except (ValueError, TypeError):
            return
        if kind == "stdin" and rest and isinstance(rest[0], str) and self._shell:
            await asyncio.to_thread(self._shell.type, rest[0].encode("utf-8", "replace"))
        elif kind == "set_size" and len(rest) >= 2 and all(_is_size(each) for each in rest[:2]):
            self._size = (rest[0], rest[1])
            if self._shell:
                await asyncio.to_thread(self._shell.resize, *self._size)

    def on_close(self) -> None:
        """The tab is gone: so is its shell."""
        self._gone = True
        if self._shell is not None:
            asyncio.get_running_loop().run_in_executor(None, self._shells.end_one, self._shell)
        super().on_close()


def _is_size(value: object) -> bool:
    return type(value) is int and value in SIZES

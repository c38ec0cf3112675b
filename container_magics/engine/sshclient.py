"""An SSH login over asyncssh, driven from ordinary code: its event loop runs in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from signal import Signals
from typing import Any, TypeVar

import asyncssh

from container_magics.core.events import Exited, Output, Stream
from container_magics.core.pauses import pauses
from container_magics.core.terminal import plain
from container_magics.engine.keys import Address
from container_magics.errors import SshFailed

T = TypeVar("T")
CHUNK_BYTES = 64 * 1024
MOST_WAITING = 64
FIRST_LOOK_S, LOOK_S = 0.25, 1.0
KEEPALIVE_S = 10.0  # three go unanswered: a gate does not say that a box behind it has gone
CONNECT_S = 10.0  # on a busy machine a lost packet is sent again after 1, 3 and 7 seconds
SILENT_S = 15.0
"""Who says nothing at all for CONNECT_S is asked once more: a busy machine loses more than one."""
CLOSE_S = 2.0


class Remote:
    """A program that runs on the other side."""

    def __init__(self, login: Login, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._login = login
        self._process = process
        # a queue of the loop's own: a thread that waits to put would outlive us, and block exit
        self._waiting: asyncio.Queue[Output | None] = asyncio.Queue(MOST_WAITING)
        login.spawn(self._read_all())

    async def _read_all(self) -> None:
        await asyncio.gather(
            self._read("stdout", self._process.stdout), self._read("stderr", self._process.stderr)
        )
        await self._waiting.put(None)

    async def _read(self, stream: Stream, reader: asyncssh.SSHReader[bytes]) -> None:
        # a broken connection ends the output; exited() says how it ended
        with suppress(asyncssh.Error, OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._waiting.put(Output(stream, data))

    def output(self) -> Iterator[Output]:
        """What the program writes, as it comes, until it ends."""
        while (event := self._login.call(self._waiting.get())) is not None:
            yield event

    def feed(self, data: bytes) -> None:
        """Write ``data`` to the program's stdin and end it; b"" only ends it."""
        self._login.call(self._feed(data))

    async def _feed(self, data: bytes) -> None:
        # a program that has ended already reads nothing: no error of ours
        with suppress(asyncssh.Error, OSError):
            self._process.stdin.write(data)
            self._process.stdin.write_eof()

    def signal(self, name: str) -> None:
        """Send a signal (RFC 4254, 6.9); with KILL the channel is closed too."""
        self._login.call(self._signal(name))

    async def _signal(self, name: str) -> None:
        with suppress(asyncssh.Error, OSError):
            self._process.send_signal(name)
            if name == "KILL":
                self._process.close()

    def abandon(self) -> None:
        """Break the connection; whoever reads comes to the end."""
        self._login.abort()

    def exited(self) -> Exited:
        """How the program ended. SshFailed when the connection broke instead."""
        self._login.call(self._process.wait_closed())
        if self._process.exit_signal:
            return Exited(128 + getattr(Signals, f"SIG{self._process.exit_signal[0]}", 0))
        if self._process.exit_status is None:
            raise SshFailed(
                "The connection to the box broke before the program ended.",
                hint="See whether the box still runs: `%containers`.",
            )
        return Exited(self._process.exit_status)


class Login:
    """One SSH connection with its thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._tunnel: asyncssh.SSHClientConnection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the loop's thread, and wait for it."""
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return done.result()
        except BaseException:
            done.cancel()  # an interrupt: nobody waits for it any more
            raise

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something in the loop's thread."""
        self.call(self._spawn(work))

    async def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def connect(self, address: Address) -> None:
        """Log in. SshFailed when the box refuses or is not who it was; OSError or
        asyncssh.ConnectionLost while nobody answers yet."""
        self._connection = self.call(self._connect(address, answered(first_of(address))))

    async def _connect(
        self, address: Address, answering: socket.socket
    ) -> asyncssh.SSHClientConnection:
        tunnel = await self._connect(address.via, answering) if address.via else ()
        if tunnel:
            self._tunnel = tunnel
        try:
            return await asyncssh.connect(
                address.host,
                address.port,
                tunnel=tunnel,
                sock=None if tunnel else answering,
                username=address.user,
                client_keys=[str(address.key)],
                known_hosts=str(address.known_hosts),
                host_key_alias=address.box,
                config=None,
                agent_path=None,
                connect_timeout=CONNECT_S,
                keepalive_interval=KEEPALIVE_S if tunnel else 0,
            )
        except BaseException:
            if tunnel:
                tunnel.abort()  # else each try would leave a login on the way
            raise

    def start(self, command: str) -> Remote:
        """Give ``command`` to the user's login shell on the other side. SshFailed when the
        connection broke."""
        if self._connection is None:
            raise SshFailed("There is no login yet.")
        try:
            return Remote(self, self.call(self._start(self._connection, command)))
        except (OSError, asyncssh.Error) as error:
            raise SshFailed(
                "The connection to the box broke before the program began.",
                hint="See whether the box still runs: `%sshbox list`.",
                facts=(plain(str(error)),),
            ) from error

    @staticmethod
    async def _start(
        connection: asyncssh.SSHClientConnection, command: str
    ) -> asyncssh.SSHClientProcess[bytes]:
        return await connection.create_process(command, encoding=None)

    @property
    def lives(self) -> bool:
        """Whether the connection is there, as far as is known here."""
        return self._connection is not None and not self._connection.is_closed()

    def end_after(self, seconds: float | None) -> None:
        """Break the connection so much later, unless this is called again; None: never."""
        self.call(self._end_after(seconds))

    async def _end_after(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and self._connection is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._break)

    def _break(self) -> None:
        for connection in (self._connection, self._tunnel):
            if connection is not None:
                connection.abort()

    def abort(self) -> None:
        """Break the connection at once; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._break)

    def close(self) -> None:
        """Log out and end the thread, whatever still runs or waits to be read."""
        try:
            self.call(self._end())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _end(self) -> None:
        for connection in (self._connection, self._tunnel):
            if connection is not None:
                connection.abort()
                with suppress(asyncssh.Error, OSError, TimeoutError):
                    await asyncio.wait_for(connection.wait_closed(), CLOSE_S)
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        for task in waiting:
            task.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), CLOSE_S)
        await asyncio.get_running_loop().shutdown_default_executor()  # asyncssh uses its threads


def first_of(address: Address) -> Address:
    """The box that this machine reaches itself on the way to ``address``."""
    return first_of(address.via) if address.via else address


def answered(address: Address) -> socket.socket:
    """A connection on which sshd has begun to speak; OSError while none does.

    An engine's proxy takes connections before sshd is there, and to try a whole login each time
    would cost more than sshd's own start.
    """
    connection = socket.create_connection((address.host, address.port), CONNECT_S)
    try:
        begun = connection.recv(1, socket.MSG_PEEK)
        connection.setblocking(False)
    except BaseException:
        connection.close()
        raise
    if begun:
        return connection
    connection.close()
    raise ConnectionResetError("nobody answers there yet")


def nothing() -> None:
    """What is done meanwhile, where nothing is."""


@contextmanager
def login(
    address: Address, *, patience_s: float = 0.0, meanwhile: Callable[[], None] = nothing
) -> Iterator[Login]:
    """A login, closed at the end of the block; nobody answering is borne for ``patience_s``.
    ``meanwhile`` is called now and then, and what it raises comes out."""
    made = Login()
    try:
        connect_patiently(made, address, time.monotonic() + patience_s, meanwhile)
        yield made
    finally:
        made.close()


def connect_patiently(
    made: Login, address: Address, deadline_s: float, meanwhile: Callable[[], None] = nothing
) -> None:
    """Try until the deadline; SshFailed says what was wrong in the end. As for ``login``."""
    look_s, silent_s = time.monotonic() + FIRST_LOOK_S, time.monotonic() + SILENT_S
    for pause_s in pauses():
        try:
            made.connect(address)
        except asyncssh.PermissionDenied as refused:
            raise SshFailed(
                f"{address.box} does not accept your key.",
                hint=f"`%sshbox reset {address.box}` puts the key back.",
            ) from refused
        except asyncssh.HostKeyNotVerifiable as stranger:
            raise SshFailed(
                f"{address.box} shows another host key than before.",
                hint=f"`%sshbox reset {address.box}` puts its own key back.",
            ) from stranger
        except (OSError, asyncssh.Error) as nobody:
            silent = isinstance(nobody, TimeoutError)
            if time.monotonic() > (max(deadline_s, silent_s) if silent else deadline_s):
                raise SshFailed(
                    f"No sshd answers at {address.host}:{address.port}.",
                    hint=f"See its log: `%container logs {address.box}`.",
                    facts=(plain(str(nobody)) or f"no answer within {CONNECT_S:g} s",),
                ) from nobody
            if time.monotonic() > look_s:
                meanwhile()
                look_s = time.monotonic() + LOOK_S
            time.sleep(pause_s)
        else:
            return

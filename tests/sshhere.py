"""An sshd in this process, for what a student's box may do to those who look into it: a login runs
bash of this machine, with a home of the test's own, and reads its ~/.bashrc as Debian's does."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from container_magics.engine.keys import Address, made, public_key, written

CHUNK_BYTES = 4096
END_S = 5.0


@dataclass
class SshHere:
    """``cut_at`` breaks the connection after so many bytes of a command's output."""

    home: Path
    address: Address
    cut_at: int | None = None


@contextmanager
def ssh_here(folder: Path) -> Iterator[SshHere]:
    """Listen on a free port of 127.0.0.1 until the block ends."""
    home = folder / "home"
    home.mkdir()
    (home / ".bashrc").touch()
    host, user = made(folder / "host", "host"), made(folder / "user", "user")
    known, authorized = folder / "known_hosts", folder / "authorized_keys"
    written(authorized, public_key(user), 0o600)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    here = SshHere(home, Address("box", "127.0.0.1", 0, "student", user, known, folder / "config"))

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[str(host)], authorized_client_keys=str(authorized),
            process_factory=lambda process: answer(here, process), encoding=None,
        )  # fmt: skip

    listener = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    words = public_key(host).decode().split()[:2]
    written(known, f"box {' '.join(words)}\n".encode(), 0o600)
    here.address = Address(
        "box", "127.0.0.1", listener.get_port(), "student", user, known, folder / "config"
    )
    try:
        yield here
    finally:
        asyncio.run_coroutine_threadsafe(ended(listener), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def ended(listener: asyncssh.SSHAcceptor) -> None:
    """Take nobody any more, and end what still runs; a login whose other end is gone may not."""
    listener.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=END_S)


async def answer(here: SshHere, process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run one command."""
    rc = str(here.home / ".bashrc")
    child = await asyncio.create_subprocess_exec(
        "bash", "-c", process.command or "", cwd=here.home, start_new_session=True,
        env={"PATH": os.environ["PATH"], "HOME": str(here.home), "BASH_ENV": rc},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        await asyncio.gather(
            feed(process, child), carry(here, child.stdout, process.stdout, process),
            carry(here, child.stderr, process.stderr, process),
        )  # fmt: skip
        process.exit(await child.wait())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, 9)
        await child.wait()


async def feed(
    process: asyncssh.SSHServerProcess[bytes], child: asyncio.subprocess.Process
) -> None:
    """The login's stdin to the command."""
    assert child.stdin
    with suppress(OSError, asyncssh.Error):
        while data := await process.stdin.read(CHUNK_BYTES):
            child.stdin.write(data)
    child.stdin.close()


async def carry(
    here: SshHere,
    source: asyncio.StreamReader | None,
    target: asyncssh.SSHWriter[bytes],
    process: asyncssh.SSHServerProcess[bytes],
) -> None:
    """What a command says, to the login; up to where the connection is to break."""
    assert source
    sent = 0
    with suppress(OSError, asyncssh.Error):
        while data := await source.read(CHUNK_BYTES):
            left = len(data) if here.cut_at is None else here.cut_at - sent
            target.write(data[:left])
            sent += len(data)
            await target.drain()
            if left <= len(data) and here.cut_at is not None:
                process.channel.get_connection().disconnect(asyncssh.DISC_BY_APPLICATION, "cut")
                return

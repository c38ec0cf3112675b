"""A way into another network namespace: a port of this machine that leads to one in there.

    python -m container_magics.engine.nsdoor PID PORT

listens on a free port of 127.0.0.1, says which as one line, and takes whoever comes there to
127.0.0.1:PORT of the network in which process PID is. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from container_magics.errors import EngineError

CHUNK_BYTES = 65536
LOOPBACK = "127.0.0.1"
CLONE_NEWNET = 0x40000000


@contextmanager
def way_in(pid: int, port: int) -> Iterator[int]:
    """The port of this machine, while the block lasts."""
    process = begun(pid, port)
    try:
        yield port_of(process)
    finally:
        ended(process)


def begun(pid: int, port: int) -> subprocess.Popen[bytes]:
    """Start the process; it ends with us."""
    return subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", __name__, str(pid), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def port_of(process: subprocess.Popen[bytes]) -> int:
    """Where it listens."""
    return int(process.stdout.readline() if process.stdout else b"")


def ended(process: subprocess.Popen[bytes]) -> None:
    """End it."""
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    process.wait()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that comes, and its end: also where that is a broken connection."""
    with suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()


async def serve(pid: int, port: int) -> None:
    """Listen here, go over there, and carry until stdin ends."""
    inside = set[object]()  # asyncio itself holds no task, and one that is let go of is destroyed

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside.add(task := asyncio.current_task())
        with suppress(OSError):
            there = await asyncio.open_connection(LOOPBACK, port)
            await asyncio.gather(_carry(reader, there[1]), _carry(there[0], writer))
            there[1].close()
        writer.close()
        inside.discard(task)

    # a socket stays in the network in which it was made
    server = await asyncio.start_server(visit, LOOPBACK, 0)
    enter(pid)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    os._exit(0)  # whoever is still inside is put out


def enter(pid: int) -> None:
    """Put this process into another's network (setns(2)); EngineError."""
    with open(f"/proc/{pid}/ns/net", "rb") as there:  # noqa: PTH123 - a descriptor is wanted
        if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET):
            raise EngineError(f"setns: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))

"""A small process that removes a container when the process that it belongs to has died.

SIGKILL cannot be caught, and closes every pipe: this reads from one, in a session of its own, and
removes the container, and the folder of its sockets, when the pipe ends without a word before. Run
as ``python -m container_magics.engine.guard NAME [FOLDER]``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

RELEASED = b"done"
WAIT_S = 5.0
TRIES_S = (0.0, 1.0, 3.0)
"""When it looks: the engine may still be making what its owner had asked for."""


class Guard:
    """Watches over the container of a name that is not used yet; ``release`` it in the end."""

    def __init__(self, name: str, *folders: Path) -> None:
        """Start to watch; ``folders`` are removed with the container."""
        self._process = subprocess.Popen(  # noqa: S603 - our own words, no shell
            [sys.executable, "-m", "container_magics.engine.guard", name, *map(str, folders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what is sent to its owner's group does not reach it
        )

    def release(self) -> None:
        """The container is gone; so goes the guard. Nothing happens the second time."""
        if self._process.stdin and not self._process.stdin.closed:
            with suppress(OSError):  # it was killed
                self._process.stdin.write(RELEASED)
                self._process.stdin.close()
        try:
            self._process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def watch(name: str, *folders: str) -> None:
    """Wait for the owner's last word; remove the container, and the folders, where none came."""
    if sys.stdin.buffer.read() == RELEASED:
        return
    # imported now, for a guard lives long, and most never need it
    from container_magics.engine import run
    from container_magics.engine.client import connect
    from container_magics.errors import ContainerMagicsError

    for pause_s in TRIES_S:
        time.sleep(pause_s)
        with suppress(ContainerMagicsError):
            engine = connect()
            try:
                run.remove(engine, name)
            finally:
                engine.close()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    watch(*sys.argv[1:])

"""A whole program, from its start to its end or to its first screen: its time, and the greatest
memory that it had until then."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOOK_S = 0.01
PEAK = re.compile(r"VmHWM:\s*(\d+) kB")
CONTROLS = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")
SCREEN_LINES, SCREEN_COLUMNS = 50, 160
SCREEN_S = 300.0  # after which there is no screen to come
DIVES_SCREEN = b"Current Layer Contents"  # the title over the tree, which is drawn last

# %layers without a notebook: the layers through the archive, and the view as text.
LAYERS = """
import sys
from container_magics.engine.client import connect
from container_magics.engine.layersources import Sources
from container_magics.jupyter.collecting import uncollected
from container_magics.session.layers import explore
from container_magics.view.plain import plain
from container_magics.view.present import layers as present
@uncollected
def look():
    *_, last = explore(connect(), sys.argv[1], sources=Sources(records=False))
    print(plain(present.layers(last.tree, sys.argv[1])))
look()
"""


def whole(url: str, *command: str) -> tuple[float, int]:
    """Seconds and bytes of a program on the engine at ``url``; what it writes is thrown away.

    The memory is looked up while it runs: what the system tells at its end (ru_maxrss) counts
    that of the process that started it.
    """
    where, nowhere, peak_bytes = {**os.environ, "DOCKER_HOST": url}, subprocess.DEVNULL, 0
    start = time.perf_counter()
    with subprocess.Popen(
        command, env=where, stdin=nowhere, stdout=nowhere, stderr=nowhere
    ) as running:
        status = Path(f"/proc/{running.pid}/status")
        while running.poll() is None:
            with suppress(OSError):
                found = PEAK.search(status.read_text())
                peak_bytes = int(found[1]) * 1024 if found else peak_bytes
            time.sleep(LOOK_S)
    taken = time.perf_counter() - start
    if running.returncode:
        raise RuntimeError(f"{command[0]} ended with status {running.returncode}")
    return taken, peak_bytes


def to_screen(url: str, awaited: bytes, *command: str) -> tuple[float, int]:
    """Seconds and bytes of a program on the engine at ``url`` until its screen has the text
    ``awaited``; then it is ended. It has a terminal of its own. Raises RuntimeError without it."""
    start, drawn = time.perf_counter(), b""
    with _on_terminal({**os.environ, "DOCKER_HOST": url, "TERM": "xterm"}, command) as (pid, fd):
        while awaited not in CONTROLS.sub(b"", drawn):
            left_s = start + SCREEN_S - time.perf_counter()
            if not select.select([fd], [], [], max(left_s, 0))[0]:
                raise RuntimeError(f"{command[0]} drew no screen in {SCREEN_S:.0f} s")
            try:
                drawn += os.read(fd, 1 << 16)
            except OSError:  # how a terminal says that nobody is there any more
                raise RuntimeError(f"{command[0]} ended without a screen") from None
        taken = time.perf_counter() - start
        found = PEAK.search(Path(f"/proc/{pid}/status").read_text())
        return taken, int(found[1]) * 1024 if found else 0


@contextmanager
def _on_terminal(environ: dict[str, str], command: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """A program with a new terminal: its process, and our end of it. Gone after the block."""
    pid, fd = pty.fork()
    if not pid:
        with suppress(OSError):
            os.execve(command[0], command, environ)
        os._exit(127)
    try:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("4H", SCREEN_LINES, SCREEN_COLUMNS, 0, 0))
        yield pid, fd
    finally:
        os.kill(pid, signal.SIGKILL)  # our own child, not yet waited for
        os.waitpid(pid, 0)
        os.close(fd)


def dive(url: str, image: str) -> tuple[float, int]:
    """The image by dive, without a screen: it ends before it stacks its trees."""
    return whole(url, _dive(), image, "--json", os.devnull)


def dive_to_screen(url: str, image: str) -> tuple[float, int]:
    """The image by dive, as its user waits for it: to the first screen."""
    return to_screen(url, DIVES_SCREEN, _dive(), image)


def dives_numbers(url: str, image: str) -> tuple[float, int]:
    """The score that dive itself gives the image, and the bytes that it calls inefficient."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        path = Path(folder) / "dive.json"
        whole(url, _dive(), image, "--json", str(path))
        told = json.loads(path.read_text())["image"]
    return float(told["efficiencyScore"]), int(told["inefficientBytes"])


def _dive() -> str:
    found = shutil.which("dive", path=Path(sys.executable).parent)
    if found is None:
        raise RuntimeError("There is no dive to compare with: pip install '.[bench]'.")
    return found


def layers(url: str, image: str) -> tuple[float, int]:
    """The image by us, without a notebook."""
    return whole(url, sys.executable, "-c", LAYERS, image)

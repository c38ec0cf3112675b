"""A whole program, from its start to its end: its time, and the greatest memory that it had."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

LOOK_S = 0.01
PEAK = re.compile(r"VmHWM:\s*(\d+) kB")

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


def dive(url: str, image: str) -> tuple[float, int]:
    """The image by dive, without a screen."""
    found = shutil.which("dive", path=Path(sys.executable).parent)
    if found is None:
        raise RuntimeError("There is no dive to compare with: pip install '.[bench]'.")
    return whole(url, found, image, "--json", os.devnull)


def layers(url: str, image: str) -> tuple[float, int]:
    """The image by us, without a notebook."""
    return whole(url, sys.executable, "-c", LAYERS, image)

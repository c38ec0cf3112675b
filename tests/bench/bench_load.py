"""%load_ext container_magics, against IPython alone; and our kernel against ipykernel's own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

from container_magics.engine.client import Engine
from tests.bench.kernel import OURS, environment, kernel
from tests.bench.turns import Row, difference, in_turns

LOAD = "%load_ext container_magics"
AT_MOST_S = 0.150


def rows(engine: Engine, repeats: int) -> list[Row]:
    """Fresh processes: IPython from its start to its end, kernels until they are ready."""
    url = engine.endpoint.url
    shells = in_turns(
        {"bare": lambda: ipython("pass", url), "loaded": lambda: ipython(LOAD, url)}, repeats
    )
    kernels = in_turns(
        {"bare": lambda: ready("python3", url), "ours": lambda: ready(OURS, url)}, repeats
    )
    return [
        difference(
            f"`ipython -c '{LOAD}'`", shells["loaded"], "`ipython -c pass`", shells["bare"],
            AT_MOST_S,
        ),
        difference(
            "kernel Python (containers), until ready", kernels["ours"],
            "kernel Python 3", kernels["bare"],
        ),
    ]  # fmt: skip


def ipython(code: str, docker_host: str) -> float:
    """Seconds of a whole IPython that runs ``code``, with a profile folder that is new."""
    with tempfile.TemporaryDirectory() as profile:
        where = {**environment(docker_host), "IPYTHONDIR": profile}
        command = [sys.executable, "-m", "IPython", "-c", code]
        start = time.perf_counter()
        subprocess.run(command, check=True, env=where, capture_output=True)
        return time.perf_counter() - start


def ready(name: str, docker_host: str) -> float:
    """Seconds until a new kernel answers; it is ended afterwards."""
    with kernel(name, docker_host) as started:
        return started.ready_s

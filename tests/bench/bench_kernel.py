"""The kernels: a cell's round trip, the start, and 100 MB of output."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from tests.bench import dockercommand
from tests.bench.kernel import Kernel, kernel
from tests.bench.turns import Row, difference, in_turns, quotient, within
from tests.kernelimage import COURSE_KERNEL, install_course_kernel

SHELL, LOCAL, PROVISIONED, BASH_KERNEL = (
    "container",
    "python3",
    f"{COURSE_KERNEL}-python3",
    "bench-bash",
)
CELLS = 20
"""A sample of a round trip is the mean of so many: one alone is shorter than a clock's noise."""
SIZE_BYTES = 100_000_000
LINES = f"yes 'a line of output, as programs write them' | head -c {SIZE_BYTES}"
READY_S, MORE_S = 1.0, 1.0
HALF = 2.0
"""Half of the throughput is twice the time."""


def rows(engine: Engine, repeats: int) -> list[Row]:
    """Against ipykernel, bash_kernel and the docker command, in one run."""
    with kernelspecs(engine):
        return [
            *round_trips(engine, repeats),
            *starts(engine, max(2, repeats // 2)),
            *floods(engine, max(2, repeats // 4)),
        ]


@contextmanager
def kernelspecs(engine: Engine) -> Iterator[None]:
    """While the block runs, Jupyter knows a kernel of an image, and bash_kernel."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        install_course_kernel(engine, Path(folder))
        place = Path(folder) / "share" / "jupyter" / "kernels" / BASH_KERNEL
        place.mkdir(parents=True)
        argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": BASH_KERNEL, "language": "bash"}
        (place / "kernel.json").write_text(json.dumps(spec))
        yield


def round_trips(engine: Engine, repeats: int) -> list[Row]:
    """From sending a cell to the idle status, each kernel with the cell that does nothing."""
    cells = {SHELL: "true", LOCAL: "pass", PROVISIONED: "pass", BASH_KERNEL: "true"}
    with ExitStack() as opened:
        there = {name: opened.enter_context(kernel(name, engine.endpoint.url)) for name in cells}
        found = in_turns(
            {name: lambda name=name: mean(there[name], cells[name]) for name in cells}, repeats
        )
    return [
        quotient(
            "container kernel, cell `true`", found[SHELL],
            "ipykernel, cell `pass`", found[LOCAL], 1.5,
        ),
        quotient(
            "container kernel, cell `true`", found[SHELL],
            "bash_kernel, cell `true`", found[BASH_KERNEL], 0.2,
        ),
        quotient(
            "ipykernel of an image, cell `pass`", found[PROVISIONED],
            "ipykernel here, cell `pass`", found[LOCAL], 1.5,
        ),
    ]  # fmt: skip


def mean(there: Kernel, cell: str) -> float:
    """Seconds of one of ``CELLS`` cells."""
    return sum(there.run(cell) for _ in range(CELLS)) / CELLS


def starts(engine: Engine, repeats: int) -> list[Row]:
    """From the start of the process until it has answered, and until a first cell is done."""
    found = in_turns(
        {
            "shell": lambda: first_cell(engine, SHELL, "true"),
            "local": lambda: first_cell(engine, LOCAL, "pass"),
            "provisioned": lambda: first_cell(engine, PROVISIONED, "pass"),
        },
        repeats,
    )
    return [
        within(
            "container kernel, from its start to the end of a first cell", found["shell"],
            "ipykernel here", found["local"], READY_S,
        ),
        difference(
            "ipykernel of an image, from its start to the end of a first cell",
            found["provisioned"], "ipykernel here", found["local"], MORE_S,
        ),
    ]  # fmt: skip


def first_cell(engine: Engine, name: str, cell: str) -> float:
    """Seconds until a new kernel has run a cell."""
    start = time.perf_counter()
    with kernel(name, engine.endpoint.url) as cells:
        cells.run(cell)
        return time.perf_counter() - start


def floods(engine: Engine, repeats: int) -> list[Row]:
    """100 MB of lines through a cell, against the docker command in the same kind of container."""
    name, _, value = dockercommand.LABEL.partition("=")
    made = engine.api.create_container(BASE, ["sleep", "infinity"], labels={name: value})
    container: str = made["Id"]
    engine.api.start(container)
    with kernel(SHELL, engine.endpoint.url) as cells:
        found = in_turns(
            {
                "ours": lambda: cells.run(LINES),
                "pipe": lambda: to_file(engine, container),
                "terminal": lambda: to_file(engine, container, "-t"),
            },
            repeats,
        )
        cells.run("true")
    return [
        quotient(
            "container kernel, 100 MB of lines from a cell", found["ours"],
            "`docker exec … > file`, by a pipe", found["pipe"],
        ),
        quotient(
            "container kernel, 100 MB of lines from a cell", found["ours"],
            "`docker exec -t … > file`, by a terminal too", found["terminal"], HALF,
        ),
    ]  # fmt: skip


def to_file(engine: Engine, container: str, *flags: str) -> float:
    """Seconds of the docker command, its output to a file."""
    with tempfile.TemporaryFile() as out:
        words = ("exec", *flags, container, "sh", "-c", LINES)
        return dockercommand.timed(engine, *words, out=out.fileno())

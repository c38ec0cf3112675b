"""Fifty kernels, started and ended in every way: nothing of them is left on the engine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from conftest import Notebook, wait_until
from kernelplay import ContainerNotebook

from container_magics.engine.client import Engine
from container_magics.engine.ownership import PURPOSE


def kernels(engine: Engine) -> list[str]:
    """IDs of the containers of kernels, whoever has made them."""
    found = engine.api.containers(all=True, filters={"label": [f"{PURPOSE}=kernel"]})
    return [one["Id"] for one in found]


def pid_of(notebook: Notebook) -> int:
    """The kernel's process number."""
    provisioner = notebook.manager.provisioner
    assert provisioner is not None
    return int(provisioner.pid)  # type: ignore[attr-defined]


def signalled(name: signal.Signals) -> Callable[[Notebook], None]:
    """End it by a signal to its process."""

    def end(notebook: Notebook) -> None:
        os.kill(pid_of(notebook), name)
        notebook.pull_the_plug()

    return end


def in_a_cell(cell: str) -> Callable[[Notebook], None]:
    """End it while that cell runs."""

    def end(notebook: Notebook) -> None:
        notebook.begin(cell)
        time.sleep(0.2)
        notebook.pull_the_plug()

    return end


def restarted(notebook: Notebook) -> None:
    """A restart, and then a shutdown."""
    notebook.manager.restart_kernel(now=True)
    notebook.client.wait_for_ready(timeout=60)
    notebook.close()


ENDS: dict[str, Callable[[Notebook], None]] = {
    "shut down": lambda notebook: notebook.close(),
    "killed while idle": lambda notebook: notebook.pull_the_plug(),
    "killed in a cell": in_a_cell("sleep 300"),
    "killed in a flood": in_a_cell("yes"),
    "killed while a cell asks": in_a_cell("read line"),
    "killed in a magic": in_a_cell("%%container container-magics/base:bookworm\nsleep 300"),
    "terminated": signalled(signal.SIGTERM),
    "hung up": signalled(signal.SIGHUP),
    "restarted": restarted,
    "interrupted, shut down": lambda notebook: (notebook.stop_button(), notebook.close())[1],
}
ROUNDS = 5


@pytest.mark.parametrize("way", ENDS)
def test_nothing_is_left_of_kernels_that_ended(
    engine: Engine, base: str, nothing_left: object, way: str
) -> None:
    """Those that could not clean up are swept by the next kernel that begins."""
    before = set(kernels(engine))
    for number in range(ROUNDS):
        kernel = ContainerNotebook()
        with suppress(ProcessLookupError):
            if number % 2:  # else before the first cell, perhaps while the container is made
                assert kernel.run("echo hello").stdout == "hello\n"
            ENDS[way](kernel)
    sweeper = Notebook()
    try:
        sweeper.run("%container sweep")
        assert wait_until(lambda: not set(kernels(engine)) - before), way
    finally:
        sweeper.close()

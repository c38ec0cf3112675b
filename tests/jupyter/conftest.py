"""A real kernel to run cells in, and what a reader sees of each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from kernelimage import ensure_kernel_image

from container_magics.engine.client import Engine

KERNEL = "container-magics"
TIMEOUT_S = 120.0
SHOWN = ("display_data", "update_display_data", "execute_result")


@dataclass
class Seen:
    """What one cell has shown: its streams, its displays (the last of each, and as text every
    frame of them), its error."""

    stdout: str = ""
    stderr: str = ""
    displays: list[dict[str, Any]] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    updates: int = 0
    error: str = ""
    sentence: str = ""
    told: str = ""
    took_s: float = 0.0

    @property
    def text(self) -> str:
        """All displays as text."""
        return "\n".join(display["text/plain"] for display in self.displays)

    @property
    def html(self) -> str:
        """All displays as HTML."""
        return "\n".join(display.get("text/html", "") for display in self.displays)


class Notebook:
    """A kernel of our kernelspec, and the front end's side of it."""

    def __init__(self, *, python: str = "", **environment: str) -> None:
        """``python`` is another interpreter than this one; the rest is added to ours."""
        clean = {k: v for k, v in os.environ.items() if k not in ("CI", "PYTEST_VERSION")}
        # A test looks at what a cell leaves; spares have tests of their own (test_spares.py).
        clean.setdefault("CONTAINER_MAGICS_SPARES", "0")
        self.manager = KernelManager(kernel_name=KERNEL)
        if python:
            assert self.manager.kernel_spec
            self.manager.kernel_spec.argv[0] = python
        self.start({**clean, "PYTEST_CURRENT_TEST": "", **environment})
        self.client: BlockingKernelClient = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def start(self, environment: dict[str, str]) -> None:
        """Start the kernel itself."""
        self.manager.start_kernel(env=environment)

    def begin(self, cell: str) -> str:
        """Start a cell and return at once; ``wait`` for what it shows."""
        return self.client.execute(cell, allow_stdin=False)

    def wait(self, message_id: str) -> Seen:
        """Everything that the cell shows, until the kernel is idle again."""
        seen, started = Seen(), time.monotonic()
        by_id: dict[str, int] = {}
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                seen.took_s = time.monotonic() - started
                self.client.get_shell_msg(timeout=TIMEOUT_S)
                return seen
            self._see(seen, by_id, kind, content)

    @staticmethod
    def _see(seen: Seen, by_id: dict[str, int], kind: str, content: dict[str, Any]) -> None:
        identity = content.get("transient", {}).get("display_id")
        if kind in SHOWN:
            seen.frames.append(content["data"]["text/plain"])
        if kind == "stream":
            setattr(seen, content["name"], getattr(seen, content["name"]) + content["text"])
        elif kind in ("display_data", "execute_result"):
            by_id[identity] = len(seen.displays)
            seen.displays.append(content["data"])
        elif kind == "update_display_data":
            seen.updates += 1
            seen.displays[by_id[identity]] = content["data"]
        elif kind == "error":
            seen.error, seen.sentence = content["ename"], content["evalue"]
            seen.told = "\n".join(content["traceback"])

    def arrivals(self, message_id: str, last: str) -> dict[str, float]:
        """When each word of the cell's output came, by the clock, until ``last`` has come."""
        came: dict[str, float] = {}
        while last not in came:
            message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            ours = message["parent_header"].get("msg_id") == message_id
            assert not (ours and message["content"].get("execution_state") == "idle"), came
            if ours and message["msg_type"] == "stream":
                came |= dict.fromkeys(message["content"]["text"].split(), time.monotonic())
        return came

    def run(self, cell: str) -> Seen:
        """Run a cell to its end."""
        return self.wait(self.begin(cell))

    def stop_button(self) -> None:
        """What JupyterLab's stop button does."""
        self.manager.interrupt_kernel()

    def pull_the_plug(self) -> None:
        """End the kernel with SIGKILL, as the out-of-memory killer would."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def close(self) -> None:
        """End the kernel as Jupyter does; nothing to do when it has ended."""
        if self.manager.has_kernel:
            self.client.stop_channels()
            self.manager.shutdown_kernel()


def wait_until(true: Callable[[], bool], limit_s: float = 60.0) -> bool:
    """Whether something becomes true in time, also on a busy machine."""
    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def new_notebook(engine: Engine, base: str) -> Iterator[Any]:
    """A function that opens a notebook with the environment it is given."""
    opened: list[Notebook] = []

    def new(**environment: str) -> Notebook:
        opened.append(Notebook(**environment))
        return opened[-1]

    yield new
    for notebook in opened:
        notebook.close()


@pytest.fixture(scope="module")
def notebook(engine: Engine, base: str) -> Iterator[Notebook]:
    """A notebook that the tests of a module share."""
    opened = Notebook()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def kernel_image(engine: Engine, base: str) -> str:
    """The name of an image with a Python kernel in it."""
    return ensure_kernel_image(engine)

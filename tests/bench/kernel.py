"""A real Jupyter kernel and its clock: from sending a cell to the kernel being idle again."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

OURS = "container-magics"
TIMEOUT_S = 60.0


class Kernel:
    """A kernel that is ready for cells; ``ready_s`` is how long that took."""

    def __init__(self, name: str, docker_host: str, **more: str) -> None:
        """Start a kernel of the kernelspec ``name``, on the engine at ``docker_host``, with
        ``more`` in its environment."""
        start = time.perf_counter()
        self.manager = KernelManager(kernel_name=name)
        # its stderr: the launcher warns that loopback is not encrypted
        self.manager.start_kernel(env=environment(docker_host) | more, stderr=subprocess.DEVNULL)
        self.client: BlockingKernelClient = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_S)
        self.ready_s = time.perf_counter() - start

    @property
    def process_id(self) -> int:
        """The number of the kernel's process."""
        provisioner = self.manager.provisioner
        assert isinstance(provisioner, LocalProvisioner)
        return int(provisioner.pid or 0)

    @property
    def peak_bytes(self) -> int:
        """The greatest memory (resident set) that the kernel's process had so far."""
        status = Path(f"/proc/{self.process_id}/status").read_text().split()
        return int(status[status.index("VmHWM:") + 1]) * 1024

    def run(self, cell: str) -> float:
        """The seconds from sending the cell to the idle status. A failing cell is an error."""
        return self.first_and_idle(cell)[1]

    def first_and_idle(self, cell: str) -> tuple[float, float]:
        """The seconds from sending the cell to its first output (to the end, if there is none)
        and to the idle status. A failing cell is an error."""
        start = time.perf_counter()
        message_id, first_s = self.client.execute(cell, allow_stdin=False), 0.0
        while (kind := self._next(message_id)) != "idle":
            if kind == "stream":
                first_s = first_s or time.perf_counter() - start
        idle_s = time.perf_counter() - start
        self.expect_ok(cell)
        return first_s or idle_s, idle_s

    def wait_for(self, message_id: str, kind: str) -> None:
        """Pass messages over until the cell sends one of that kind ("stream", "idle")."""
        while self._next(message_id) != kind:
            pass

    def lines_shown(self, cell: str) -> list[tuple[int, float]]:
        """Run the cell, and of each display with "line=N." in its text (the last N, the time by
        the machine's clock when it was received)."""
        message_id, found = self.client.execute(cell, allow_stdin=False), list[tuple[int, float]]()
        for content, when_s in self._contents(message_id):
            text = content.get("data", {}).get("text/plain", "")
            if numbers := re.findall(r"line=(\d+)\.", text):
                found.append((int(numbers[-1]), when_s))
        self.expect_ok(cell)
        return found

    def text_of(self, cell: str) -> str:
        """What the cell writes to its standard output."""
        contents = self._contents(self.client.execute(cell, allow_stdin=False))
        text = "".join(content.get("text", "") for content, _ in contents)
        self.expect_ok(cell)
        return text

    def _contents(self, message_id: str) -> Iterator[tuple[dict[str, Any], float]]:
        """The content of each message of the cell, and when it came, until the kernel is idle."""
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            if message["parent_header"].get("msg_id") == message_id:
                yield message["content"], time.time()
                if message["content"].get("execution_state") == "idle":
                    return

    def expect_ok(self, cell: str) -> None:
        """Take the cell's reply; RuntimeError when it failed."""
        reply = self.client.get_shell_msg(timeout=TIMEOUT_S)["content"]
        if reply["status"] != "ok":
            raise RuntimeError(f"{cell!r} failed: {reply.get('ename')}: {reply.get('evalue')}")

    def _next(self, message_id: str) -> str:
        """The kind of the next message, or the kernel's state; "" for another cell's."""
        message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
        if message["parent_header"].get("msg_id") != message_id:
            return ""
        return str(message["content"].get("execution_state") or message["msg_type"])

    def close(self) -> None:
        """End the kernel as Jupyter does."""
        self.client.stop_channels()
        self.manager.shutdown_kernel()


@contextmanager
def kernel(name: str, docker_host: str, **more: str) -> Iterator[Kernel]:
    """A kernel while the block runs, with ``more`` in its environment."""
    opened = Kernel(name, docker_host, **more)
    try:
        yield opened
    finally:
        opened.close()


def environment(docker_host: str) -> dict[str, str]:
    """Ours, with that engine; and not the stable mode, which shows less than a user sees."""
    return {**os.environ, "DOCKER_HOST": docker_host, "CONTAINER_MAGICS_STABLE": "0"}

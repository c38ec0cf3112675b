"""Kernels in containers for tests: kernelspecs of the test's own, and a front end for each."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from container_magics.core.kernelconfig import PROVISIONER
from container_magics.engine.client import Engine

ARGV = ["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
TIMEOUT_S = 60.0
HERS = ("container-magics.purpose=kernel",)


@dataclass
class Kernel:
    """A kernel that runs, as a front end has it."""

    manager: KernelManager
    client: BlockingKernelClient = field(init=False)

    def open(self) -> Kernel:
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_S)
        return self

    def begin(self, code: str, **how: Any) -> str:
        return self.client.execute(code, **how)

    def wait(self, message_id: str) -> tuple[str, str]:
        """(what the cell wrote, the name of its error or "")."""
        written, error = "", ""
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                written += content["text"]
            elif message["msg_type"] == "error":
                error = content["ename"]
            elif content.get("execution_state") == "idle":
                self.client.get_shell_msg(timeout=TIMEOUT_S)
                return written, error

    def run(self, code: str) -> str:
        written, error = self.wait(self.begin(code))
        assert not error, (error, written)
        return written

    def answered(self, code: str, answer: str) -> str:
        """A cell that asks with input(), and is given one answer."""
        begun = self.begin(code)
        self.client.get_stdin_msg(timeout=TIMEOUT_S)
        self.client.input(answer)
        return self.wait(begun)[0]

    def close(self, *, now: bool = False) -> None:
        if hasattr(self, "client"):
            self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=now)


class Kernels:
    """Kernelspecs in a folder of the test's own, and the kernels that it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "kernels"
        self.started: list[Kernel] = []

    def write(self, name: str, spec: dict[str, Any]) -> str:
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "kernel.json").write_text(json.dumps({"display_name": name, **spec}))
        return name

    def provisioned(self, image: str, *, argv: Any = ARGV, **config: Any) -> str:
        """The name of a kernelspec of the provisioner's; ``mode`` is its interrupt mode."""
        mode, env = config.pop("mode", "signal"), config.pop("env", {})
        metadata = {
            "kernel_provisioner": {
                "provisioner_name": PROVISIONER, "config": {"image": image, **config},
            },
        }  # fmt: skip
        return self.write(
            "provisioned",
            {"argv": argv, "language": "python", "interrupt_mode": mode, "env": env,
             "metadata": metadata},
        )  # fmt: skip

    def start(self, name: str, *, ipc: str = "", **how: Any) -> Kernel:
        """``ipc`` is what the names of its sockets begin with; without it, it has ports."""
        transport = {"transport": "ipc", "ip": ipc} if ipc else {}
        kernel = Kernel(KernelManager(kernel_name=name, **transport))
        self.started.append(kernel)
        kernel.manager.start_kernel(**how)
        return kernel.open()

    def close(self) -> None:
        for kernel in self.started:
            kernel.close(now=True)


def containers(engine: Engine) -> list[dict[str, Any]]:
    """Those of kernels, whoever started them."""
    found: list[dict[str, Any]] = engine.api.containers(all=True, filters={"label": list(HERS)})
    return found


def soon(true: Callable[[], bool], limit_s: float = 30.0) -> bool:
    end_s = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.05)
    return True


def kernels_in(folder: Path, monkeypatch: Any) -> Iterator[Kernels]:
    """The kernelspecs of a test; its kernels are ended after it."""
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    (folder / "runtime").mkdir(mode=0o700)
    made = Kernels(folder)
    yield made
    made.close()


def as_json(engine: Engine, container: str) -> str:
    """All that `docker inspect` shows."""
    return json.dumps(engine.api.inspect_container(container))


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}

"""A container kernel to run cells in, as a front end has it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from conftest import TIMEOUT_S, Notebook, Seen

BASE = "container-magics/base:bookworm"


def kernelspec(folder: Path, name: str, *words: str) -> Path:
    """Write a kernelspec of the container kernel; returns the folder for JUPYTER_PATH."""
    place = folder / "kernels" / name
    place.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "container_magics.kernel", "-f", "{connection_file}", "--"]
    spec = {"argv": [*argv, *words], "display_name": name, "language": "bash"}
    (place / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return folder


class ContainerNotebook(Notebook):
    """A notebook on a container kernel; ``words`` are what follows ``--`` in its argv."""

    def __init__(self, *words: str, **environment: str) -> None:
        """Start it; the container is made meanwhile."""
        self.words = words or (BASE,)
        super().__init__(**environment)

    def start(self, environment: dict[str, str]) -> None:
        """By our own kernelspec's argv, so that nothing has to be installed."""
        assert self.manager.kernel_spec
        argv = [sys.executable, "-m", "container_magics.kernel", "-f", "{connection_file}", "--"]
        self.manager.kernel_spec.argv = [*argv, *self.words]
        super().start(environment)

    def ask(self, cell: str, *answers: str) -> tuple[Seen, list[dict[str, Any]]]:
        """Run a cell that asks; (what it shows, the requests for input)."""
        left, asked = list(answers), list[dict[str, Any]]()

        def answer(message: dict[str, Any]) -> None:
            asked.append(message["content"])
            self.client.input(left.pop(0))

        seen = Seen()
        by_id: dict[str, int] = {}

        def see(message: dict[str, Any]) -> None:
            if message["msg_type"] != "status":
                self._see(seen, by_id, message["msg_type"], message["content"])

        self.client.execute_interactive(
            cell, allow_stdin=True, stdin_hook=answer, output_hook=see, timeout=TIMEOUT_S
        )
        return seen, asked

    def asked(self, how: str, *words: Any, **more: Any) -> dict[str, Any]:
        """The reply to complete, inspect, is_complete or history."""
        message_id = getattr(self.client, how)(*words, **more)
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT_S)
            if reply["parent_header"].get("msg_id") == message_id:
                return dict(reply["content"])

    def container(self) -> str:
        """Its ID, by the engine's own words inside it."""
        return self.run("cat /etc/hostname").stdout.strip()

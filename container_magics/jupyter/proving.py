"""Prove every exercise of a notebook in a real kernel.

The check fails before it is done, passes after the solution, and fails after a reset.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from container_magics.core.terminal import plain
from container_magics.errors import TimedOut, UsageError
from container_magics.jupyter import notebookfile

KERNEL = "container-magics"
CELL_S = 600.0
READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of one exercise; ``problem`` is "" when it is proved."""

    notebook: Path
    exercise: str
    seconds: float
    problem: str = ""


def notebooks(paths: list[Path]) -> list[Path]:
    """The notebooks that these paths name: files, and those in folders, in order. UsageError for
    a path that is not there, or names none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
        elif path.suffix == ".ipynb" and path.exists():
            found.append(path)
        else:
            raise UsageError(f"{path} is no notebook and no folder.")
    if not found:
        raise UsageError("There is no notebook there.")
    return found


def prove(notebook: Path) -> Iterator[Proof]:
    """Run a notebook's cells in order, and prove each exercise where it stands; its solution stays
    done for the cells after it. The story ends at a cell that fails."""
    cells = [cell for cell in notebookfile.read(notebook).cells if cell.cell_type == "code"]
    names = [exercise_name(cell.source) for cell in cells]
    if not any(names):
        return
    seen: set[str] = set()
    with kernel(notebook.parent) as shell:
        for cell, name in zip(cells, names, strict=True):
            start_s = time.monotonic()
            problem = shell.run(cell.source, may_fail=may_fail(cell))
            if not problem and name:
                problem = "its name comes twice" if name in seen else proved(shell, name)
                seen.add(name)
                yield Proof(notebook, name, time.monotonic() - start_s, problem)
            elif problem:
                where = name or f"the cell `{first_line(cell.source)}`"
                yield Proof(notebook, where, time.monotonic() - start_s, problem)
            if problem and not name:
                return


def proved(shell: Shell, name: str) -> str:
    """What is wrong with an exercise that was begun; "" for nothing."""
    look, solve, reset = f"%check {name} --assert", f"%solve {name} --run", f"%reset {name}"
    if not shell.run(look):
        return "the check passes before anything is done"
    if problem := shell.run(solve):
        return f"the solution fails: {problem}"
    if problem := shell.run(look):
        return f"the check fails after the solution: {problem}"
    if problem := shell.run(reset):
        return f"the reset fails: {problem}"
    if not shell.run(look):
        return "the check passes after a reset"
    if problem := shell.run(solve) or shell.run(look):
        return f"it cannot be done a second time: {problem}"
    return ""


class Shell:
    """A kernel that is ready for cells."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, cell: str, *, may_fail: bool = False) -> str:
        """Run a cell to its end; the error's line, "" when there was none or it may be. TimedOut
        for one that does not end."""
        try:
            reply = self._reply(self._client.execute(cell, allow_stdin=False, stop_on_error=False))
        except Empty:
            raise TimedOut(
                f"A cell did not end within {CELL_S:g} s.", facts=(first_line(cell),)
            ) from None
        if reply["status"] == "ok" or may_fail:
            return ""
        return plain(f"{reply.get('ename')}: {reply.get('evalue')}")

    def _reply(self, message_id: str) -> dict[str, Any]:
        """The content of the reply to that message; Empty when none comes. A kernel that was slow
        to begin has been asked several times how it is, and answers each of them."""
        while True:
            message = self._client.get_shell_msg(timeout=CELL_S)
            if message["parent_header"].get("msg_id") == message_id:
                return dict(message["content"])


@contextmanager
def kernel(folder: Path) -> Iterator[Shell]:
    """A kernel of ours in that folder, in stable mode, while the block runs."""
    manager = KernelManager(kernel_name=KERNEL)
    environment = {**os.environ, "CONTAINER_MAGICS_STABLE": "1"}
    # its stderr: the launcher warns that loopback is not encrypted
    manager.start_kernel(cwd=str(folder), env=environment, stderr=subprocess.DEVNULL)
    client: BlockingKernelClient = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=READY_S)
        yield Shell(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def exercise_name(source: str) -> str:
    """The name of the exercise that a cell begins; "" for another cell."""
    words = first_line(source).split()
    if len(words) > 1 and words[0] in ("%%exercise", "%exercise"):
        return words[1]
    return ""


def first_line(source: str) -> str:
    """A cell's first line that is not blank."""
    return next((line for line in source.splitlines() if line.strip()), "")


def may_fail(cell: Any) -> bool:
    """Whether the notebook says that the cell raises."""
    return "raises-exception" in cell.metadata.get("tags", ())

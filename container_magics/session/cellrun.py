"""One cell in the program of a CellShell, told to its end."""

from __future__ import annotations

import queue
import secrets
import time
from collections.abc import Generator
from typing import TYPE_CHECKING

from container_magics.core import foreground
from container_magics.core.cellprotocol import Begun, Ended, Shown
from container_magics.core.events import Output
from container_magics.engine.kernelexec import status_of
from container_magics.errors import ContainerFailed, EngineLost
from container_magics.session.cellevents import Asks, Gone, Over, Pressed, Told

if TYPE_CHECKING:
    from container_magics.session.cellshell import CellShell

READY_S = 10.0
"""How long a program may take to begin."""
SILENCE_S = 0.2
"""After so long a silence it is looked at whether the cell waits for input; then ever later."""
LONGEST_SILENCE_S = 2.0
INTERRUPT = b"\x03"
RECOVERY_S = 0.05
"""How long after an interrupt the program may take to say by itself that the cell has ended."""
AGAIN_S = 0.5
"""How long after an interrupt the next one follows, to a program that may have lost it."""
KILLED = 137
DRAIN_S = 2.0
"""How long the rest of a cell's stderr may take, once its stdout has ended."""


class Cell:
    """A cell that runs. A program that ends with it is told of as Over, ``lost``."""

    def __init__(self, shell: CellShell) -> None:
        """Nothing is sent yet."""
        self._shell = shell
        self._number = secrets.token_hex(8)
        self._presses = 0
        self._interrupted_at = 0.0
        self._wait_s = SILENCE_S

    def told(self, code: str) -> Generator[Told, None, None]:
        """Run it, and tell everything."""
        shell = self._shell
        shell.bring(code)
        with shell.told_to(self._number):
            shell.type(shell.dialect.line(shell.place, self._number))
            over = yield from self._until_end()
        if over.lost or over.status == KILLED:
            over = shell.with_memory(over)
        yield over

    def _until_end(self) -> Generator[Told, None, Over]:
        ended: Ended | None = None
        drained = False
        while ended is None or not drained:
            said = self._next(DRAIN_S if ended else self._wait_s)
            match said:
                case Output() | Shown():
                    self._wait_s = SILENCE_S
                    yield said
                case Begun(stream="stderr", number=self._number):
                    drained = True
                case Ended(number=self._number):
                    ended = said
                case Pressed():
                    self._press()
                case Gone():
                    return self._lost()
                case None if ended:
                    drained = True  # a program of the cell's holds stderr's way up
                case None if self._presses:
                    self._recover()
                case None:
                    yield from self._silent()
        return Over(ended.status, ended.folder, interrupted=bool(self._presses))

    def _next(self, limit_s: float) -> object:
        try:
            return self._shell.next_said(RECOVERY_S if self._presses else limit_s)
        except queue.Empty:
            return None

    def _press(self) -> None:
        """First the terminal's interrupt, then the end of whoever has the terminal."""
        self._presses += 1
        if self._presses == 1:
            self._interrupt()
            return
        group = foreground.foreground_of(self._shell.pid, self._shell.processes())
        if group and group > 0:
            self._shell.helper.ask(f"kill -KILL -{group}")

    def _interrupt(self) -> None:
        self._interrupted_at = time.monotonic()
        self._shell.type(INTERRUPT)

    def _recover(self) -> None:
        """Where the interrupt was lost, send it again; where it threw away the rest of the line,
        have the end said again."""
        shell = self._shell
        if shell.dialect.loses_interrupts:
            if time.monotonic() - self._interrupted_at > AGAIN_S:
                self._interrupt()
            return
        found = shell.processes()
        line = shell.dialect.recover(shell.place, self._number)
        if not line or not foreground.is_idle(shell.pid, found):
            return
        shell.type(line)
        group = foreground.foreground_of(shell.pid, found)
        if group and group > 0 and group != shell.pid:
            # a child that bash was interrupted in making (seen with 5.2): it waits for ever
            time.sleep(RECOVERY_S)  # that the line is read before its reader gets a signal
            shell.helper.ask(f"kill -KILL -{group}")

    def _silent(self) -> Generator[Told, None, None]:
        """Nothing was written for a while: perhaps the cell waits to be told something."""
        self._wait_s = min(self._wait_s * 2, LONGEST_SILENCE_S)
        shell = self._shell
        if not shell.is_begun or not foreground.reads_terminal(shell.pid, shell.processes()):
            return
        yield Asks()
        self._wait_s = SILENCE_S

    def _lost(self) -> Over:
        """The program has ended: EngineLost where it was the connection."""
        shell, exec_id = self._shell, self._shell.terminal.exec_id
        shell.close_terminal()
        status = None
        limit_s = time.monotonic() + DRAIN_S
        while status is None and time.monotonic() < limit_s:
            status = status_of(shell.engine, exec_id)
            time.sleep(0 if status is not None else 0.01)
        if status is None:
            raise EngineLost(
                "The connection to the kernel's container broke.",
                hint="See whether the engine still runs: `%engine`. Then run the cell again.",
            )
        return Over(status, lost=True, interrupted=bool(self._presses))


def await_beginning(shell: CellShell) -> None:
    """Until the program says that it may be typed to: what is typed before that is shown.
    ContainerFailed, with what it said, when it ended instead."""
    told = b""
    while not isinstance(said := shell.next_said(READY_S, early=True), Begun):
        told += said.data if isinstance(said, Output) else b""
        if isinstance(said, Gone):
            shell.close_terminal()
            raise ContainerFailed(
                f"{shell.dialect.name} ended as it began.",
                exit_status=1,
                facts=tuple(told.decode(errors="replace").splitlines()),
            )

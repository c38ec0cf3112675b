"""The story of one cell of a container kernel, in a program that outlives it.

A cell's text is put into a file, the program is told to run it, and what it says is told on until
its end: output, a file to show, a wish for input. Meanwhile the reader may answer or interrupt.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from container_magics.core import foreground
from container_magics.core.cellprotocol import Begun, MarkReader, Said, Shown
from container_magics.core.dialects import QUIET, Dialect, Place, dialect_of
from container_magics.core.events import Output, Stream
from container_magics.core.shelltexts import MEMORY, OPENING
from container_magics.core.waiter import WAITING
from container_magics.engine.client import Engine
from container_magics.engine.kernelexec import Helper, Terminal, opened
from container_magics.engine.run import inspect
from container_magics.engine.streams import Hijacked
from container_magics.errors import ContainerFailed, ContainerMagicsError, EngineLost
from container_magics.session.cellevents import Asks, Gone, Over, Pressed, Told
from container_magics.session.cellrun import Cell, await_beginning

AHEAD = 64
"""How many pieces of output may wait to be told on."""
END_OF_INPUT = b"\x04"


def without(what: str, why: str = "") -> ContainerFailed:
    """That an image lacks what the kernel needs."""
    return ContainerFailed(
        f"The kernel's image has no {what}.",
        exit_status=127,
        hint=f"{why} Switch to an image that has it: `%image IMAGE` in a cell.".strip(),
    )


class CellShell:
    """A program for cells in a running container. ``open()`` before the first cell.

    ``late`` is called, from a thread, with what is said while no cell runs.
    """

    def __init__(
        self,
        engine: Engine,
        container: str,
        *,
        language: str = "",
        user: str = "",
        late: Callable[[Output | Shown], None] = lambda _: None,
    ) -> None:
        self.engine, self.container = engine, container
        self.dialect: Dialect
        self._language, self._user, self._late = language, user, late
        key = secrets.token_hex(8)
        self._readers: dict[Stream, MarkReader] = {
            stream: MarkReader(stream, key.encode()) for stream in ("stdout", "stderr")
        }
        self.place = Place("", "", key)
        self.is_plain = True
        self.is_begun = False
        self.pid = 0
        self._kills = 0
        self._there: str | None = None  # the code in the cell's file
        # a SimpleQueue alone may be put to from a signal handler that has interrupted a put
        self._said: queue.SimpleQueue[Said | Pressed | Gone] = queue.SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._idle = threading.Lock()
        self._running = False
        self._helper: Helper | None = None
        self._terminal: Terminal | None = None

    def open(self, folder: str = "") -> None:
        """Start both programs, the cells' one in ``folder`` of the container.

        ContainerFailed where the container has no shell, or not the language.
        """
        if self._helper is None:
            self._open_helper()
        if self._terminal is None:
            self._open_terminal(folder)

    @property
    def is_ready(self) -> bool:
        """Whether a cell, or a question, can be run now."""
        return self._helper is not None and self._terminal is not None and not self._running

    def _open_helper(self) -> None:
        exec_id, streams = self._opened(WAITING, terminal=False)
        self._helper = helper = Helper(exec_id, streams, partial(self._take, "stderr"))
        try:
            _, answer = helper.ask(OPENING.replace("@KEY@", self.place.key))
        except EngineLost as lost:
            helper.close()
            self._helper = None
            raise without("shell", "A container kernel needs one.") from lost
        made, pid, *programs = answer.decode(errors="surrogateescape").splitlines()
        if not made and "mkdir" not in programs:
            raise without("mkdir", "A container kernel needs mkdir, cat, head and rm.")
        if not made:
            raise ContainerFailed(
                "There is no folder in the container that the kernel may write to.",
                exit_status=1,
                hint="Give it one, such as --tmpfs /tmp, when the kernel is installed.",
            )
        found = dialect_of(self._language, programs)
        if found is None:
            raise without(self._language)
        self.dialect, self.is_plain = found, "stty" in programs
        self.place = Place(made, f"/proc/{pid}/fd/2", self.place.key)

    def _open_terminal(self, folder: str) -> None:
        number = secrets.token_hex(8)
        program = self.dialect.start(self.place, number)
        with self.told_to(number), suppress(queue.Empty):
            exec_id, streams = self._opened(program, folder=folder, terminal=True)
            self._terminal = Terminal(exec_id, streams, partial(self._take, "stdout"))
            await_beginning(self)
        self.pid = int(self.query(self.dialect.prelude(self.place)).split()[-1])

    def _opened(
        self, program: Sequence[str], *, folder: str = "", terminal: bool
    ) -> tuple[str, Hijacked]:
        return opened(
            self.engine,
            self.container,
            program,
            QUIET,
            user=self._user,
            folder=folder,
            terminal=terminal,
        )

    @property
    def helper(self) -> Helper:
        """The shell that looks around."""
        if self._helper is None:
            raise EngineLost("The kernel's container is not open.")
        return self._helper

    @property
    def terminal(self) -> Terminal:
        """The program on the terminal."""
        if self._terminal is None:
            raise EngineLost("The kernel's container is not open.")
        return self._terminal

    def _take(self, stream: Stream, data: bytes) -> None:
        """What came from the container; called by the listening threads."""
        if not data:
            self._said.put(Gone())
            return
        if stream == "stdout" and not self.is_plain:
            data = data.replace(b"\r\n", b"\n")
        for said in self._readers[stream].feed(data):
            with self._idle:
                running = self._running
            if not running:
                if isinstance(said, Output | Shown):
                    self._late(said)
                continue
            self._room.acquire()
            self._said.put(said)

    def press(self) -> None:
        """Interrupt the cell; a second time: kill what runs. May be called from anywhere."""
        self._said.put(Pressed())

    def answer(self, line: str | None) -> None:
        """What the cell asked for; None: there is no input."""
        if self._terminal:
            self._terminal.type(END_OF_INPUT if line is None else f"{line}\n".encode())

    def query(self, code: str, limit_s: float = 5.0) -> str:
        """What a cell writes that nobody sees. One that takes longer is interrupted, and killed
        when that is not enough."""
        written = bytearray()
        presses = [threading.Timer(limit_s * times, self.press) for times in (1, 2)]
        for press in presses:
            press.daemon = True
            press.start()
        try:
            for told in self.run(code):
                if isinstance(told, Asks):
                    self.answer(None)
                elif isinstance(told, Output) and told.stream == "stdout":
                    written += told.data
        finally:
            for press in presses:
                press.cancel()
        return written.decode(errors="replace")

    def run(self, code: str) -> Generator[Told, None, None]:
        """Run a cell to its end; the last that is told is Over."""
        yield from Cell(self).told(code)

    @contextmanager
    def told_to(self, number: str) -> Iterator[None]:
        """While the block runs, what is said is a cell's, and kept for ``next_said``."""
        for reader in self._readers.values():
            reader.number = number.encode()
        with self._idle:
            self._running, self.is_begun = True, False
        try:
            yield
        finally:
            with self._idle:
                self._running = False
            while not self._said.empty():  # of a cell that was left in the middle
                if not isinstance(self._said.get(), Pressed | Gone):
                    self._room.release()

    def next_said(self, limit_s: float, *, early: bool = False) -> Said | Pressed | Gone:
        """What was said next; queue.Empty when nothing is for so long. ``early``: also output that
        comes before the beginning of the cell."""
        while True:
            said = self._said.get(timeout=limit_s)
            if isinstance(said, Pressed | Gone):
                return said
            self._room.release()
            if isinstance(said, Output) and said.stream == "stderr":  # as the reader knows the cell
                return Output("stderr", said.data.replace(self.place.cell.encode(), b"cell"))
            if isinstance(said, Begun) and said.stream == "stdout":
                self.is_begun = True
                return said
            if early or self.is_begun or not isinstance(said, Output):
                return said
            if self.is_plain:  # else what is typed is shown again, and comes here
                self._late(said)

    def type(self, data: bytes) -> None:
        """Type on the program's terminal."""
        if self._terminal:
            self._terminal.type(data)

    def processes(self) -> list[foreground.Process]:
        """Those of the container."""
        _, answer = self.helper.ask(foreground.LOOK)
        return list(foreground.processes(answer.decode(errors="replace")))

    def answers(self, code: str = "") -> bool:
        """Whether the container still answers; one message also brings it the ``code`` of the
        cell to come. What was killed in it for want of memory so far is counted, to be told from
        what is killed later."""
        try:
            self._kills = int(self._brought(code, MEMORY) or 0)
        except ContainerMagicsError:
            return False
        return True

    def bring(self, code: str) -> None:
        """Write the cell's file, if it is not there already."""
        if self._there != code:
            self._brought(code)
        self._there = None

    def _brought(self, code: str, script: str = ":") -> bytes:
        content = code.encode(errors="surrogateescape") + b"\n"
        answer = self.helper.write(self.place.cell, content, script)
        self._there = code
        return answer

    def _killed_by_memory(self) -> int:
        _, answer = self.helper.ask(MEMORY)
        return int(answer or 0)

    def with_memory(self, over: Over) -> Over:
        """How a cell ended, and whether for want of memory."""
        with suppress(ContainerMagicsError):
            return replace(over, by_memory=self._killed_by_memory() > self._kills)
        state = inspect(self.engine, self.container)["State"]
        return replace(over, by_memory=bool(state["OOMKilled"]))

    def close_terminal(self) -> None:
        """Let the program go, as far as it is there."""
        if self._terminal:
            self._terminal.close()
        self._terminal = None

    def close(self) -> None:
        """Let both go; the container stays."""
        self.close_terminal()
        self.close_helper()

    def close_helper(self) -> None:
        """Let the helper go; ``open`` makes another, and what the cells know stays."""
        if self._helper:
            self._helper.close()
        self._helper = None

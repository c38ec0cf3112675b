"""The two programs that a container kernel has in its container: one runs cells, one helps.

The first is on a terminal, so that cells can be interrupted and can ask. The second is a shell on
plain pipes, which is told scripts: it writes the cells' files and looks around; and its stderr is
where cells write theirs, so that stderr is kept apart from stdout.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from container_magics.core import waiter
from container_magics.core.cellprotocol import GS
from container_magics.engine.client import Engine
from container_magics.engine.streams import Hijacked, hijack
from container_magics.errors import ContainerMagicsError, EngineLost, TimedOut

PIECE_BYTES = 30_000
"""How much of a file the helper is given at once: a shell's input is read byte by byte."""
Taken = Callable[[bytes], None]


def opened(
    engine: Engine,
    container: str,
    program: Sequence[str],
    environment: Sequence[tuple[str, str]],
    *,
    user: str,
    folder: str,
    terminal: bool,
) -> tuple[str, Hijacked]:
    """(the exec's ID, its streams) of a program that was started inside a running container."""
    asked = {
        "Cmd": list(program),
        "Env": [f"{name}={value}" for name, value in environment],
        "User": user,
        "WorkingDir": folder,
        "Tty": terminal,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
    }
    made = engine.request("POST", f"/containers/{container}/exec", json=asked).json()
    path = f"/exec/{made['Id']}/start"
    return made["Id"], hijack(engine, path, json={"Detach": False, "Tty": terminal})


def status_of(engine: Engine, exec_id: str) -> int | None:
    """The exit status of an exec; None while it runs."""
    facts = engine.request("GET", f"/exec/{exec_id}/json").json()
    return None if facts["Running"] else facts["ExitCode"]


class Terminal:
    """The program on a terminal. What it writes goes to ``take`` from a thread, b"" at its end."""

    def __init__(self, exec_id: str, streams: Hijacked, take: Taken) -> None:
        """Begin to listen."""
        self.exec_id = exec_id
        self._streams = streams
        self._take = take
        self._thread = threading.Thread(target=self._listen, daemon=True, name="cells' terminal")
        self._thread.start()

    def type(self, data: bytes) -> None:
        """Write to it; nothing happens when it has ended."""
        with suppress(OSError):
            self._streams.send(data)

    def _listen(self) -> None:
        with suppress(OSError, ValueError):
            while data := self._streams.receive():
                self._take(data)
        self._take(b"")

    def close(self) -> None:
        """End the connection; the terminal hangs up, and its programs get HUP."""
        self._streams.abandon()
        self._thread.join()
        self._streams.close()


class Helper:
    """The shell on pipes. What comes on its stderr goes to ``take``."""

    def __init__(self, exec_id: str, streams: Hijacked, take: Taken) -> None:
        """Begin to listen."""
        self.exec_id = exec_id
        self._streams = streams
        self._take = take
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._asking = threading.Lock()
        self._thread = threading.Thread(target=self._listen, daemon=True, name="cells' helper")
        self._thread.start()

    def _listen(self) -> None:
        with suppress(OSError, ValueError, ContainerMagicsError):
            for output in self._streams.output():
                (self._take if output.stream == "stderr" else self._answers.put)(output.data)
        self._answers.put(b"")

    def ask(self, script: str, limit_s: float = 10.0) -> tuple[int, bytes]:
        """(the status, what it writes) of a script. EngineLost when the shell is gone, TimedOut
        when it takes longer. Where it raises, nothing more can be asked."""
        with self._asking, self._all_or_nothing():
            number = secrets.token_hex(8)
            halves = f"{number[:4]} {number[4:]}"
            end = rf"printf '\035%s%s%s\035' {halves} $?"
            text = f"{{ {script}\n}} 2>/dev/null </dev/null; {end}".encode(errors="surrogateescape")
            mark = GS + number.encode()
            with suppress(OSError):
                self._streams.send(waiter.message(text))
            answer = bytearray()
            while not (answer.endswith(GS) and mark in answer[-len(mark) - 8 :]):
                answer += self._next(limit_s)
        content, _, status = bytes(answer).rpartition(mark)
        return int(status[:-1]), content

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """What was asked or answered in part would be taken for the next question's."""
        try:
            yield
        except BaseException:
            self._streams.abandon()
            raise

    def _next(self, limit_s: float) -> bytes:
        try:
            piece = self._answers.get(timeout=limit_s)
        except queue.Empty:
            raise TimedOut("The shell that helps the kernel in its container is stuck.") from None
        if not piece:
            self._answers.put(piece)  # for the next one who asks
            raise EngineLost("The connection to the kernel's container has ended.")
        return piece

    def write(self, path: str, content: bytes, script: str = ":") -> bytes:
        """Make a file of a text without NUL; returns what ``script`` writes, which is run first."""
        answer = b""
        for begin in range(0, max(len(content), 1), PIECE_BYTES):
            piece = waiter.quoted(content[begin : begin + PIECE_BYTES])
            way, first = (">>", ":") if begin else (">", script)
            text = piece.decode(errors="surrogateescape")
            answer += self.ask(f"{first}\nprintf '%s' {text} {way} {path}")[1]
        return answer

    def read(self, path: str, limit_bytes: int) -> bytes:
        """At most so much of a file; b"" where there is none."""
        return self.ask(f"head -c {limit_bytes} {path} && rm -f {path}", 60.0)[1]

    def close(self) -> None:
        """End the connection; the shell ends with its input."""
        self._streams.abandon()
        self._thread.join()
        self._streams.close()

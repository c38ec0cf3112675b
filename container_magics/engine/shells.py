"""A shell in a running container, on a terminal that somebody looks at; and its end.

An exec outlives the connection that it was started on, so its processes are looked for and ended:
by the session of the shell's terminal, and, where one has left that session (``setsid``), by a
variable of its environment. The shell says its own number in the container, which the engine
does not know, before anything else is written. In a practice box the shell is the student's, as
after a login.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress

from container_magics.core.boxes import BOX_USER
from container_magics.engine import run
from container_magics.engine.client import Engine
from container_magics.engine.kernelexec import opened, status_of
from container_magics.engine.ownership import PURPOSE
from container_magics.engine.streams import Hijacked
from container_magics.errors import ContainerMagicsError, EngineRefused

VARIABLE = "CONTAINER_MAGICS_TERMINAL"
MARK = b"\x1d"
BEGIN = (
    r"""printf '\035%s\035' $$; if command -v bash >/dev/null 2>&1; then exec bash; fi; exec sh"""
)
LONGEST_NUMBER = 12
NO_PROGRAM = 127
END_S = 1.0
"""How long the shell's programs may take to end by themselves."""
# A line of /proc/PID/stat after the name in brackets: state, parent, group, session (proc(5)).
LEFT = r"""
left=1
for place in /proc/[0-9]*; do
    read -r line 2>/dev/null <"$place/stat" || continue
    set -- ${line##*) }
    pid=${place#/proc/}
    [ "$1" != Z ] && [ "$pid" != $$ ] || continue
    if [ "$4" = "$SHELL_PID" ] ||
        tr '\0' '\n' 2>/dev/null <"$place/environ" | grep -qsx "$MARKED"; then
        kill -"$SIGNAL" "$pid" 2>/dev/null && left=0
    fi
done
exit $left
"""


class Shell:
    """A shell of the container's own, bash where it has one. ``end`` it: it does not by itself."""

    def __init__(self, engine: Engine, container: str, *, rows: int = 24, columns: int = 80):
        """Start it. EngineRefused where the container has no sh, Conflict where it is not
        running, NotFound where there is none."""
        self._engine = engine
        self._container = container
        self._secret = secrets.token_hex(16)
        environment = (("TERM", "xterm-256color"), (VARIABLE, self._secret))
        program = ("sh", "-c", BEGIN)
        self._user, folder = whose(engine, container)
        self._exec, self._streams = opened(
            engine, container, program, environment, user=self._user, folder=folder, terminal=True
        )
        self._pid, self._first = "", b""
        self._hear_number()
        self.resize(rows, columns)

    def _hear_number(self) -> None:
        heard = b""
        while heard.count(MARK) < 2 and len(heard) < LONGEST_NUMBER + 2:
            piece = self._streams.receive()
            if not piece:
                break
            heard += piece
        before, _, rest = heard.partition(MARK)
        number, mark, after = rest.partition(MARK)
        if not (mark and number.isdigit()):
            self._streams.close()
            raise EngineRefused(
                "No shell starts in this container: it has no program sh.",
                status=NO_PROGRAM,
                facts=tuple(heard.decode("utf-8", "replace").split("\n")[:3]),
            )
        self._pid, self._first = number.decode(), before + after

    def receive(self) -> bytes:
        """What has come, waited for; b"" when nothing will."""
        first, self._first = self._first, b""
        if first:
            return first
        with suppress(OSError, ValueError):
            return self._streams.receive()
        return b""

    def type(self, data: bytes) -> None:
        """Write to it; nothing happens when it has ended."""
        with suppress(OSError):
            self._streams.send(data)

    def resize(self, rows: int, columns: int) -> None:
        """Give its terminal another size; nothing happens when it has ended."""
        size = {"h": str(rows), "w": str(columns)}
        with suppress(ContainerMagicsError):
            self._engine.request("POST", f"/exec/{self._exec}/resize", params=size)

    def end(self) -> None:
        """End it and all that was started in it; whoever reads comes to the end. Not an error
        when the container is gone."""
        self._streams.abandon()
        limit_s = time.monotonic() + END_S
        with suppress(ContainerMagicsError):
            while self._signal("HUP") and time.monotonic() < limit_s:
                time.sleep(0.1)
            limit_s = time.monotonic() + END_S
            while self._signal("KILL") and time.monotonic() < limit_s:
                time.sleep(0.05)

    def close(self) -> None:
        """Close the connection; for the one who reads, after ``end``."""
        self._streams.close()

    def _signal(self, name: str) -> bool:
        """Send a signal to all that is left of it; returns whether there was anything."""
        marked = f"{VARIABLE}={self._secret}"
        environment = (("SHELL_PID", self._pid), ("MARKED", marked), ("SIGNAL", name))
        helper, streams = opened(
            self._engine,
            self._container,
            ("sh", "-c", LEFT),
            environment,
            # root may signal what has become another user in the meantime; but a box's root has
            # no power over a student's programs
            user=self._user or "0",
            folder="",
            terminal=False,
        )
        drain(streams)
        return status_of(self._engine, helper) == 0


def whose(engine: Engine, container: str) -> tuple[str, str]:
    """(user, folder) of a shell: the student's in a practice box, the container's own ("") else."""
    labels = run.inspect(engine, container)["Config"]["Labels"] or {}
    student = labels.get(PURPOSE) == "sshbox"
    return (BOX_USER, f"/home/{BOX_USER}") if student else ("", "")


def drain(streams: Hijacked) -> None:
    """Wait for the end of a program whose output nobody needs."""
    with streams, suppress(OSError, ValueError):
        while streams.receive():
            pass

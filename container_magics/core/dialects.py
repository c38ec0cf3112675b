"""The programs that run a container kernel's cells: how each is started, fed and asked.

A dialect's program runs on a terminal of its own, so that a cell can ask for input and be
interrupted as in a shell. It is told each cell by one line; the cell itself lies in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

QUIET = (
    ("TERM", "dumb"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("MANPAGER", "cat"),
    ("SYSTEMD_PAGER", "cat"),
    ("HISTFILE", ""),
    ("ENV", ""),
    ("PS1", ""),
    ("PS2", ""),
)
"""The environment of a terminal that nobody looks at page by page."""
PLAIN_TERMINAL = r"stty -echo -opost 2>/dev/null; printf '\035%s%sb' @HALVES@; exec "
"""What is typed is not shown again, and a line ends as it was written. Then it may be typed to."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a kernel's files lie in its container, and the path by which a cell's stderr goes to
    the kernel. ``key`` marks what a cell shows."""

    folder: str
    stderr: str
    key: str

    @property
    def cell(self) -> str:
        """The file of the cell that runs."""
        return f"{self.folder}/cell"


@dataclass(frozen=True, slots=True)
class Completions:
    """What may stand in the code from ``begin`` to the cursor."""

    begin: int
    matches: tuple[str, ...]


class Dialect(Protocol):
    """A program for cells. What it asks of the container is a cell too, and reads the answer."""

    @property
    def name(self) -> str:
        """The language."""

    @property
    def info(self) -> dict[str, str]:
        """Jupyter's language_info (messaging, "Kernel info")."""

    def start(self, place: Place, number: str) -> tuple[str, ...]:
        """The argument vector that runs it on a terminal; it says the beginning of that number when
        it may be typed to."""

    def prelude(self, place: Place) -> str:
        """A cell before the first; its last word is the program's process number."""

    def line(self, place: Place, number: str) -> bytes:
        """What makes it run the cell in ``place.cell``."""

    def recover(self, place: Place, number: str) -> bytes:
        """What makes it say that the cell has ended, where an interrupt throws the rest of the
        line away; b"" for one that says so in any case."""

    @property
    def loses_interrupts(self) -> bool:
        """Whether an interrupt at the wrong moment is lost, so that it has to come again. The first
        that arrives must end the cell, and one without a cell do nothing."""

    def completing(self, place: Place, code: str, cursor: int) -> str:
        """A cell that writes what may stand at the cursor."""

    def completed(self, code: str, cursor: int, answer: str) -> Completions:
        """What that cell has written."""

    def completeness(self, place: Place, code: str) -> str:
        """A cell that writes complete, incomplete or invalid."""

    def inspecting(self, code: str, cursor: int) -> str:
        """A cell that writes what is known of the word at the cursor; "" for no word."""


def dialect_of(asked: str, programs: Sequence[str]) -> Dialect | None:
    """The dialect for a language that was asked for ("" for the best shell), of an image that
    has these ``programs``; None when it lacks it."""
    from container_magics.core.interpreters import INTERPRETERS
    from container_magics.core.shelldialect import Shell
    from container_magics.core.sqlcells import Psql

    if asked == "psql":
        return Psql() if asked in programs else None
    if found := INTERPRETERS.get(asked):
        return found if found.program[0] in programs else None
    for name in (asked,) if asked else ("bash", "sh"):
        if name in programs:
            return Shell(name)
    return None


def language_run_by(command: Sequence[str]) -> str:
    """The language of an interpreter that is all that an image's command runs: its name alone,
    with or without a path and a version. "" for any other command, a shell too."""
    if len(command) != 1:
        return ""
    program = command[0].rpartition("/")[2].rstrip("0123456789.")
    return program if program in ("python", "node") else ""


LANGUAGES = ("bash", "sh", "python", "node", "psql")
"""What --language may be."""


def language_info(asked: str) -> dict[str, str]:
    """What is known of a kernel's language before its container is there."""
    found = dialect_of(asked, ("bash", "sh", "python3", "node", "psql"))
    return found.info if found else {}

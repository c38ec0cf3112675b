"""Python and Node.js as programs of a container kernel: the image's own, by texts that we bring."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from container_magics.core import nodecells, pythoncells
from container_magics.core.dialects import PLAIN_TERMINAL, Completions, Place
from container_magics.core.shelldialect import halves
from container_magics.core.shelltexts import filled

NAME = re.compile(r"[A-Za-z_$][\w$.]*")
WORD = re.compile(r"[\w$.]*\Z")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A program that is given a text of ours to run cells by. The text has a name ``__cells__``,
    whose methods write what Tab, Shift-Tab and a front end that reads Enter want to know."""

    name: str
    program: tuple[str, ...]
    text: str
    number: str
    """An expression of its own process number."""
    info: dict[str, str] = field(hash=False)
    """As the front ends know the language."""
    loses_interrupts: bool = False

    def start(self, place: Place, number: str) -> tuple[str, ...]:
        """The program on its terminal."""
        begin = filled(PLAIN_TERMINAL, halves=halves(number))
        line = f'{begin}{" ".join(self.program)} "$@"'
        return ("sh", "-c", line, "sh", self.text, place.folder, place.key)

    def prelude(self, place: Place) -> str:  # noqa: ARG002 - a shell's needs it
        """It writes its process number."""
        return self.number

    def line(self, place: Place, number: str) -> bytes:
        """The program knows the rest."""
        return f"{number} {place.stderr}\n".encode()

    def recover(self, place: Place, number: str) -> bytes:  # noqa: ARG002 - as above
        """An interrupt is an exception there, and the end is said."""
        return b""

    def completing(self, place: Place, code: str, cursor: int) -> str:  # noqa: ARG002
        """By the names that it has."""
        return f"__cells__.complete({json.dumps(code, ensure_ascii=False)}, {cursor})"

    def completed(self, code: str, cursor: int, answer: str) -> Completions:
        """In its order, each once."""
        found = WORD.search(code[:cursor])
        begin = found.start() if found else cursor
        return Completions(begin, tuple(dict.fromkeys(answer.splitlines())))

    def completeness(self, place: Place, code: str) -> str:  # noqa: ARG002 - as above
        """By the language's own parser."""
        return f"__cells__.completeness({json.dumps(code, ensure_ascii=False)})"

    def inspecting(self, code: str, cursor: int) -> str:
        """What the word is."""
        words = [found for found in NAME.finditer(code) if found.start() <= cursor]
        return f"__cells__.inspect({json.dumps(words[-1][0], ensure_ascii=False)})" if words else ""


PYTHON = Interpreter(
    "python",
    ("python3", "-c"),
    pythoncells.PROGRAM,
    "__import__('builtins').print(__import__('os').getpid())",
    {
        "name": "python",
        "version": "3",
        "mimetype": "text/x-python",
        "file_extension": ".py",
        "codemirror_mode": "python",
        "pygments_lexer": "ipython3",
    },
)
NODE = Interpreter(
    "node",
    ("node", "-e"),
    nodecells.PROGRAM,
    "console.log(process.pid)",
    {
        "name": "javascript",
        "version": "",
        "mimetype": "text/javascript",
        "file_extension": ".js",
        "codemirror_mode": "javascript",
        "pygments_lexer": "javascript",
    },
    # seen with Node.js 18: the end of vm's breakOnSigint drops a SIGINT of that moment
    loses_interrupts=True,
)
INTERPRETERS = {"python": PYTHON, "node": NODE}

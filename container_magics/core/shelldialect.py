"""A POSIX shell as the program of a container kernel: bash, or what the image has as sh."""

from __future__ import annotations

from dataclasses import dataclass

from container_magics.core.dialects import PLAIN_TERMINAL, Completions, Place
from container_magics.core.shellcursor import Cursor, cursor_at, inserted, word_at
from container_magics.core.shelltexts import (
    BASH_COMMANDS,
    BASH_VARIABLES,
    COMMANDS,
    COMPLETENESS,
    FILES,
    FUNCTIONS,
    INSPECTION,
    VARIABLES,
    apart,
    filled,
    quoted,
)

HOME = "~/"
INTERRUPTED = "130"
"""128 + SIGINT: how a shell says that a program was ended so."""


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell by the name of its program."""

    name: str

    @property
    def info(self) -> dict[str, str]:
        """As the front ends know bash; its highlighting serves every POSIX shell."""
        return {
            "name": "bash",
            "version": "",
            "mimetype": "text/x-sh",
            "file_extension": ".sh",
            "codemirror_mode": "shell",
            "pygments_lexer": "bash",
        }

    def start(self, place: Place, number: str) -> tuple[str, ...]:  # noqa: ARG002 - Python's needs it
        """Interactive, for then an interrupt ends a loop and not the shell; its prompts go
        nowhere."""
        options = "--norc --noprofile --noediting -i" if self.name == "bash" else "-i"
        begin = filled(PLAIN_TERMINAL, halves=halves(number))
        return ("sh", "-c", f"{begin}{self.name} {options} 2>/dev/null")

    def prelude(self, place: Place) -> str:
        """Its functions ``show`` and ``display``; it writes its process number."""
        own = "set +o history\n" if self.name == "bash" else ""
        return own + filled(FUNCTIONS, folder=place.folder, key=place.key) + "echo $$\n"

    def line(self, place: Place, number: str) -> bytes:
        """The cell is read into the shell itself, its three streams opened anew, so that a cell
        that closes or redirects them for good harms itself alone."""
        begin = rf"\command printf '\035%s%sb' {halves(number)} >/dev/tty"
        cell = f"{{ . {place.cell}; }} </dev/tty >/dev/tty 2>{place.stderr}"
        return f" {begin}; {cell}; {self._end(place, number, '$?')}".encode()

    @property
    def loses_interrupts(self) -> bool:
        """A shell does not."""
        return False

    def recover(self, place: Place, number: str) -> bytes:
        """Ended by an interrupt. A job in the foreground gives the terminal back to the shell."""
        return f" ( : ); {self._end(place, number, INTERRUPTED)}".encode()

    def _end(self, place: Place, number: str, status: str) -> str:
        both = halves(number)
        return (
            rf"\command printf '\035%s%se%s\035%s\035%s%sz' "
            rf'{both} "{status}" "$PWD" {both} >/dev/tty; '
            rf"\command printf '\035%s%sb' {both} >{place.stderr}; PS1= PS2= PROMPT_COMMAND=" + "\n"
        )

    def completing(self, place: Place, code: str, cursor: int) -> str:  # noqa: ARG002
        """By compgen, where there is one; else from PATH, ``set`` and a pattern."""
        return apart(self._candidates(cursor_at(code, cursor)))

    def _candidates(self, found: Cursor) -> str:
        own = self.name == "bash"
        match found.kind:
            case "variable":
                return filled(BASH_VARIABLES if own else VARIABLES, start=quoted(found.text))
            case "command":
                commands = filled(BASH_COMMANDS if own else COMMANDS, start=quoted(found.text))
                return f"{commands}\n{files(found)}" if found.text else commands
            case _:
                return files(found)

    def completed(self, code: str, cursor: int, answer: str) -> Completions:
        """In the order of the alphabet, each once."""
        found = cursor_at(code, cursor)
        home = HOME if found.text.startswith(HOME) else ""
        lines = sorted({home + line for line in answer.splitlines()})
        lines = [line for line in lines if line.startswith(found.text)]
        return Completions(found.begin, tuple(inserted(line, found) for line in lines))

    def completeness(self, place: Place, code: str) -> str:
        """By the shell's own ``-n``."""
        return apart(
            filled(COMPLETENESS, program=self.name, folder=place.folder, code=quoted(code))
        )

    def inspecting(self, code: str, cursor: int) -> str:
        """By ``command -V``, ``help``, man and ``--help``."""
        word = word_at(code, cursor)
        if not word:
            return ""
        bash = self.name == "bash"
        own = f"command -V {quoted(word)}"
        return apart(
            filled(
                INSPECTION,
                show_function=f"declare -f -- {quoted(word)}" if bash else own,
                show_builtin=f"help -- {quoted(word)}" if bash else own,
                word=quoted(word),
            )
        )


def files(cursor: Cursor) -> str:
    """A cell that writes the files whose names begin so; with ~ for the home folder."""
    if cursor.text.startswith(HOME):
        return f"( cd && {filled(FILES, start=quoted(cursor.text[len(HOME) :]))} )"
    return filled(FILES, start=quoted(cursor.text))


def halves(number: str) -> str:
    """A number as two words: where a terminal shows what is typed, no mark is in it."""
    return f"{number[:4]} {number[4:]}"

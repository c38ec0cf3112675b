"""A cell's text and the program that reads it: the shebang, --exec, or a language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from container_magics.core.languages import LANGUAGES, Language, find
from container_magics.errors import UsageError

# Linux takes at most 128 KiB in one argument (MAX_ARG_STRLEN, execve(2)); leave room for the rest.
LONGEST_ARGUMENT_BYTES = 120_000
CELL_FILE = "/.container-magics-cell"


@dataclass(frozen=True, slots=True)
class Script:
    """How a cell is run: ``command`` is the whole argument vector.

    ``file`` is what has to lie in the container at the path that ``command`` names, ``stdin``
    what the program reads; None for none of either.
    """

    command: tuple[str, ...]
    file: bytes | None = None
    stdin: bytes | None = None


def script(
    cell: str,
    name: str = "",
    *,
    program: tuple[str, ...] = (),
    table: Mapping[str, Language] = LANGUAGES,
    file: str = CELL_FILE,
) -> Script:
    """What runs ``cell``: ``program`` (--exec) with the cell as its stdin, a blank one being
    none; or the file itself when its first line is ``#!``; or the language ``name``, else sh.

    A program is given a cell as an argument or as a file, so that its stdin stays free, and as
    its stdin only where it reads nothing else. Raises UsageError.
    """
    if program:
        return Script(program, stdin=cell.encode() if cell.strip() else None)
    if "\0" in cell:
        raise UsageError("The cell holds a NUL character, which no script can.")
    if cell.startswith("#!"):
        return Script((file,), cell.encode())
    language = find(name or "sh", table)
    if language.how == "stdin":
        return Script(language.program, stdin=cell.encode())
    if language.how == "file":
        return Script(language.words(cell, file), cell.encode())
    if len(cell.encode()) <= LONGEST_ARGUMENT_BYTES:
        return Script(language.words(cell, file))
    if not language.long:
        raise UsageError(
            f"The cell is too long for an argument of {language.program[0]}.",
            hint="Write {file} where it takes a file, in the setting Workbench.languages.",
        )
    return Script(language.words(cell, file, as_file=True), cell.encode())


def command(
    cell: str, interpreter: str = "", *, file: str = CELL_FILE
) -> tuple[tuple[str, ...], bytes | None]:
    """(argument vector, content of ``file`` or None) that run ``cell`` in a known language that
    leaves stdin free."""
    made = script(cell, interpreter, file=file)
    return made.command, made.file


def wanted(command: tuple[str, ...], files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The programs that have to be in an image so that ``command`` starts, first needed first.

    A script of ``files`` (path, content) needs what its shebang names; after ``env``, that too.
    """
    if not command:
        return ()
    head = files.get(command[0], b"")
    if not head.startswith(b"#!"):
        return (command[0],)
    words = head.partition(b"\n")[0][2:].decode(errors="replace").split()
    if words and words[0].endswith("/env"):
        return (words[0], *[word for word in words[1:] if not word.startswith("-")][:1])
    return tuple(words[:1])

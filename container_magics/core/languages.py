"""The languages of --as: one table of programs and of the way a cell reaches each.

A setting extends it (``Workbench.languages``), in the same words as here.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from container_magics.errors import UsageError

CELL = "{cell}"
FILE = "{file}"
STDIN = "<"
How = Literal["argument", "file", "stdin"]


@dataclass(frozen=True, slots=True)
class Language:
    """A program, as words. In them ``{cell}`` stands for the cell's text, ``{file}`` for the
    path of a file that holds it.

    ``how`` says which of the two is there; "stdin": neither, the program reads the cell where
    it would read its input. ``long`` are the words for a cell that is too long for an argument,
    with ``{file}``; empty when there are none.
    """

    program: tuple[str, ...]
    how: How = "argument"
    long: tuple[str, ...] = ()

    def words(self, cell: str, file: str, *, as_file: bool = False) -> tuple[str, ...]:
        """The argument vector; ``as_file`` takes the words for a long cell."""
        given = self.long if as_file else self.program
        return tuple(word.replace(FILE, file) if word != CELL else cell for word in given)


def by_argument(*words: str) -> Language:
    """A program whose last option takes the script, and which takes a file without it."""
    return Language((*words, CELL), long=(*words[:-1], FILE))


LANGUAGES: dict[str, Language] = {
    "sh": by_argument("sh", "-c"),
    "bash": by_argument("bash", "-c"),
    "zsh": by_argument("zsh", "-c"),
    "python": by_argument("python3", "-u", "-c"),
    "node": by_argument("node", "-e"),
    "perl": by_argument("perl", "-e"),
    "ruby": by_argument("ruby", "-e"),
    "php": Language(("php", "-r", CELL), long=("php", FILE)),
    "lua": by_argument("lua", "-e"),
    "r": by_argument("Rscript", "-e"),
    "awk": Language(("awk", CELL), long=("awk", "-f", FILE)),
    # SQL comes as a file: the clients' own commands (.open, \copy) work in one, and not all
    # of them in an argument. A statement that fails ends the cell.
    "sqlite": Language(("sqlite3", "-batch", "-bail", ":memory:", f".read {FILE}"), "file"),
    "psql": Language(("psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", FILE), "file"),
    "mysql": Language(("mysql", "-e", f"source {FILE}"), "file"),
}


def language(words: str | Sequence[str]) -> Language:
    """A language as a user writes it: a program and its options, as one text or as words.

    With ``{file}`` in a word the program is given a file; a word ``{cell}`` is the cell; a last
    word ``<`` feeds the cell to its stdin; with none of these the cell is the last word. Raises
    UsageError when there is no program.
    """
    given = split(words)
    if not given or given[0] in (CELL, FILE, STDIN):
        raise UsageError(
            f"{words!r} is no language: the first word is a program.",
            hint='Such as ["tclsh", "{file}"] or "lua -e".',
        )
    if given[-1] == STDIN:
        return Language(given[:-1], "stdin")
    if any(FILE in word for word in given):
        return Language(given, "file")
    if CELL in given:
        return Language(given)
    # an option that takes a script ("-e", "-c") gives way to the file that holds a long one
    return by_argument(*given) if given[-1].startswith("-") else Language((*given, CELL))


def split(words: object) -> tuple[str, ...]:
    """A text's words, as a shell has them, or the words of a list; empty for anything else."""
    if isinstance(words, str):
        try:
            return tuple(shlex.split(words))
        except ValueError:  # a quotation mark is not closed
            return ()
    if isinstance(words, list | tuple) and all(isinstance(word, str) for word in words):
        return tuple(words)
    return ()


def known(added: Mapping[str, str | Sequence[str]]) -> dict[str, Language]:
    """The table with a user's own; theirs win. Raises UsageError."""
    return {**LANGUAGES, **{name: language(words) for name, words in added.items()}}


def find(name: str, table: Mapping[str, Language]) -> Language:
    """The language of that name; UsageError says the nearest, and all that are known."""
    try:
        return table[name]
    except KeyError:
        near = difflib.get_close_matches(name, table, 1)
        asked = f"Did you mean --as {near[0]}? " if near else ""
        raise UsageError(
            f"--as does not know {name!r}.",
            hint=f"{asked}It knows {', '.join(table)}. "
            "For another: a first line #!/path/to/it, or the setting Workbench.languages.",
        ) from None

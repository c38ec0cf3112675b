""".dockerignore as Docker reads it: lines -> patterns, and which paths these leave out.

The rules are those of moby/patternmatcher (ignorefile.go and patternmatcher.go), which Docker's
clients and BuildKit share. They are not git's: a pattern is anchored at the context's top, the
last line that matches wins, and ``!`` takes a file back from a folder that is left out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from container_magics.errors import UsageError

WILD = frozenset("*?[]\\")
ONE = r"(?:\\.|[^\\\]-])"
RANGE = re.compile(rf"({ONE})(?:-({ONE}))?", re.DOTALL)
TOKEN = re.compile(rf"\[\^?(?:{ONE}(?:-{ONE})?)+\]|\*\*/?|\\.|.", re.DOTALL)
Above = tuple[bool, ...]
"""Of a folder: which patterns match it, or a folder around it. Empty means the context's top."""


def read(text: str) -> tuple[str, ...]:
    """The patterns of a file, in its order: "/a/" is "a", "! b" is "!b".

    A comment is a line whose very first character is #. Spaces at both ends do not count.
    """
    lines = (line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n"))
    found = (line.strip() for line in lines if not line.startswith("#"))
    return tuple(pattern_of(line) for line in found if line)


def pattern_of(line: str) -> str:
    """One line, its path in its shortest form and seen from the context's top."""
    taken_back = line.startswith("!")
    path = line[1:].strip() if taken_back else line
    if path:
        path = shortest(path)
        path = path[1:] if len(path) > 1 and path.startswith("/") else path
    return f"!{path}" if taken_back else path


def shortest(path: str) -> str:
    """As Go's filepath.Clean has it: without ``.``, ``..`` and doubled slashes."""
    clean = posixpath.normpath(path)
    return clean[1:] if clean.startswith("//") else clean


class Patterns:
    """Patterns in their order; a later one overrules those before it."""

    def __init__(self, patterns: Iterable[str], where: str = ".dockerignore") -> None:
        """Raises UsageError, which names ``where``, for one that Docker would refuse."""
        self._all = tuple(Pattern.parse(one, where) for one in patterns)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._all)

    def check(self, path: str, above: Above) -> tuple[bool, Above]:
        """(whether they match the path, what to hand on to the paths in it).

        ``above`` is what the folder around it was given. A pattern that could change nothing
        at a folder is not tried there, and so is not known to match what is in it: that is how
        Docker's walk goes (MatchesUsingParentResults).
        """
        matched, found = False, []
        for number, pattern in enumerate(self._all):
            match = bool(above) and above[number]
            if not match and pattern.takes_back == matched:
                match = pattern.matches(path)
            found.append(match)
            if match:
                matched = not pattern.takes_back
        return matched, tuple(found)

    def may_take_back(self, folder: str) -> bool:
        """Whether something in a folder that is left out may be taken back."""
        return any(one.may_lie_in(folder) for one in self._all if one.takes_back)

    def may_match_in(self, folder: str) -> bool:
        """Whether something in a folder that does not match itself may match."""
        return any(one.may_lie_in(folder) for one in self._all if not one.takes_back)


@dataclass(frozen=True)
class Pattern:
    """One pattern. ``text`` is its path in its shortest form, without the ``!``."""

    text: str
    takes_back: bool = False

    @classmethod
    def parse(cls, line: str, where: str) -> Pattern:
        """Raises UsageError for ``!`` alone, and for brackets that Go's filepath.Match refuses."""
        takes_back, text = line.startswith("!"), line.removeprefix("!")
        found = cls(shortest(text) if text else "", takes_back)
        if not text or not well_formed(found.text) or found.expression is None:
            raise UsageError(
                f"{where}: {line!r} is no pattern.",
                hint="Each [ needs its ], with something in it; ! needs a path after it.",
            )
        return found

    def matches(self, path: str) -> bool:
        """Whether it means this very path; the folders around it are asked by themselves."""
        return self.expression is not None and self.expression.match(path) is not None

    def may_lie_in(self, folder: str) -> bool:
        """Whether it may mean something in the folder; told only of a pattern without wildcards."""
        plain = self.text.removesuffix("/**").removesuffix("/*")
        return not WILD.isdisjoint(plain) or f"{plain}/".startswith(f"{folder}/")

    @cached_property
    def expression(self) -> re.Pattern[str] | None:
        """The same as a regular expression for whole paths; None when it is none."""
        try:
            return re.compile(rf"(?:{translated(self.text)})\Z")
        except re.error:  # a range whose ends are the wrong way round
            return None


def translated(text: str) -> str:
    """The pattern as a regular expression.

    "**" takes any number of folders, also none. At the beginning with nothing special after it,
    and at the end with nothing special before it, it takes any text: "**ab" means "xab" too.
    """
    if WILD.isdisjoint(text):
        return re.escape(text)
    if text.startswith("**") and WILD.isdisjoint(rest := text[2:]):
        whole = f"|{re.escape(rest[1:])}" if rest.startswith("/") else ""
        return f"(?s:.*){re.escape(rest)}{whole}"
    if text.endswith("**") and WILD.isdisjoint(begin := text[:-2]):
        return f"{re.escape(begin)}(?s:.*)"
    tokens = TOKEN.findall(text)
    end = ".*" if tokens[-1] == "**" else of_token(tokens[-1])
    return "".join(map(of_token, tokens[:-1])) + end


def of_token(token: str) -> str:
    """One part of a pattern as one of a regular expression."""
    if token.startswith("**"):
        return "(?:.*/)?"
    if len(token) > 1 and token.startswith("["):
        inside = token[1:-1].removeprefix("^")
        ranges = (
            f"{literal(low)}{'-' if high else ''}{literal(high)}"
            for low, high in RANGE.findall(inside)
        )
        return f"[{'^' if token[1] == '^' else ''}{''.join(ranges)}]"
    return {"*": "[^/]*", "?": "[^/]"}.get(token) or literal(token)


def literal(character: str) -> str:
    """A character, or a backslash and what it takes the meaning from, as itself."""
    return re.escape(character[-1:])


def well_formed(text: str) -> bool:
    """Whether Go's filepath.Match takes it: each [ is closed and holds something, a range has
    both ends, and a backslash stands before something."""
    return all(token not in ("[", "\\") for token in TOKEN.findall(text))

"""``$name`` and ``${name:-word}`` in a word -> what the word becomes, and which names it asks for.

The rules are those of BuildKit (shell/lex.go in moby/buildkit frontend/dockerfile): single
quotes protect everything, double quotes all but ``$``, and the escape what follows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NAME = re.compile(r"[A-Za-z_]\w*+|\d++|[@*#?!$-]", re.ASCII)
PLAIN = {escape: re.compile(rf"[^\"'${mark}]++") for escape, mark in (("\\", r"\\"), ("`", "`"))}
PLAIN_IN_BRACES = {
    escape: re.compile(rf"[^\"'$}}{mark}]++") for escape, mark in (("\\", r"\\"), ("`", "`"))
}
DEEPEST = 50  # nested ${a:-${b:-...}}: nobody writes more, and each level is a call of ours


class BadWord(ValueError):
    """An open quote or brace, or a substitution that there is not; the text says which."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """What a word becomes.

    ``missing`` are the names without a value that no ``-`` or ``+`` provides for, ``used`` those
    with one. ``certain`` is False where a pattern (``${a%b}``) is left to the builder.
    """

    text: str
    used: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    certain: bool = True


def expand(
    word: str, values: Mapping[str, str], *, escape: str = "\\", quotes: bool = True
) -> Expanded:
    """Replace the variables of a word; without ``quotes`` they are text, as in a heredoc.

    Raises BadWord for what the builder cannot read.
    """
    if not any(mark in word for mark in ("$", "'", '"', escape)):
        return Expanded(word)
    reader = Reader(word, values, escape, quotes)
    text = reader.read_until("")
    return Expanded(text, frozenset(reader.used), frozenset(reader.missing), reader.certain)


@dataclass(slots=True)
class Reader:
    """Reads one word from left to right."""

    word: str
    values: Mapping[str, str]
    escape: str
    quotes: bool = True
    at: int = 0
    depth: int = 0
    certain: bool = True
    used: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)

    def read_until(self, end: str) -> str:
        """The text up to ``end``, which is "}" or "" for the word's end."""
        plain = (PLAIN_IN_BRACES if end else PLAIN)[self.escape]
        parts: list[str] = []
        while self.at < len(self.word):
            mark = self.word[self.at]
            if mark == end:
                return "".join(parts)
            if match := plain.match(self.word, self.at):
                self.at = match.end()
                parts.append(match[0])
            else:
                parts.append(self.read_mark(mark))
        if end:
            raise BadWord("a ${ is never closed")
        return "".join(parts)

    def read_mark(self, mark: str) -> str:
        """What a quote, an escape or a ``$`` stands for."""
        self.at += 1
        if mark == "$":
            return self.read_dollar()
        if mark == self.escape:
            self.at += 1
            return self.word[self.at - 1 : self.at]
        if not self.quotes:
            return mark
        return self.read_single() if mark == "'" else self.read_double()

    def read_single(self) -> str:
        """Up to the next single quote, all as it is."""
        end = self.word.find("'", self.at)
        if end < 0:
            raise BadWord("a single quote is never closed")
        text, self.at = self.word[self.at : end], end + 1
        return text

    def read_double(self) -> str:
        """Up to the next double quote; an escape protects a quote, a ``$`` and itself alone."""
        plain, parts = PLAIN[self.escape], list[str]()
        while self.at < len(self.word):
            if match := plain.match(self.word, self.at):
                self.at = match.end()
                parts.append(match[0])
                continue
            mark = self.word[self.at]
            self.at += 1
            if mark == '"':
                return "".join(parts)
            if mark == "$":
                parts.append(self.read_dollar())
            elif mark == self.escape and self.word[self.at : self.at + 1] in ('"', "$", mark):
                parts.append(self.word[self.at])
                self.at += 1
            else:
                parts.append(mark)
        raise BadWord("a double quote is never closed")

    def read_dollar(self) -> str:
        """A variable's value; a ``$`` that names nothing is itself."""
        if self.word[self.at : self.at + 1] == "{":
            self.at += 1
            return self.read_braces()
        match = NAME.match(self.word, self.at)
        if not match:
            return "$"
        self.at = match.end()
        return self.value(match[0])

    def read_braces(self) -> str:
        """``name}``, or a name, a modifier, its word and ``}``."""
        match = NAME.match(self.word, self.at)
        if not match:
            raise BadWord("a ${ names no variable")
        self.at = match.end()
        if self.word[self.at : self.at + 1] == "}":
            self.at += 1
            return self.value(match[0])
        return self.modified(match[0])

    def modified(self, name: str) -> str:
        """The value by the modifier: ``:-`` ``:+`` ``:?`` with or without colon, or a pattern."""
        colon = self.word[self.at : self.at + 1] == ":"
        self.at += colon
        modifier = self.word[self.at : self.at + 1]
        if not modifier or modifier not in ("-+?" if colon else "-+?#%/"):
            raise BadWord(f"${{{name} is never closed, or changed in a way that there is not")
        self.at += 1
        other = self.read_other()
        value = self.values.get(name)
        given = bool(value) if colon else value is not None
        if value is not None:
            self.used.add(name)
        if modifier == "-":
            return value or "" if given else other
        if modifier == "+":
            return other if given else ""
        if modifier != "?" and value is not None:
            self.certain = False
        return self.value(name)

    def read_other(self) -> str:
        """The word after a modifier, and the brace that closes it."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadWord("too many ${ are inside one another")
        text = self.read_until("}")
        self.at += 1
        self.depth -= 1
        return text

    def value(self, name: str) -> str:
        """The variable's value, "" for one that has none."""
        if name not in self.values:
            self.missing.add(name)
            return ""
        self.used.add(name)
        return self.values[name]

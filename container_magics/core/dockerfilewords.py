"""The small grammar inside one instruction: flags, words, quotes, JSON lists and variables.

BuildKit has a parser for each of these, and they differ: a flag's quotes go, a pair's stay; a
heredoc's word is read as a shell reads it. Sources, in moby/buildkit frontend/dockerfile:
parser/split_command.go, parser/line_parsers.go, shell/lex.go. Patterns are possessive, so that
ten megabytes take ten times what one does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

BLANKS = "\t\v\f\r "
BLANK = re.compile(r"[\t\v\f\r ]+")
# What Go takes for a space (unicode.IsSpace). Python's own str.strip takes four more.
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
# A possessive quantifier stands after a set of characters alone: after a group, Python before
# 3.11.5, such as Debian 12's, matches wrongly (CPython's issue 106052).
FLAG = re.compile(
    r"""(--(?:[^\s"'\\]|\\.|\\\Z|"(?:[^"\\]|\\.)*(?:"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z))*)\s*+""",
    re.DOTALL,
)
UNQUOTED = re.compile(r"\\(.)|[\"'\\]", re.DOTALL)
# A word as a shell has it. It must be whole: an open quote ends the reading.
SHELL_WORD = re.compile(
    r"""\s*+((?:[^\s"'\\$]|\\.|\\\Z|"(?:[^"\\]|\\.)*"|'[^']*+'|\$\{[^}]*+\}|\$(?!\{))+)""",
    re.DOTALL,
)
HEREDOC = re.compile(r"\d*+<<(-?)([^<]+)\Z", re.DOTALL)
QUOTED_PART = re.compile(r"""\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*+)'""", re.DOTALL)
# A word of ENV, LABEL and ARG, quotes kept; the reader is lenient about an open one.
PAIR_WORD = {
    escape: re.compile(
        rf"""(?:[^\s"'{mark}]|{mark}.|{mark}\Z|"(?:[^"{mark}]|{mark}.)*(?:"|\Z)"""
        rf"""|'[^']*+(?:'|\Z))+""",
        re.DOTALL,
    )
    for escape, mark in (("\\", r"\\"), ("`", "`"))
}


class NotStrings(ValueError):
    """A JSON list with something else than strings in it: no builder takes it."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One ``--name=value``, unquoted. ``value`` None is a flag without "="."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Opening:
    """A ``<<NAME`` in a line. ``cut_tabs`` is that of ``<<-``; a quoted name forbids ``expand``."""

    name: str
    cut_tabs: bool
    expand: bool


def split_keyword(text: str) -> tuple[str, str]:
    """(the first word as written, the rest without blanks around it)."""
    word, *rest = BLANK.split(text.strip(SPACES), maxsplit=1)
    return word, rest[0].strip(SPACES) if rest else ""


def split_flags(args: str) -> tuple[tuple[Flag, ...], str]:
    """(the leading flags, what follows them); a lone ``--`` ends the flags and goes."""
    found: list[Flag] = []
    at = 0
    while match := FLAG.match(args, at):
        at = match.end()
        if match[1] == "--":
            break
        name, equals, value = unquoted(match[1])[2:].partition("=")
        found.append(Flag(name, value if equals else None))
    return tuple(found), args[at:]


def unquoted(text: str) -> str:
    """Without quotes; what an escape protects stays."""
    return UNQUOTED.sub(lambda match: match[1] or "", text)


def json_list(body: str) -> tuple[str, ...] | None:
    """The strings of a JSON list; None for the shell form. Raises NotStrings."""
    if not body.startswith("["):
        return None
    try:
        read = json.loads(body, parse_constant=refuse_constant, parse_int=float)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(one, str) for one in read):
        raise NotStrings(body[:80])
    return tuple(read)


def refuse_constant(name: str) -> None:
    """NaN and Infinity are Python's own additions to JSON."""
    raise ValueError(name)


def pair_words(body: str, escape: str) -> list[str]:
    """The words of ENV, LABEL and ARG, quotes kept."""
    return PAIR_WORD[escape].findall(body)


def openings(text: str) -> Iterator[Opening]:
    """The heredocs that a line opens, in order; none where a quote stays open."""
    for word in shell_words(text) if "<<" in text else ():
        match = HEREDOC.match(word)
        if match and (name := QUOTED_PART.sub(inner, match[2])):
            quoted = '"' in match[2] or "'" in match[2]
            yield Opening(name, bool(match[1]), not quoted)


def shell_words(text: str) -> list[str]:
    """Words as a shell splits them, quotes and escapes kept; none where a quote stays open."""
    found, at = [], 0
    while match := SHELL_WORD.match(text, at):
        found.append(match[1])
        at = match.end()
    return [] if text[at:].strip(SPACES) else found


def inner(match: re.Match[str]) -> str:
    """What a quoted part stands for."""
    return match[1] or match[2] or match[3] or ""

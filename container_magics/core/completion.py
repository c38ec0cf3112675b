"""What may stand at the cursor of a magic's line, read from the parser that will read the line.

A flag, a verb or a choice is known to the parser. What an argument names is said by its
metavar: after ``PATH=`` of ``PATH=VAR`` a variable is wanted. Where the metavar does not say
it, ``FlagParser.after`` does, in the same words.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from container_magics.core.argparser import FlagParser

EngineKind = Literal[
    "container", "running", "image", "network", "volume", "box", "project", "service"
]
Kind = EngineKind | Literal["place", "variable", "language", "file", "folder"]

NAMED: dict[str, Kind] = {
    "CONTAINER": "container",
    "RUNNING": "running",
    "IMAGE": "image",
    "NETWORK": "network",
    "VOLUME": "volume",
    "SOURCE": "volume",  # or, when it starts like one, a path
    "BOX": "box",
    "PROJECT": "project",
    "SERVICE": "service",
    "PLACE": "place",
    "VAR": "variable",
    "LANGUAGE": "language",
    "FILE": "file",
    "DIR": "folder",
}
"""What a part of a metavar names. Any other part names nothing that could be looked up."""
MAGIC = re.compile(r"(?P<before>\s*(?:\w[\w\s,]*=)?\s*)(?P<magic>%{1,2}\w+)\s(?P<rest>.*)")
REPEATED = "..."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What may stand at the cursor: one of ``words``, or a name of one of ``kinds``; with
    neither, nothing that we could know.

    A completion has to start with ``typed``, and what is on the line of it, ``fragment``, is
    its end: shorter where a part of it is quoted. ``quoted`` is whether a quotation mark is open.
    ``project`` is the one whose services are wanted.
    """

    typed: str
    fragment: str
    words: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    quoted: bool = False
    project: str = ""


def magic_at(text: str, line: int, column: int) -> tuple[str, str] | None:
    """(the magic as typed, "%%image"; the text after it up to the cursor) in a cell's ``text``.

    ``line`` and ``column`` count from 0. None where no magic reads the cursor's place: in
    Python, in the magic's own name, in the body of a cell magic.
    """
    lines = text.split("\n")
    found = MAGIC.fullmatch(lines[line][:column])
    if found is None:
        return None
    first = next(number for number, each in enumerate(lines) if each.strip())
    of_cell = lines[first].startswith("%%")
    if line != first if of_cell else found["magic"].startswith("%%"):
        return None
    return found["magic"], found["rest"]


def wanted(parser: FlagParser, text: str) -> Wanted:
    """What may follow ``text``, the beginning of the line that ``parser`` reads."""
    words, last = split(text)
    flag, placed, bare = walked(parser, words)
    if flag is not None:
        return offered(meaning(parser, flag), last)
    if last.value.startswith("-") and not bare:
        return of_dashes(parser, placed, last)
    found = offered(positional(parser, placed), last)
    if "service" in found.kinds:
        return replace(found, project=placed[list(taken(parser, placed)).index("PROJECT")])
    if last.value or found.words or found.kinds:
        return found
    return narrowed(last, tuple(flag for flag in flags(parser, placed) if flag.startswith("--")))


@dataclass(frozen=True, slots=True)
class Word:
    """The word at the cursor: its ``value``, as a shell reads it; the ``plain`` end of it, in
    which nothing is quoted; whether a quotation mark is open."""

    value: str = ""
    plain: str = ""
    quoted: bool = False

    def part(self, begin: int) -> Word:
        """The same from a place in its value on."""
        value = self.value[begin:]
        return Word(value, self.plain[-len(value) :] if value else "", self.quoted)


def split(text: str) -> tuple[list[str], Word]:
    """Words as a POSIX shell reads them, and the one at the end, which may be empty."""
    words: list[str] = []
    value, plain, quote, begun, escaped = "", "", "", False, False
    for character in text:
        if escaped:
            value, plain, escaped = value + character, "", False
        elif character == "\\" and quote != "'":
            plain, begun, escaped = "", True, True
        elif character == quote or (not quote and character in "'\""):
            quote, plain, begun = "" if quote else character, "", True
        elif character.isspace() and not quote:
            if begun:
                words.append(value)
            value, plain, begun = "", "", False
        else:
            value, plain, begun = value + character, plain + character, True
    return words, Word(value, plain, bool(quote))


def walked(
    parser: FlagParser, words: Sequence[str]
) -> tuple[argparse.Action | None, list[str], bool]:
    """(the flag that waits for its value, the words that belong to no flag, whether ``--`` has
    ended the flags) after these words."""
    options = parser.options
    placed: list[str] = []
    waiting: argparse.Action | None = None
    bare = False
    for word in words:
        if waiting is not None:
            waiting = waiting if waiting.nargs == argparse.REMAINDER else None
        elif bare or not word.startswith("-") or word == "-":
            placed.append(word)
        elif word == "--":
            bare = True
        elif word.startswith("--"):
            action = options.get(word)  # not found where it is --flag=value, which is whole
            waiting = action if action is not None and action.nargs != 0 else None
        else:
            waiting = after_cluster(parser, word)
    return waiting, placed, bare


def after_cluster(parser: FlagParser, word: str) -> argparse.Action | None:
    """The flag of ``-d`` or ``-dp`` that waits for its value; None when it has it, as in
    ``-p80``, or takes none."""
    for place, letter in enumerate(word[1:], start=2):
        action = parser.options.get(f"-{letter}")
        if action is None or action.nargs != 0:
            return action if place == len(word) else None
    return None


def of_dashes(parser: FlagParser, placed: Sequence[str], last: Word) -> Wanted:
    """Of ``--fl`` the flags, of ``--flag=va`` the values."""
    name, equals, _ = last.value.partition("=")
    action = parser.options.get(name)
    if equals and action is not None:
        return offered(meaning(parser, action), last.part(len(name) + 1))
    return narrowed(last, tuple(flags(parser, placed)))


def flags(parser: FlagParser, placed: Sequence[str]) -> Iterator[str]:
    """Every flag, but those of another verb than the one that is placed, in the order of the
    help; of one flag's names the long before the short."""
    verb = placed[0] if placed else ""
    mine = parser.goes_with.get(verb, ())
    others = {flag for each in parser.goes_with.values() for flag in each if verb}
    for action in dict.fromkeys(parser.options.values()):
        for flag in sorted(action.option_strings, key=len, reverse=True):
            if flag in mine or flag not in others:
                yield flag


def meaning(parser: FlagParser, action: argparse.Action) -> str:
    """What an argument takes: what ``parser.after`` says of it, its choices, or its metavar."""
    for name in (*action.option_strings, str(action.metavar)):
        if name in parser.after:
            return parser.after[name]
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper())


def positional(parser: FlagParser, placed: Sequence[str]) -> str:
    """What the next word that belongs to no flag may be; "" when none is taken."""
    takes = list(taken(parser, placed))
    if takes and takes[-1] == REPEATED:
        takes = takes[:-1]
        return takes[min(len(placed), len(takes) - 1)]
    return takes[len(placed)] if len(placed) < len(takes) else ""


def taken(parser: FlagParser, placed: Sequence[str]) -> Iterator[str]:
    """What each word may be, in order; a last "..." says that the one before repeats."""
    if "" in parser.after:
        yield from parser.after[""].split()
        return
    verb = placed[0] if placed else ""
    for action in parser.positionals:
        if action.choices is None and verb in parser.after:
            yield from parser.after[verb].split()
            return
        yield from meaning(parser, action).split()
        if action.nargs in ("*", "+"):
            yield REPEATED


def offered(takes: str, word: Word) -> Wanted:
    """What fits ``word`` of alternatives such as ``healthy|exit|CONTAINER:PATH``: those in
    lower case are words, the others metavars."""
    words: list[str] = []
    found: list[tuple[int, Kind | None]] = []
    for each in takes.split("|"):
        if each == each.lower():
            words += [each] if each else []
            continue
        begin, part = part_at(each, word.value)
        path = part == "SOURCE" and word.value[begin:].startswith((".", "/", "~"))
        found.append((begin, "file" if path else NAMED.get(part)))
    begin = max((place for place, _ in found), default=0)
    if begin:  # behind a separator a whole word cannot stand
        words = []
    kinds = tuple(kind for place, kind in found if place == begin and kind is not None)
    return narrowed(word.part(begin), tuple(words), kinds)


def part_at(metavar: str, typed: str) -> tuple[int, str]:
    """(where it begins in ``typed``, the part of ``metavar``) of the part that is being typed:
    (5, "VAR") for PATH=VAR and "name=da". What is in brackets is left out."""
    parts = re.split("([=:])", re.sub(r"\[[^][]*\]", "", metavar))
    begin, part = 0, parts[0]
    for separator, following in zip(parts[1::2], parts[2::2], strict=True):
        place = typed.find(separator, begin)
        if place < 0:
            break
        begin, part = place + 1, following
    return begin, part


def narrowed(word: Word, words: Sequence[str], kinds: tuple[Kind, ...] = ()) -> Wanted:
    """Those of ``words`` that start as typed, and the kinds as they are."""
    fitting = tuple(each for each in words if each.startswith(word.value))
    return Wanted(word.value, word.plain, fitting, kinds, word.quoted)

"""A Dockerfile's text -> its directives, and its instructions each as one line.

What joins lines is settled here: continuation, the comments and blank lines inside it, and
heredocs. The form is that of BuildKit (frontend/dockerfile/parser in moby/buildkit), whose
scanner also sets the longest line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from container_magics.core.dockerfilewords import (
    SPACES,
    NotStrings,
    Opening,
    json_list,
    openings,
    split_flags,
    split_keyword,
)
from container_magics.errors import DockerfileError

LONGEST_LINE_BYTES = 65_535
TAKE_HEREDOCS = {"ADD", "COPY", "RUN"}
DIRECTIVE = re.compile(r"(\s*)#\s*([A-Za-z][A-Za-z0-9]*)\s*=(.*)", re.ASCII | re.DOTALL)
DIRECTIVES = {"syntax", "escape", "check"}


@dataclass(frozen=True, slots=True)
class Directive:
    """A ``# name=value`` at the top of the file; ``name`` is in small letters."""

    name: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Heredoc:
    """The text of a ``<<NAME``, every line with its line end; tabs are cut where ``<<-`` asks.

    Variables in it are replaced by the builder only where ``expand`` says so and the
    instruction is COPY or ADD; RUN leaves them to the shell.
    """

    name: str
    text: str
    expand: bool = True


@dataclass(frozen=True, slots=True)
class Logical:
    """An instruction with its continuation lines joined. ``lines`` are its first and last.

    ``blank_lines`` are the numbers of the empty lines inside its continuation.
    """

    text: str
    lines: tuple[int, int]
    heredocs: tuple[Heredoc, ...] = ()
    blank_lines: tuple[int, ...] = ()


def split_lines(text: str) -> list[str]:
    """The lines, a carriage return before a line's end kept; DockerfileError for what is no text.

    A byte order mark is no part of the first line.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    refuse_no_text(text)
    for number, line in enumerate(lines, 1):
        # No character takes more than four bytes.
        if len(line) * 4 > LONGEST_LINE_BYTES and len(line.encode()) > LONGEST_LINE_BYTES:
            raise DockerfileError(
                f"Line {number} is longer than {LONGEST_LINE_BYTES} bytes: no builder reads that.",
                line=number, hint="Break it with a \\ at the end, or put the text into a file.",
            )  # fmt: skip
    return lines


def refuse_no_text(text: str) -> None:
    """A NUL byte ends an argument for the kernel; half a surrogate pair is no character."""
    at = text.find("\0")
    if at >= 0:
        number = text.count("\n", 0, at) + 1
        raise DockerfileError(f"Line {number} holds a NUL byte.", line=number,
            hint="A Dockerfile is plain text.")  # fmt: skip
    try:
        text.encode()
    except UnicodeEncodeError as error:
        number = text.count("\n", 0, error.start) + 1
        raise DockerfileError(f"Line {number} holds half a character.", line=number,
            hint="Write the character anew: copying broke it.") from error  # fmt: skip


def read_directives(lines: list[str]) -> tuple[Directive, ...]:
    """The directives at the very top; the first other line ends them.

    BuildKit looks for syntax and check apart from escape: it lets a ``#!`` line come before
    them and no blanks, and the other way round. Raises DockerfileError for a second one of a
    name, and for an escape that is none.
    """
    found: dict[str, Directive] = {}
    shebang = lines[0].startswith("#!")
    for number, line in enumerate(lines[shebang:], 1 + shebang):
        match = DIRECTIVE.match(line)
        name = match[2].lower() if match else ""
        value = match[3].strip() if match else ""
        if not match or name not in DIRECTIVES or not value:
            break
        if name in found:
            raise DockerfileError(f"Line {number}: a second # {name}= directive.", line=number,
                hint="Keep one of the two.")  # fmt: skip
        counts = not shebang if name == "escape" else not match[1]
        if counts:
            found[name] = Directive(name, value, number)
    refuse_escape(found.get("escape"))
    return tuple(found.values())


def refuse_escape(escape: Directive | None) -> None:
    """Two characters can escape, and no other."""
    if escape and escape.value not in ("\\", "`"):
        raise DockerfileError(
            f"Line {escape.line}: the escape character cannot be {escape.value[:20]!r}.",
            line=escape.line, hint="Write # escape=\\ or # escape=` .",
        )  # fmt: skip


def logical_lines(lines: list[str], escape: str) -> Iterator[Logical]:
    """The instructions in order, comments and blank lines left out."""
    index = 0
    while index < len(lines):
        if skipped(lines[index]):
            index += 1
            continue
        first = index
        text, index, blank = join_continued(lines, index, escape)
        heredocs, index = read_heredocs(text, lines, index)
        yield Logical(text, (first + 1, index), heredocs, blank)


def skipped(line: str) -> bool:
    """Whether the line is blank or a comment; both may stand inside a continued instruction."""
    bare = line.strip(SPACES)
    return not bare or bare[0] == "#"


def join_continued(lines: list[str], index: int, escape: str) -> tuple[str, int, tuple[int, ...]]:
    """The instruction that begins at ``index`` as one line, the index after it, blank lines."""
    parts: list[str] = []
    blank: list[int] = []
    goes_on = True
    while goes_on and index < len(lines):
        line = lines[index].rstrip("\r")
        index += 1
        if parts and skipped(line):
            # The last of split's lines is no line: it follows the file's last line end.
            if index < len(lines) and not line.strip(SPACES):
                blank.append(index)
            continue
        part = before_escape(line, escape)
        goes_on = part is not None
        parts.append(line if part is None else part)
    return "".join(parts).strip(SPACES), index, tuple(blank)


def before_escape(line: str, escape: str) -> str | None:
    """The line without the escape at its end; None where it ends here.

    One escape right before another is escaped itself, and ends the line.
    """
    bare = line.rstrip(" \t")
    if not bare.endswith(escape) or bare.endswith(escape * 2):
        return None
    return bare[:-1]


def read_heredocs(text: str, lines: list[str], index: int) -> tuple[tuple[Heredoc, ...], int]:
    """The heredocs that ``text`` opens, read from ``index`` on, and the index after them."""
    if "<<" not in text or not takes_heredocs(text):
        return (), index
    line, found = index, []
    for opening in openings(text):
        content, index = heredoc_text(opening, lines, index, line)
        found.append(Heredoc(opening.name, content, opening.expand))
    return tuple(found), index


def takes_heredocs(text: str) -> bool:
    """Whether the instruction, or the one that ONBUILD keeps, can have one; no JSON form can."""
    keyword, args = split_keyword(text)
    if keyword.upper() == "ONBUILD":
        keyword, args = split_keyword(args)
    if keyword.upper() not in TAKE_HEREDOCS:
        return False
    try:
        return json_list(split_flags(args)[1]) is None
    except NotStrings:
        return False


def heredoc_text(opening: Opening, lines: list[str], index: int, line: int) -> tuple[str, int]:
    """The lines up to the heredoc's name, and the index after it. ``line`` is the opening's."""
    body: list[str] = []
    for at in range(index, len(lines)):
        text = lines[at].lstrip("\t") if opening.cut_tabs else lines[at]
        if text.rstrip("\r") == opening.name:
            return "".join(body), at + 1
        body.append(text + "\n")
    raise DockerfileError(f"Line {line}: <<{opening.name} is never closed.", line=line,
        hint=f"Put {opening.name} alone on a line where the text ends.")  # fmt: skip

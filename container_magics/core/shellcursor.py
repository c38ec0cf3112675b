"""What stands at the cursor of a shell cell, and so what may be put there.

The word is found as a POSIX shell would read the line (Shell Command Language, 2.2 and 2.3), as
far as that can be told of a line that is not finished.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["command", "file", "variable"]
ENDS_WORD = " \t\n;&|<>()`"
BEFORE_COMMAND = (";", "&", "|", "(", "`", "\n", "{", "!")
KEYWORDS = ("do", "then", "else", "elif", "if", "while", "until", "time", "sudo", "exec", "command")
VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)?$")
SPECIAL = re.compile(r"([\s\\'\"$`&|;<>(){}*?\[\]#!~])")


@dataclass(frozen=True, slots=True)
class Cursor:
    """What may be completed: ``text`` without its quoting, from ``begin`` in the code on.

    ``quote`` is the quotation mark that is open, or "".
    """

    kind: Kind
    text: str
    begin: int
    quote: str = ""


def cursor_at(code: str, cursor: int) -> Cursor:
    """What ends at the place ``cursor`` of ``code``, which counts characters from 0."""
    before = code[:cursor]
    begin, text, quote = last_word(before)
    if quote != "'" and (found := VARIABLE.search(before)):
        name = found[1] or ""
        return Cursor("variable", name, cursor - len(name), quote)
    leading = before[:begin].rstrip(" \t")
    first = not leading or leading.endswith(BEFORE_COMMAND) or leading.split()[-1] in KEYWORDS
    kind: Kind = "command" if first and "/" not in text and not text.startswith("~") else "file"
    return Cursor(kind, text, begin, quote)


def last_word(text: str) -> tuple[int, str, str]:
    """(where the last word begins, the word without its quoting, the mark that is open)."""
    begin, word, quote, escaped = 0, "", "", False
    for place, character in enumerate(text):
        if escaped:
            word, escaped = word + character, False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote, word = ("", word) if character == quote else (quote, word + character)
        elif character in "'\"":
            quote = character
        elif character in ENDS_WORD or (character == "=" and word.isidentifier()):
            begin, word = place + 1, ""
        else:
            word += character
    return begin, word, quote


def word_at(code: str, cursor: int) -> str:
    """The plain word around the cursor, or, when there is none, the line's first one; "" if
    neither is there."""
    words = [found for found in re.finditer(r"[\w./+-]+", code) if found.start() <= cursor]
    if words and words[-1].end() >= cursor:
        return words[-1][0]
    line = code[code.rfind("\n", 0, cursor) + 1 : cursor]
    first = re.search(r"[\w./+-]+", line)
    return first[0] if first else ""


def inserted(found: str, cursor: Cursor) -> str:
    """``found`` as it has to be written in the code, the open quotation mark included."""
    if cursor.kind != "file":
        return found
    if cursor.quote == '"':
        return '"' + re.sub(r'([\\"$`])', r"\\\1", found)
    if cursor.quote == "'":
        return "'" + found.replace("'", "'\\''")
    if found.startswith("~/"):
        return "~/" + SPECIAL.sub(r"\\\1", found[2:])
    return SPECIAL.sub(r"\\\1", found)

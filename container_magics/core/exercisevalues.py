"""Values that differ from student to student, the same each time for one student.

Under ``--- values`` each line is ``NAME = FIRST..LAST``, a whole number, or
``NAME = one | another | a third``. ``{{NAME}}`` stands for it in every part.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from container_magics.errors import UsageError

_LINE = re.compile(r"(?P<name>[a-z_]\w*)\s*=\s*(?P<rest>\S.*?)\s*\Z", re.ASCII)
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})\Z")
_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value's name, and from what it is drawn: ``words``, or numbers of ``numbers``."""

    name: str
    words: tuple[str, ...] = ()
    numbers: range = range(0)

    def drawn(self, seed: str) -> str:
        """The value of a seed: each is as likely as any other. By SHA-256, so that it is the same
        on every machine and in every Python."""
        digest = hashlib.sha256(f"{seed}/{self.name}".encode()).digest()
        number = int.from_bytes(digest)
        if self.words:
            return self.words[number % len(self.words)]
        return str(self.numbers[number % len(self.numbers)])


def choices(exercise: str, text: str) -> tuple[Choice, ...]:
    """Read the lines of an exercise's values; blank ones and comments (#) are left out."""
    lines = [line.strip() for line in text.splitlines()]
    return tuple(_choice(exercise, line) for line in lines if line and not line.startswith("#"))


def _choice(exercise: str, line: str) -> Choice:
    match = _LINE.match(line)
    if match:
        numbers = _RANGE.match(match["rest"])
        words = tuple(word.strip() for word in match["rest"].split("|"))
        if numbers is None and all(words):
            return Choice(match["name"], words)
        if numbers and int(numbers[1]) <= int(numbers[2]):
            return Choice(match["name"], numbers=range(int(numbers[1]), int(numbers[2]) + 1))
    raise UsageError(
        f"The exercise {exercise!r} cannot be read: its value {line!r} is of no known form.",
        hint="Write `port = 8000..8099`, or `word = apple | pear`.",
    )


def filled(text: str, drawn: Mapping[str, str]) -> str:
    """The text with each {{name}} of ``drawn`` replaced; others, such as docker's, stay."""
    return _PLACE.sub(lambda place: drawn.get(place[1], place[0]), text)

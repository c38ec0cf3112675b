"""A class's roster: names as the teacher wrote them <-> short names that are safe everywhere.

A short name becomes a part of a service's, a network's and a volume's name and of a host's, so it
is what all of them take: lower-case ASCII letters, digits and hyphens (RFC 1123, 2.1).
"""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from container_magics.errors import UsageError

LONGEST_KEY = 24
LONGEST_NAME = 100
MOST = 1000
HEADINGS = ("student", "name", "login", "user", "username", "id")
"""A first line with one of these words says which column has the names."""
SAFE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
TAKEN = ("gate",)
"""What has a name of the class's own that a student's would meet."""
PLAIN = re.compile(r"[A-Za-z0-9 ._'-]*\Z")


@dataclass(frozen=True, slots=True)
class Student:
    """``name`` as written; ``key`` is safe in names of services, hosts and files, and depends on
    nothing but the name."""

    name: str
    key: str


def class_name(text: str) -> str:
    """The name of a class itself; UsageError when it could not be a part of other names."""
    if not SAFE.match(text) or len(text) > LONGEST_KEY:
        raise UsageError(
            f"{text!r} cannot name a class.",
            hint=f"Use at most {LONGEST_KEY} lower-case letters, digits and hyphens: unix-101.",
        )
    return text


def names_of(text: str) -> list[str]:
    """The names in a CSV file's text, in its order: of the column that a heading of HEADINGS
    names, else of the first. Empty lines count for nothing; UsageError for a line without a name.
    """
    rows = list(csv.reader(text.removeprefix("\ufeff").splitlines()))
    column, first = _column(next((row for row in rows if row), []))
    names = []
    for number, row in enumerate(rows, start=1):
        if not any(cell.strip() for cell in row):
            continue
        if first:
            first = False
            continue
        name = row[column].strip() if column < len(row) else ""
        if not name:
            raise UsageError(f"The roster's line {number} has no name.")
        names.append(name)
    return names


def _column(row: Sequence[str]) -> tuple[int, bool]:
    """(the names' column, whether the first line is a heading)."""
    words = [cell.strip().lower() for cell in row]
    found = [words.index(each) for each in HEADINGS if each in words]
    return (found[0], True) if found else (0, False)


def students(names: Iterable[str]) -> tuple[Student, ...]:
    """A roster in its order; UsageError, one sentence, for one that is empty or too long, or in
    which a name stands twice, is too long, or has no letter that can be seen."""
    found: dict[str, Student] = {}
    for number, name in enumerate(names, start=1):
        one = student(name)
        if one.key in found:
            _refuse_twin(found[one.key], one, number)
        found[one.key] = one
    if not found:
        raise UsageError("The roster is empty.", hint="Give a list of names, or a CSV file.")
    if len(found) > MOST:
        raise UsageError(f"The roster has {len(found)} names; a class has at most {MOST}.")
    return tuple(found.values())


def student(name: str) -> Student:
    """One student; UsageError for a name that cannot be shown."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(
            f"{name[:LONGEST_NAME]!r} cannot be a student's name.",
            hint=f"A name is 1 to {LONGEST_NAME} characters that can be printed.",
        )
    return Student(name, key_of(name))


def key_of(name: str) -> str:
    """The short name: the name itself where it is safe, else what is left of it, and, where
    something was lost or the name is TAKEN, six digits of its hash."""
    decomposed = unicodedata.normalize("NFKD", name)
    ascii_only = decomposed.encode("ascii", "ignore").decode()
    bare = ascii_only.lower().replace("'", "").replace('"', "")
    slug = re.sub(r"[^a-z0-9]+", "-", bare).strip("-")
    if slug and len(slug) <= LONGEST_KEY and PLAIN.match(name) and slug not in TAKEN:
        return slug
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return "-".join(filter(None, (slug[: LONGEST_KEY - 7].strip("-"), digest)))


def _refuse_twin(first: Student, second: Student, number: int) -> None:
    if first.name == second.name:
        raise UsageError(
            f"{second.name!r} stands twice in the roster, the second time as name {number}.",
            hint="Write something more for one of them: a number, or the login.",
        )
    raise UsageError(
        f"{first.name!r} and {second.name!r} cannot be told apart as {first.key!r}.",
        hint="Write something more for one of them.",
    )

"""What may stand at the cursor in the body of a cell magic of ours that is not Python.

Of a Dockerfile: an instruction where a line begins, a stage or an image after FROM, a stage after
``--from=``. Of all else nothing is known, and Python's names are wrong there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from container_magics.core.completion import Wanted
from container_magics.core.dockerfile import KEYWORDS

FOREIGN = ("%%container", "%%image", "%%compose", "%%ssh")
"""The magics whose body other programs read, unless it is Python."""
PYTHON = re.compile(r"%%\w+\s(?:.*\s)?--as[\s=]+[\"']?python|%%\w+.*\n\s*#!.*python")
STAGE = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*\S+\s+AS\s+(\S+)\s*$", re.IGNORECASE | re.MULTILINE)
BEGINNING = re.compile(r"\s*([A-Za-z]*)")
FROM = re.compile(r"\s*FROM\s+(?:--\S+\s+)*([^\s\\]*)", re.IGNORECASE)
OF_STAGE = re.compile(r"(?:.*[\s,=])?(?:--)?from=([^\s,\\]*)")


def in_body(text: str, line: int, column: int) -> Wanted | None:
    """What may stand at the cursor of a cell's ``text``; no word and no kind where nothing is
    known; None where it is in no such body. ``line`` and ``column`` count from 0."""
    lines = text.split("\n")
    first = next((number for number, each in enumerate(lines) if each.strip()), len(lines))
    if line <= first:
        return None
    magic = lines[first].split()[0]
    if magic not in FOREIGN or PYTHON.match("\n".join(lines[first:])):
        return None
    if magic != "%%image":
        return Wanted("", "")
    return in_dockerfile(lines[first + 1 : line], lines[line][:column])


def in_dockerfile(before: Sequence[str], typed: str) -> Wanted:
    """What may follow ``typed``, the beginning of the line after those ``before``."""
    stages = tuple(STAGE.findall("\n".join(before)))
    continued = bool(before) and before[-1].rstrip().endswith("\\")
    if not continued and (found := BEGINNING.fullmatch(typed)):
        return fitting(found[1], KEYWORDS, caseless=True)
    if not continued and (found := FROM.fullmatch(typed)):
        return Wanted(found[1], found[1], fitting(found[1], stages).words, ("image",))
    if found := OF_STAGE.fullmatch(typed):
        return fitting(found[1], stages)
    return Wanted("", "")


def fitting(typed: str, words: Sequence[str], *, caseless: bool = False) -> Wanted:
    """Those that begin as typed."""
    begin = typed.upper() if caseless else typed
    return Wanted(typed, typed, tuple(each for each in words if each.startswith(begin)))

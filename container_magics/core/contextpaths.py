"""Which files of a build's context an instruction may take.

COPY and ADD name sources by Go's filepath.Match (https://pkg.go.dev/path/filepath#Match), from
the context's top; a folder means all in it. Variables are not expanded: they match anything.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache

from container_magics.core.dockerfile import Instruction

ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*://|git@)", re.IGNORECASE)
TOKEN = re.compile(r"\$\{[^}]*\}|\$\w+|\\.|\*|\?|\[\^?[^\]]*\]|.", re.DOTALL)


def sources(instruction: Instruction) -> tuple[str, ...]:
    """What the instruction names of the context, as written; empty when it takes nothing.

    A RUN takes what it mounts by ``--mount=type=bind`` without ``from=``.
    """
    if instruction.keyword == "RUN":
        return tuple(source for mount in mounts(instruction) for source in bound(mount))
    if instruction.keyword not in ("COPY", "ADD") or "from" in dict(instruction.flags):
        return ()
    found = words(instruction)[:-1]
    return tuple(one for one in found if not ELSEWHERE.match(one) and not one.startswith("<<"))


def words(instruction: Instruction) -> tuple[str, ...]:
    """The words after the flags, also where they are written as JSON."""
    text = " ".join(instruction.words)
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            return instruction.words
        return tuple(map(str, found)) if isinstance(found, list) else instruction.words
    return instruction.words


def fetches(instruction: Instruction) -> bool:
    """Whether an ADD takes what lies at an address."""
    found = words(instruction)[:-1] if instruction.keyword == "ADD" else ()
    return any(ELSEWHERE.match(one) for one in found)


def mounts(instruction: Instruction) -> list[dict[str, str]]:
    """The ``--mount``s of a RUN as names and values."""
    given = [value for name, value in instruction.flags if name == "mount"]
    pairs = [[part.partition("=") for part in value.split(",")] for value in given]
    return [{name: value for name, _, value in parts} for parts in pairs]


def bound(mount: dict[str, str]) -> tuple[str, ...]:
    """What a mount takes of the context: "." for all of it."""
    if mount.get("type", "bind") != "bind" or "from" in mount:
        return ()
    return (mount.get("source") or mount.get("src") or ".",)


def stages_used(instruction: Instruction) -> tuple[str, ...]:
    """The stages, or images, that the instruction takes files from, as written."""
    copied = [value for name, value in instruction.flags if name == "from"]
    return (*copied, *(mount["from"] for mount in mounts(instruction) if "from" in mount))


def takes(source: str, path: str) -> bool:
    """Whether a source means this path: itself, or a folder around it."""
    return pattern(source).fullmatch(path.rstrip("/")) is not None


def taken(names: Iterable[str], paths: Iterable[str]) -> list[str]:
    """The paths that any of the sources means, in their order."""
    patterns = [pattern(name) for name in names]
    return [path for path in paths if any(one.fullmatch(path.rstrip("/")) for one in patterns)]


@lru_cache(maxsize=1024)
def pattern(source: str) -> re.Pattern[str]:
    """A source as a regular expression for whole paths; one that is no pattern means itself."""
    clean = posixpath.normpath("/" + source.lstrip("/")).lstrip("/")
    if not clean:
        return re.compile(r".*", re.DOTALL)
    text = "".join(translated(token) for token in TOKEN.findall(clean))
    try:
        return re.compile(f"{text}(?:/.*)?", re.DOTALL)
    except re.error:
        return re.compile(re.escape(clean), re.DOTALL)


def translated(token: str) -> str:
    """One part of a pattern of Go's as one of Python's."""
    if token.startswith("$"):
        return ".*"
    if token.startswith("[") and len(token) > 1:
        return token
    if token.startswith("\\") and len(token) > 1:
        return re.escape(token[1])
    return {"*": "[^/]*", "?": "[^/]"}.get(token, re.escape(token))

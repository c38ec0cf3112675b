"""The text of a Compose file: where its lines are, and which one a refusal speaks of.

The only reader of YAML here; version 1 of Compose writes nothing else. No value is ever made a
Python object but strings, numbers, lists and mappings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from container_magics.errors import ComposeFileError, UsageError

# "services.web.ports", as both versions of Compose name a place in the file
PLACE = re.compile(r"\b(?:services|networks|volumes|secrets|configs)(?:\.[\w-]+)+")
QUOTED = re.compile(r"""["'`]([^"'`]+)["'`]""")
SERVICE = re.compile(r"""\bservice ["'`]([\w.-]+)["'`]""", re.IGNORECASE)


def check(text: str) -> None:
    """ComposeFileError, with the line, when ``text`` is no YAML; UsageError when it has no
    services."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise refused(text, line, "this is not YAML", str(error.problem or "")) from None
    except yaml.YAMLError as error:
        raise UsageError("The cell is not YAML.", facts=(str(error),)) from None
    if "services" not in dict(children(node)):
        raise UsageError(
            "The cell is no Compose file: it has no services.",
            hint="Such as services:, and under it web:, and under it image: NAME.",
        )


def explain(text: str, words: str) -> ComposeFileError:
    """The error for what Compose said of the file, at its line if that can be told."""
    said = tuple(line for line in words.splitlines() if line.strip())
    line = locate(text, words)
    if line is not None:
        return refused(text, line, "Compose does not accept this", *said[-3:])
    return ComposeFileError("Compose does not accept the file.", line=None, facts=said[-5:])


def refused(text: str, line: int, why: str, *facts: str) -> ComposeFileError:
    """The error at a line, which is quoted."""
    lines = text.splitlines()
    quoted = lines[line - 1].strip() if line <= len(lines) else ""
    told = tuple(one for one in (quoted, *facts) if one)
    return ComposeFileError(f"Line {line}: {why}.", line=line, facts=told)


def locate(text: str, words: str) -> int | None:
    """The line of the file, from 1, that Compose's words are about; None when they name none.

    They name a place ("services.web.ports", or service "web"), and often quote a key or value
    in it. Only the line is taken from the words, never what kind of error it is.
    """
    place = PLACE.search(words)
    service = SERVICE.search(words)
    if place:
        path = place[0].split(".")
    elif service:
        path = ["services", service[1]]
    else:
        return None
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line, found = None, node
    for depth, part in enumerate(path):
        below = dict(children(found)).get(part)
        if below is None:
            break
        found = below[1]
        line = below[0] if depth else None  # a section alone is no place
    if line is None:
        return None
    quoted = [word for word in QUOTED.findall(words) if word not in path]
    inside = (each for word in quoted for name, each in scalars(found) if name == word)
    named = dict(children(found))  # 2.26 names a key without quotation marks
    keys = (named[word][0] for word in re.findall(r"[\w-]+", words) if word in named)
    return next(inside, None) or next(keys, line)


def children(node: Any) -> Iterator[tuple[str, tuple[int, Any]]]:
    """(key, (line from 1, value)) of a mapping; nothing for another node."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), (key.start_mark.line + 1, value)


def scalars(node: Any) -> Iterator[tuple[str, int]]:
    """(text, line from 1) of each key and value under a node, in the file's order. An alias that
    stands for what holds it would have no end: no node is looked at twice."""
    waiting, seen = [node], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, yaml.ScalarNode):
            yield one.value, one.start_mark.line + 1
        elif isinstance(one, yaml.SequenceNode):
            waiting.extend(reversed(one.value))
        elif isinstance(one, yaml.MappingNode):
            for key, value in reversed(one.value):
                waiting.extend((value, key))


def read(text: str) -> dict[str, Any]:
    """What version 1 of Compose writes, as a dict; raises UsageError for anything else."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError("What Compose answered is not YAML.", facts=(str(error),)) from None
    if not isinstance(value, dict):
        raise UsageError("What Compose answered is no Compose file.")
    return value

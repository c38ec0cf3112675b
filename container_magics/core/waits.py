"""What ``%container wait --for`` may wait for: text -> Condition. And a moment in a log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from container_magics.errors import UsageError

Kind = Literal["healthy", "running", "exit", "port", "log", "http"]
FORMS = "healthy, running, exit, port:22, log:REGEX, http:/path, http:8000/path"
HTTP = re.compile(r"(\d*)(/.*)?\Z", re.DOTALL)
SPAN = re.compile(r"(?=.)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?\Z")
NUMBER = re.compile(r"\d+(?:\.\d+)?\Z")


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing to wait for.

    ``port`` is the container's, None where an http condition names none; ``path`` is for http,
    ``pattern`` for log. ``str()`` is the condition as one writes it.
    """

    kind: Kind
    port: int | None = None
    path: str = ""
    pattern: str = ""

    def __str__(self) -> str:
        """As it is written after ``--for``."""
        if self.kind == "port":
            return f"port:{self.port}"
        if self.kind == "log":
            return f"log:{self.pattern}"
        if self.kind == "http":
            return f"http:{self.port or ''}{self.path}"
        return self.kind


EXIT = Condition("exit")


def condition(text: str) -> Condition:
    """Read what stands after ``--for``; UsageError for what cannot be waited for."""
    kind, _, rest = text.partition(":")
    match kind:
        case "healthy" | "running" | "exit" if not rest:
            return Condition(kind)
        case "port":
            return Condition("port", number(rest, text))
        case "log" if rest:
            regex(rest)
            return Condition("log", pattern=rest)
        case "http":
            return http(rest, text)
    raise UsageError(f"--for {text}: nothing that can be waited for.", hint=f"It may be {FORMS}.")


def http(rest: str, text: str) -> Condition:
    """``/path``, ``8000/path`` or ``8000``: a page of the container."""
    match = HTTP.match(rest)
    if match is None or not rest:
        raise UsageError(f"--for {text}: write http:/path or http:8000/path.")
    port = number(match[1], text) if match[1] else None
    return Condition("http", port, match[2] or "/")


def number(text: str, whole: str) -> int:
    """A port's number."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise UsageError(f"--for {whole}: {text!r} is not a port.", hint="Such as --for port:22.")
    return int(text)


def regex(text: str) -> re.Pattern[str]:
    """A regular expression of Python's; UsageError with what is wrong in it."""
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(
            f"{text!r} is not a regular expression: {error}.",
            hint="A backslash before . * + ? ( ) [ ] { } | ^ $ takes the sign as it is.",
        ) from error


def moment(text: str, now_s: float) -> float:
    """Seconds since the Unix epoch of ``--since``: 10m and 1h30m are before now, 2026-11-23 or
    2026-11-23T08:30:00Z a date (UTC where no zone is written), a number the seconds themselves."""
    if NUMBER.match(text):
        return float(text)
    if span := SPAN.match(text):
        hours, minutes, seconds = (float(part or 0) for part in span.groups())
        return now_s - (hours * 60 + minutes) * 60 - seconds
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--since {text}: not a time.", hint="Such as 10m, 1h30m or 2026-11-23T08:30:00Z."
        ) from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def listening(tables: str) -> frozenset[int]:
    """The TCP ports on which somebody listens, from the text of /proc/net/tcp and tcp6.

    proc(5): the second field is the local address with the port in hexadecimal, the fourth the
    state, of which 0A is LISTEN.
    """
    rows = (line.split() for line in tables.splitlines())
    return frozenset(
        int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and row[3] == "0A"
    )

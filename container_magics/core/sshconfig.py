"""The ssh_config file that a student of a class is handed, read.

It is written in a part of what man ssh_config has.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import NoReturn

from container_magics.errors import UsageError

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?\Z")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_STUDENT = re.compile(r"#\s*container-magics student ([a-z0-9-]{1,64})\s*\Z")


@dataclass(frozen=True, slots=True)
class Stop:
    """One machine on the way. ``key`` and ``known_hosts`` are names of files beside the one that
    was read; ``alias`` is the name by which known_hosts has it."""

    host: str
    port: int
    user: str
    alias: str
    key: str
    known_hosts: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """The way to a box: over ``via``, None for straight. ``student`` is the short name, "" where
    the file has none."""

    box: Stop
    via: Stop | None
    student: str


def parse_ticket(text: str, where: str) -> Ticket:
    """Read a file's text; UsageError, which names ``where``, when there is no way to a box in it.

    The box is the last Host of the file.
    """
    hosts, student = _entries(text, where)
    if not hosts:
        _refuse(where, "it has no Host")
    name = list(hosts)[-1]
    jump = hosts[name].get("proxyjump", "")
    if jump and jump not in hosts:
        _refuse(where, f"it jumps over {jump!r}, and says nothing of that")
    via = _stop(hosts[jump], jump, where) if jump else None
    return Ticket(_stop(hosts[name], name, where), via, student)


def _entries(text: str, where: str) -> tuple[dict[str, dict[str, str]], str]:
    """Host -> keyword in small letters -> value; and the student."""
    hosts: dict[str, dict[str, str]] = {}
    student, now = "", dict[str, str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().startswith("#"):
            found = _STUDENT.match(line.strip())
            student = found[1] if found else student
            continue
        try:
            words = shlex.split(line)
        except ValueError:
            _refuse(where, f"its line {number} has an open quotation mark")
        if not words:
            continue
        if len(words) != 2:
            _refuse(where, f"its line {number} is not KEYWORD VALUE")
        if words[0].lower() == "host":
            now = hosts.setdefault(words[1], {})
        else:
            now.setdefault(words[0].lower(), words[1])
    return hosts, student


def _stop(entry: dict[str, str], name: str, where: str) -> Stop:
    host, port, user = entry.get("hostname", name), entry.get("port", "22"), entry.get("user", "")
    wrong = not _HOST.match(host) or not _USER.match(user)
    if wrong or not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        _refuse(where, f"the host, port or user of {name!r} cannot be")
    key, known = entry.get("identityfile", ""), entry.get("userknownhostsfile", "")
    if not key or not known:
        _refuse(where, f"{name!r} has no IdentityFile or no UserKnownHostsFile")
    # whoever wrote the file shall not have us log in to them with a key of the reader's own
    if not _FILE.match(key) or not _FILE.match(known):
        _refuse(where, f"the key and the known_hosts of {name!r} are no files beside it")
    return Stop(host, int(port), user, entry.get("hostkeyalias", name), key, known)


def _refuse(where: str, what: str) -> NoReturn:
    raise UsageError(
        f"{where} is no way to a box: {what}.",
        hint="Give the file `config` of the folder that your teacher handed to you.",
    )

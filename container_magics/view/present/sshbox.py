"""A practice box in a cell: where it is, who may log in, and the line to type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from container_magics.view.model import Column, Group, Note, Table, View

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class BoxRow:
    """A line of the list of boxes."""

    name: str
    image: str
    kind: str
    state: str
    address: str
    snapshots: str


@dataclass(frozen=True, slots=True)
class UpRow:
    """A box of several that have just started. ``container`` is the engine's name for it."""

    name: str
    address: str
    fingerprint: str
    line: str
    container: str


def crowd(rows: Sequence[UpRow], *, stable: bool) -> View:
    """Several boxes that have started together. In stable mode as ``box``."""
    others = any(row.container != row.name for row in rows)
    cells = tuple(
        (
            row.name,
            "127.0.0.1:PORT" if stable else row.address,
            "SHA256:FINGERPRINT" if stable else row.fingerprint,
            f"ssh -F CONFIG {row.name}" if stable else row.line,
            *((row.container,) if others else ()),
        )
        for row in rows
    )
    names = ["name", "address", "host key", "in a terminal"] + ["on the engine"] * others
    note = Note(f"{len(rows)} boxes are up: you can log in to each.", "ok", hint="%%ssh NAME")
    return Group((note, Table(tuple(map(Column, names)), cells)))


def box(
    name: str,
    *,
    address: str,
    user: str,
    fingerprint: str,
    line: str,
    stable: bool,
    via: str = "",
    container: str = "",
) -> View:
    """What to know of a box. In stable mode port, fingerprint and the path of the line, which
    are each user's own, have names in their place. ``via`` is the box that one jumps over,
    ``container`` the engine's name where it is another."""
    where = f"port {address.rpartition(':')[2]} of {name}, over {via}" if via else address
    cell = f"%%ssh {name}" if not via else f"%%ssh --via {via} {name}"
    rows = (
        ("address", "127.0.0.1:PORT" if stable and not via else where),
        ("user", user),
        ("log in by", "your practice key; passwords are refused"),
        ("host key", "SHA256:FINGERPRINT" if stable else fingerprint),
        ("in a cell", cell),
        ("in a terminal", f"ssh -F CONFIG {name}" if stable else line),
        *((("on the engine", container),) if container != name and container else ()),
    )
    return Group(
        (
            Note(f"{name} is up: you can log in.", "ok"),
            Table((Column("your box"), Column("")), rows),
        )
    )


def boxes(rows: Sequence[BoxRow], *, stable: bool) -> View:
    """The boxes of this session, in the order given."""
    names = ("name", "kind", "state", "address", "snapshots")
    cells = tuple(
        (
            row.name, row.kind, row.state,
            "127.0.0.1:PORT" if stable and row.address else row.address, row.snapshots,
        )
        for row in rows
    )  # fmt: skip
    return Table(tuple(map(Column, names)), cells, empty="no boxes")


def changed_key(name: str, lines: Sequence[str], *, stable: bool) -> View:
    """What ssh says to a new host key, and what to make of it."""
    facts = tuple(_FINGERPRINT.sub("SHA256:FINGERPRINT", one) if stable else one for one in lines)
    return Note(
        f"{name} has a new host key. With the old one in known_hosts, ssh says this:",
        "warning",
        hint="Ask whoever runs the machine whether its key was changed. If it was, "
        f"`ssh-keygen -R {name}` takes the old one out of your known_hosts. If nobody changed it, "
        "somebody may stand between you and the machine: do not log in.",
        facts=facts,
    )


def config(name: str, path: str, *, stable: bool) -> View:
    """Where the ssh_config file lies, and who takes it."""
    path = "CONFIG" if stable else path
    rows = (
        ("in a terminal", f"ssh -F {path} {name}"),
        ("copy a file", f"scp -F {path} FILE {name}:"),
        ("VS Code", f'"remote.SSH.configFile": "{path}", then connect to {name}'),
        ("for good", f"a line in your ~/.ssh/config: Include {path}"),
    )
    note = Note(f"{name} has an ssh_config file of its own; your ~/.ssh is as it was.", "ok")
    return Group((note, Table((Column("where"), Column("what to write")), rows)))

"""A practice box in a cell: where it is, who may log in, and the line to type."""

from __future__ import annotations

from container_magics.view.model import Column, Group, Note, Table, View


def box(name: str, *, address: str, user: str, fingerprint: str, line: str, stable: bool) -> View:
    """What to know of a box. In stable mode port, fingerprint and the path of the line, which
    are each user's own, have names in their place."""
    rows = (
        ("address", "127.0.0.1:PORT" if stable else address),
        ("user", user),
        ("log in by", "your practice key; passwords are refused"),
        ("host key", "SHA256:FINGERPRINT" if stable else fingerprint),
        ("in a cell", f"%%ssh {name}"),
        ("in a terminal", f"ssh -F CONFIG {name}" if stable else line),
    )
    return Group(
        (
            Note(f"{name} is up: you can log in.", "ok"),
            Table((Column("your box"), Column("")), rows),
        )
    )

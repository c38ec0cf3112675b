"""What is worth saying of a container kernel's cell, beside its output."""

from __future__ import annotations

from container_magics.core.units import count, size
from container_magics.view.model import Note, View


def flood(hidden_bytes: int) -> View:
    """That a part of the output is not in the cell."""
    return Note(
        f"{size(hidden_bytes)} more of output is not shown.",
        "warning",
        hint="A file in the container keeps it: COMMAND > FILE.",
    )


def not_text(lost_bytes: int) -> View:
    """That some bytes were not text."""
    return Note(
        f"{count(lost_bytes, 'byte')} of the output could not be shown as text (not UTF-8).",
        "warning",
        hint="`display FILE` shows a picture; `COMMAND > FILE` keeps bytes as they are.",
    )


def fresh_shell(status: int) -> View:
    """That the cell has ended the program that ran it."""
    return Note(
        f"The cell ended its own program (status {status}). The next cell gets a fresh one, in "
        "the same container.",
        "warning",
        hint="Variables and functions are gone; files are as they were.",
    )

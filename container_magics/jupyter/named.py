"""How many names a verb of a magic was given."""

from __future__ import annotations

from argparse import Namespace

from container_magics.core.units import count
from container_magics.errors import UsageError


def exactly(number: int, words: Namespace, magic: str) -> list[str]:
    """The names of the verb's words; UsageError when there are more or fewer. ``magic`` is the
    one whose help says how the verb is written, such as "%image"."""
    names: list[str] = words.names
    if len(names) != number:
        raise UsageError(
            f"{words.verb} takes {count(number, 'name')}, not {len(names)}.",
            hint=f"`{magic}?` says how {words.verb} is written.",
        )
    return names

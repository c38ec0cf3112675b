"""What is told of one cell of a container kernel."""

from __future__ import annotations

from dataclasses import dataclass

from container_magics.core.cellprotocol import Shown
from container_magics.core.events import Output


@dataclass(frozen=True, slots=True)
class Asks:
    """The cell waits for a line of input."""


@dataclass(frozen=True, slots=True)
class Over:
    """The cell has ended, in ``folder`` ("" where nobody knows). ``lost``: its program has ended
    with it, and what it knew is gone; ``by_memory``: something in the container was killed for
    want of memory meanwhile."""

    status: int
    folder: str = ""
    lost: bool = False
    by_memory: bool = False
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Pressed:
    """The reader wants the cell to end."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The program on the terminal has ended."""


Told = Output | Shown | Asks | Over

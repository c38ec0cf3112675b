"""How long to wait between two tries to reach what is just starting."""

from __future__ import annotations

from collections.abc import Iterator

FIRST_S, LONGEST_S = 0.02, 0.1
AT_FIRST = 8
"""So many short pauses: what starts alone is there by then."""
GROWTH = 1.5


def pauses() -> Iterator[float]:
    """Seconds, without end: short ones, and then longer and longer ones. In a crowd each try takes
    its time from those that start."""
    yield from [FIRST_S] * AT_FIRST
    pause_s = FIRST_S
    while True:
        pause_s = min(pause_s * GROWTH, LONGEST_S)
        yield pause_s

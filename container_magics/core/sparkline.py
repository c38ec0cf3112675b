"""A row of numbers as one line of text: a block for each, the higher the greater."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], top: float) -> str:
    """The values in the order given; ``top`` and more are a whole block, 0 and less the lowest.
    "" for none."""
    last = len(BLOCKS) - 1
    shares = [min(1.0, max(0.0, value / top)) if top > 0 else 0.0 for value in values]
    return "".join(BLOCKS[round(share * last)] for share in shares)

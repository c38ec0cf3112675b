"""The largest parts of a file system as a treemap."""

from __future__ import annotations

from collections.abc import Sequence

from container_magics.core.layers import shown
from container_magics.core.treemap import Part, strips
from container_magics.core.units import size
from container_magics.view.model import Strip, Tile, Treemap

ASPECT = 2.5
"""How wide a map is by its height: 50 em by 20 em."""


def treemap(parts: Sequence[Part], caption: str) -> Treemap:
    """The parts, which all have bytes, in the order given."""
    sizes = [one.size_bytes for one in parts]
    total = sum(sizes)
    rows = []
    for strip in strips(sizes, ASPECT):
        whole = sum(sizes[at] for at in strip)
        tiles = tuple(_tile(parts[at], whole) for at in strip)
        rows.append(Strip(tiles, whole / total))
    return Treemap(tuple(rows), caption)


def _tile(part: Part, whole: int) -> Tile:
    name = "/" + shown(part.path) + ("/" if part.is_folder and part.path else "")
    label = f"{name} and {part.rest:,} more in it" if part.rest else name
    return Tile(label, size(part.size_bytes), part.size_bytes / whole)

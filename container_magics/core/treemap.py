"""Sizes as areas: a strip treemap, and the parts of a tree of folders that it shows.

Layout: Bederson, Shneiderman and Wattenberg, "Ordered and quantum treemaps" (2002).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from container_magics.core.pathtree import Folder


class Part(NamedTuple):
    """A path with all below it, less what other parts show. ``rest`` counts the names in a folder
    that it stands for where the largest of them are parts themselves, else 0."""

    path: bytes
    size_bytes: int
    is_folder: bool
    rest: int = 0


def parts_of(root: Folder, limit: int) -> list[Part]:
    """At most ``limit`` parts, largest first; their bytes are all bytes under ``root``.

    The largest folder is opened again and again, its small names kept together as its rest.
    """
    waiting = [(-root.size_bytes, b"", root)]
    done: list[Part] = []
    while waiting:
        size, path, folder = heapq.heappop(waiting)
        room = limit - len(done) - len(waiting)
        large, rest = _split(folder, min(room - 1, FEW))
        if not large:
            done.append(Part(path, -size, bool(folder.children)))
            continue
        below = path + b"/" if path else b""
        for node in large:
            heapq.heappush(waiting, (-node.size_bytes, below + node.name, node))
        left = -size - sum(node.size_bytes for node in large)
        if left:
            done.append(Part(path, left, True, rest))
    return sorted((one for one in done if one.size_bytes), key=lambda one: (-one.size_bytes, one))


FEW = 6
"""So many names of an opened folder become parts of their own."""


def _split(folder: Folder, few: int) -> tuple[list[Folder], int]:
    """The ``few`` largest names that hold bytes, and how many names are left."""
    if few < 1:
        return [], 0
    nodes = folder.children.values()
    large = heapq.nsmallest(few, nodes, key=lambda one: (-one.size_bytes, one.name))
    large = [node for node in large if node.size_bytes]
    return large, len(nodes) - len(large)


def strips(sizes: Sequence[int], aspect: float) -> list[list[int]]:
    """Positions in ``sizes`` strip by strip, top to bottom, left to right.

    A strip takes the next one while its parts' mean ratio of sides grows no worse. ``aspect`` is
    the map's width by its height. Sizes are above 0, largest first for good shapes.
    """
    total, found = sum(sizes), list[list[int]]()
    for at in range(len(sizes)):
        if found:
            longer = [*found[-1], at]
            if _ratio(sizes, longer, total, aspect) <= _ratio(sizes, found[-1], total, aspect):
                found[-1] = longer
                continue
        found.append([at])
    return found


def _ratio(sizes: Sequence[int], strip: Sequence[int], total: int, aspect: float) -> float:
    """The mean of the longer side by the shorter one, in a strip as wide as the map."""
    whole = sum(sizes[at] for at in strip)
    height = whole / total
    sides = [aspect * sizes[at] / whole / height for at in strip]
    return sum(max(side, 1 / side) for side in sides) / len(sides)

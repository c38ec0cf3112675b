"""What an image wastes: in numbers, by dive's rule beside ours, and held against limits."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from container_magics.core.layers import MARKS
from container_magics.core.layertree import LayerTree
from container_magics.core.merge import Cause


@dataclass(frozen=True, slots=True)
class Waste:
    """Entries that one layer hides for one cause: how many, their bytes, whose they are.

    ``owners`` are indexes of the layers that still ship the bytes, oldest first.
    """

    hider: int
    cause: Cause
    count: int
    size_bytes: int
    owners: tuple[int, ...]


def wastes(tree: LayerTree) -> tuple[Waste, ...]:
    """Who hid how much, most bytes first. Their sizes add up to ``tree.hidden_bytes``."""
    counts: dict[tuple[int, Cause], int] = defaultdict(int)
    sizes: dict[tuple[int, Cause], int] = defaultdict(int)
    owners: dict[tuple[int, Cause], set[int]] = defaultdict(set)
    for hidden in tree.hidden:
        if hidden.size_bytes:
            key = (hidden.hider, hidden.cause)
            counts[key] += 1
            sizes[key] += hidden.size_bytes
            owners[key].add(hidden.owner)
    found = [Waste(*key, counts[key], sizes[key], tuple(sorted(owners[key]))) for key in counts]
    return tuple(sorted(found, key=lambda waste: (-waste.size_bytes, waste.hider, waste.cause)))


class PathWaste(NamedTuple):
    """A path whose bytes are shipped and hidden: how many layers wrote it, and the bytes lost."""

    path: bytes
    times_written: int
    size_bytes: int


def wasted_paths(tree: LayerTree) -> tuple[PathWaste, ...]:
    """Every path with hidden bytes, most bytes first. They add up to ``tree.hidden_bytes``."""
    sizes: dict[bytes, int] = {}
    for hidden in tree.hidden:
        if hidden.size_bytes:
            path = hidden.entry.path
            sizes[path] = sizes.get(path, 0) + hidden.size_bytes
    times = dict.fromkeys(sizes, 0)
    for layer in tree.layers:
        for entry in layer.entries:
            if entry.path in times and entry.kind not in MARKS:
                times[entry.path] += 1
    ordered = sorted((-size, path) for path, size in sizes.items())
    return tuple(PathWaste(path, times[path], -size) for size, path in ordered)


class Dive(NamedTuple):
    """dive's own numbers; ``score`` is 0.0 to 1.0."""

    score: float
    wasted_bytes: int
    user_wasted_percent: float


def dive(tree: LayerTree) -> Dive:
    """dive's rule (wagoodman/dive, `dive/filetree/efficiency.go`), for those who switch from it.

    For the leaves of each layer, by path with ".wh." taken off: a size is the file's; for a
    whiteout it is 0 if it hid a file, else that of the removed subtree. score = the sum of the
    least sizes / the sum of all sizes; wasted are all sizes of paths seen twice or more; the
    user's percent is wasted / the bytes of all layers but the first (0.0 when there are none).
    Opaque folders do not count.
    """
    removed: dict[tuple[int, bytes], int] = defaultdict(int)
    for hidden in tree.hidden:
        if hidden.cause == "whiteout" and hidden.by != hidden.entry.path:
            removed[hidden.hider, hidden.by] += hidden.entry.size_bytes
    # A path comes twice with bytes only where it was hidden once, or is a whiteout's.
    marks = (entry for layer in tree.layers for entry in layer.entries if entry.kind == "whiteout")
    candidates = {hidden.entry.path for hidden in tree.hidden} | {entry.path for entry in marks}
    alone, sizes = 0, defaultdict[bytes, list[int]](list)
    for index, layer in enumerate(tree.layers):
        folders = {entry.path.rpartition(b"/")[0] for entry in layer.entries}
        for entry in layer.entries:
            path = entry.path
            if entry.kind == "opaque" or path in folders:
                continue
            if path in candidates:
                is_mark = entry.kind == "whiteout"
                sizes[path].append(removed[index, path] if is_mark else entry.size_bytes)
            else:
                alone += entry.size_bytes
    everything = alone + sum(map(sum, sizes.values()))
    best = alone + sum(map(min, sizes.values()))
    wasted = sum(sum(each) for each in sizes.values() if len(each) > 1)
    real = [layer.size_bytes for layer in tree.layers if not layer.empty]
    user = sum(real[1:])
    return Dive(
        score=best / everything if everything else 1.0,
        wasted_bytes=wasted,
        user_wasted_percent=100 * wasted / user if user else 0.0,
    )

"""Paths in a layer: the folders on the way to one, and where hard links end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def ways_to(path: bytes) -> Iterator[bytes]:
    """The paths on the way to ``path``, and itself: a, a/b, a/b/c. None for the root."""
    at = 0 if path else -1
    while at >= 0:
        at = path.find(b"/", at + 1)
        yield path if at < 0 else path[:at]


def first_names(targets: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Where the chain of links of each path of ``targets`` ends; in a ring, one name of it, the
    same for each of its names. Linear, however long the chains are."""
    ends: dict[bytes, bytes] = {}
    for start in targets:
        way: dict[bytes, None] = {}
        path = start
        while path in targets and path not in ends and path not in way:
            way[path] = None
            path = targets[path]
        if path in way:
            names = list(way)
            path = min(names[names.index(path) :])
        ends.update(dict.fromkeys(way, ends.get(path, path)))
    return ends

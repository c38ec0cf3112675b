"""Paths in a layer: the folders on the way to one, and where hard links end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def ways_to(path: bytes) -> Iterator[bytes]:
    """The paths on the way to ``path``, and itself: a, a/b, a/b/c. None for the root."""
    at = 0 if path else -1
    while at >= 0:
        at = path.find(b"/", at + 1)
        yield path if at < 0 else path[:at]


def first_name(path: bytes, targets: Mapping[bytes, bytes]) -> bytes:
    """Where a chain of links ends; in a ring, one name of it, the same for each of its names."""
    seen: dict[bytes, None] = {}
    while path in targets and path not in seen:
        seen[path] = None
        path = targets[path]
    if path not in targets:
        return path
    ring = list(seen)
    return min(ring[ring.index(path) :])

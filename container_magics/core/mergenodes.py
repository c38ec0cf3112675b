"""The names of a merged tree, and what those of them share that are hard links."""

from __future__ import annotations

from container_magics.core.layers import Entry


class Links:
    """Names of one layer's file that share their bytes."""

    __slots__ = ("carrier", "names", "size_bytes")

    def __init__(self, carrier: bytes | None, size_bytes: int, names: int) -> None:
        self.carrier = carrier
        self.size_bytes = size_bytes
        self.names = names


class Node:
    """A name in the tree. ``entry`` is None for a folder that no layer names. ``children`` are by
    their whole paths: those are there already, where names would be so many more objects."""

    __slots__ = ("children", "entry", "layer", "links")

    def __init__(self, entry: Entry | None, layer: int, links: Links | None = None) -> None:
        self.entry = entry
        self.layer = layer
        self.links = links
        is_folder = entry is None or entry.kind == "dir"
        self.children: dict[bytes, Node] | None = {} if is_folder else None


def shown_bytes(node: Node, carried: set[int]) -> int:
    """The bytes that are seen at a node; those of hard links at one of their names. ``carried`` are
    the links, by ``id``, whose bytes were told: add to none, and keep it for the next node."""
    entry, links = node.entry, node.links
    if links is None or entry is None:
        return entry.size_bytes if entry is not None else 0
    if links.carrier not in (None, entry.path) or id(links) in carried:
        return 0
    carried.add(id(links))
    return links.size_bytes


def carrying(node: Node, carried: set[int]) -> Entry:
    """A name's entry, with the bytes that are seen there; ``carried`` as for ``shown_bytes``."""
    assert node.entry is not None  # noqa: S101 - a name of a folder that no layer names has no links
    return node.entry._replace(size_bytes=shown_bytes(node, carried))

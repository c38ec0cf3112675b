"""Entries of one layer as a tree of folders with sizes, and the part of it worth showing."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from container_magics.core.layers import Entry

_NO_CHILDREN: dict[bytes, Folder] = {}
"""Shared by all that hold nothing, which are most; never written."""


class Folder:
    """A name in the tree; ``size_bytes`` and ``count`` are of all below it and itself.

    ``entries`` are those at this very path: none for a folder that the layer does not name.
    """

    __slots__ = ("children", "count", "entries", "name", "size_bytes")

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.size_bytes = 0
        self.count = 0
        self.entries: tuple[Entry, ...] = ()
        self.children = _NO_CHILDREN


def tree_of(entries: Iterable[Entry]) -> Folder:
    """The root of a tree of the entries, their marks included."""
    root = Folder(b"")
    made: list[tuple[Folder, Folder]] = []  # (folder, name in it), each folder before its names
    folders = {b"": root}  # those that were used so far
    for entry in entries:
        above, _, name = entry.path.rpartition(b"/")
        folder = folders.get(above)
        if folder is None:
            folder = folders[above] = _walk(root, above, made)
        node = _child(folder, name, made) if name else root
        node.size_bytes += entry.size_bytes
        node.count += 1
        node.entries += (entry,)
    for folder, node in reversed(made):
        folder.size_bytes += node.size_bytes
        folder.count += node.count
    return root


def _walk(root: Folder, path: bytes, made: list[tuple[Folder, Folder]]) -> Folder:
    for name in path.split(b"/") if path else ():
        root = _child(root, name, made)
    return root


def _child(folder: Folder, name: bytes, made: list[tuple[Folder, Folder]]) -> Folder:
    child = folder.children.get(name)
    if child is None:
        child = Folder(name)
        if folder.children is _NO_CHILDREN:
            folder.children = {}
        folder.children[name] = child
        made.append((folder, child))
    return child


def largest(root: Folder, limit: int) -> dict[int, list[Folder]]:
    """The ``limit`` largest names under ``root``, as children by ``id`` of their folder.

    A name is only there when its folder is; of equal sizes the one that holds more comes first,
    then by name. Largest first.
    """
    chosen: dict[int, list[Folder]] = {}
    waiting: list[tuple[int, int, bytes, int, Folder, Folder]] = []
    _offer(waiting, root)
    while waiting and limit:
        *_, folder, node = heapq.heappop(waiting)
        chosen.setdefault(id(folder), []).append(node)
        _offer(waiting, node)
        limit -= 1
    return chosen


def _offer(waiting: list[tuple[int, int, bytes, int, Folder, Folder]], folder: Folder) -> None:
    for node in folder.children.values():
        key = (-node.size_bytes, -node.count, node.name, id(node))
        heapq.heappush(waiting, (*key, folder, node))

"""Entries of one layer as a tree of folders with sizes, and the part of it worth showing."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable

from container_magics.core.layers import Entry


class Folder:
    """A name in the tree; ``size_bytes`` and ``count`` are of all below it and itself.

    ``entries`` are those at this very path: none for a folder that the layer does not name. Names
    that hold nothing are made when ``children`` is first asked for: few of them ever are.
    """

    __slots__ = ("_children", "_waiting", "count", "entries", "name", "size_bytes")

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.size_bytes = 0
        self.count = 0
        self.entries: tuple[Entry, ...] = ()
        self._children: dict[bytes, Folder] | None = None
        self._waiting: list[Entry] | None = None  # entries of names in it

    @property
    def children(self) -> dict[bytes, Folder]:
        """What it holds, by name."""
        if self._children is None:
            self._children = {}
        if self._waiting:
            for entry in self._waiting:
                name = entry.path.rpartition(b"/")[2]
                found = self._children.get(name)
                if found is None:
                    found = self._children[name] = Folder(name)
                found.take(entry)
            self._waiting = None
        return self._children

    def folder(self, name: bytes) -> Folder:
        """The name in it, made where it is not there."""
        if self._children is None:
            self._children = {}
        found = self._children.get(name)
        if found is None:
            found = self._children[name] = Folder(name)
        return found

    def hold(self, entries: list[Entry]) -> None:
        """Count the entries of all names in it, those of folders apart that are there already."""
        self._waiting = entries
        self.size_bytes += sum([entry.size_bytes for entry in entries])
        self.count += len(entries)

    def take(self, entry: Entry) -> None:
        """Count an entry at this very path."""
        self.entries += (entry,)
        self.size_bytes += entry.size_bytes
        self.count += 1


def tree_of(entries: Iterable[Entry]) -> Folder:
    """The root of a tree of the entries, their marks included."""
    root = Folder(b"")
    folders = {b"": root}  # by path, each after the one that it is in
    held: dict[bytes, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.path:
            held[entry.path.rpartition(b"/")[0]].append(entry)
        else:
            root.take(entry)
    for path, inside in held.items():
        (folders.get(path) or _made(folders, path)).hold(inside)
    for path, folder in reversed(folders.items()):
        if path:
            parent = folders[path.rpartition(b"/")[0]]
            parent.size_bytes += folder.size_bytes
            parent.count += folder.count
    return root


def _made(folders: dict[bytes, Folder], path: bytes) -> Folder:
    """The folder at ``path``, and those that it is in: made from the nearest that is there."""
    missing = [path]
    while (above := missing[-1].rpartition(b"/")[0]) not in folders:
        missing.append(above)
    folder = folders[above]
    for each in reversed(missing):
        folder = folders[each] = folder.folder(each.rpartition(b"/")[2])
    return folder


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

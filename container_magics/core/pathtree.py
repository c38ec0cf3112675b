"""Entries as a tree of folders with sizes, and the part of it worth showing."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from container_magics.core.layers import Entry
from container_magics.core.mergenodes import Node, carrying

WIDE = 4000
"""Names in a folder, of which most are not shown."""
NAME_BYTES = 180
"""What a name takes of a page, besides its letters."""
LONGEST_TEXT = 160
"""Letters of a name and its link, which are cut."""


class Folder:
    """A name in the tree; ``size_bytes`` and ``count`` are of all below it and itself.

    ``entries`` are those at this very path: none for a folder that the layer does not name. Ghosts,
    which are hidden and stand where they were, are among them and in ``count``; their bytes are
    ``hidden_bytes``, and not in ``size_bytes``. Names that hold nothing are made when ``children``
    is first asked for: few of them ever are.
    """

    __slots__ = (
        "_children", "_ghosts", "_waiting", "count", "entries", "hidden_bytes", "name",
        "size_bytes",
    )  # fmt: skip

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.size_bytes = 0
        self.hidden_bytes = 0
        self.count = 0
        self.entries: tuple[Entry, ...] = ()
        self._children: dict[bytes, Folder] | None = None
        self._waiting: list[Entry] | None = None  # entries of names in it
        self._ghosts: list[Entry] | None = None  # and ghosts

    @property
    def children(self) -> dict[bytes, Folder]:
        """What it holds, by name."""
        if self._children is None:
            self._children = {}
        for entry in self._waiting or ():
            self.folder(entry.path.rpartition(b"/")[2]).take(entry)
        for entry in self._ghosts or ():
            self.folder(entry.path.rpartition(b"/")[2]).take_ghost(entry)
        self._waiting = self._ghosts = None
        return self._children

    @property
    def is_empty(self) -> bool:
        """Whether no name is in it."""
        return not (self._children or self._waiting or self._ghosts)

    @property
    def width(self) -> int:
        """How many names are in it."""
        names = set(self._children or ())
        for some in (self._waiting, self._ghosts):
            if some:
                start = some[0].path.rfind(b"/") + 1
                names |= {entry.path[start:] for entry in some}
        return len(names)

    def top(self, limit: int) -> Iterable[Folder]:
        """The ``limit`` largest names in it, and maybe others: in a folder of very many names those
        that are not folders are only made when they are asked for."""
        waiting = self._waiting
        if waiting is None or len(waiting) < max(WIDE, 2 * limit) or self._ghosts:
            return self.children.values()
        least = sorted([entry.size_bytes for entry in waiting])[-limit]
        large = [entry for entry in waiting if entry.size_bytes >= least]
        large = heapq.nsmallest(limit, large, key=lambda entry: (-entry.size_bytes, entry.path))
        start = waiting[0].path.rfind(b"/") + 1
        names = {entry.path[start:] for entry in large} | set(self._children or ())
        names |= {entry.path[start:] for entry in waiting if entry.kind == "dir"}
        # all of one name are taken together: what still waits has other names
        self._waiting = [entry for entry in waiting if entry.path[start:] not in names]
        for entry in waiting:
            if entry.path[start:] in names:
                self.folder(entry.path[start:]).take(entry)
        return (self._children or {}).values()

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

    def haunt(self, ghosts: list[Entry]) -> None:
        """As ``hold``, of ghosts."""
        self._ghosts = ghosts
        self.hidden_bytes += sum([entry.size_bytes for entry in ghosts])
        self.count += len(ghosts)

    def take_ghost(self, entry: Entry) -> None:
        """Count a ghost at this very path."""
        self.entries += (entry,)
        self.hidden_bytes += entry.size_bytes
        self.count += 1

    def drop(self, name: bytes) -> None:
        """Forget a name in it that holds nothing."""
        if self._children is not None:
            self._children.pop(name, None)

    def take(self, entry: Entry) -> None:
        """Count an entry at this very path."""
        self.entries += (entry,)
        self.size_bytes += entry.size_bytes
        self.count += 1


def tree_of(entries: Iterable[Entry], ghosts: Iterable[Entry] = ()) -> Folder:
    """The root of a tree of the entries, their marks included, and of ghosts."""
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
    _summed(folders, ghosts)
    return root


def tree_of_nodes(top: Node, ghosts: Iterable[Entry] = (), layer: int | None = None) -> Folder:
    """The same of what a merge shows under ``top``, its root; of the layer of that index alone,
    unless it is None. The bytes of hard links are at one of their names."""
    root = Folder(b"")
    folders, carried = {b"": root}, set[int]()
    order = [(root, top)]  # grows as it is walked: a folder before what it holds
    if top.entry is not None and layer in (None, top.layer):
        root.take(top.entry)
    for folder, node in order:
        inside = list[Entry]()
        keep = inside.append
        for path, child in (node.children or {}).items():
            entry = child.entry
            mine = entry is not None and (layer is None or child.layer == layer)
            if child.children:
                below = folders[path] = folder.folder(path.rpartition(b"/")[2])
                order.append((below, child))
                if entry is not None and mine:
                    below.take(entry)
            elif entry is not None and mine:
                keep(entry if child.links is None else carrying(child, carried))
        if inside:
            folder.hold(inside)
    _summed(folders, ghosts)
    return root


def _summed(folders: dict[bytes, Folder], ghosts: Iterable[Entry]) -> None:
    """Lay ghosts into the folders; then each has what is below it, and those of nothing go."""
    held: dict[bytes, list[Entry]] = defaultdict(list)
    for ghost in ghosts:
        if ghost.path:
            held[ghost.path.rpartition(b"/")[0]].append(ghost)
    for path, inside in held.items():
        (folders.get(path) or _made(folders, path)).haunt(inside)
    for path, folder in reversed(folders.items()):
        if path:
            above, _, name = path.rpartition(b"/")
            parent = folders[above]
            parent.size_bytes += folder.size_bytes
            parent.hidden_bytes += folder.hidden_bytes
            parent.count += folder.count
            if not folder.count:
                parent.drop(name)


def _made(folders: dict[bytes, Folder], path: bytes) -> Folder:
    """The folder at ``path``, and those that it is in: made from the nearest that is there."""
    missing = [path]
    while (above := missing[-1].rpartition(b"/")[0]) not in folders:
        missing.append(above)
    folder = folders[above]
    for each in reversed(missing):
        folder = folders[each] = folder.folder(each.rpartition(b"/")[2])
    return folder


class Chosen(NamedTuple):
    """Names that are worth showing, by ``id`` of their folder: those that are seen when it is
    opened, and ``further`` ones, which stand under one more fold."""

    children: dict[int, list[Folder]]
    further: dict[int, list[Folder]]

    def of(self, folder: Folder) -> tuple[Sequence[Folder], Sequence[Folder]]:
        """Both kinds of names in a folder."""
        return self.children.get(id(folder), ()), self.further.get(id(folder), ())


def largest(root: Folder, limit: int) -> dict[int, list[Folder]]:
    """The ``limit`` largest names under ``root``, as children by ``id`` of their folder: by their
    own bytes and those hidden there.

    A name is only there when its folder is; of equal sizes the one that holds more comes first,
    then by name, then that of the larger folder. Largest first.
    """
    return chosen(root, limit, 0).children


def chosen(root: Folder, limit: int, room_bytes: int) -> Chosen:
    """The same, and as many of the next largest as a page of about ``room_bytes`` has room for
    beside them: further names of the folders that are shown, and what is in those."""
    found, shown = Chosen({}, {}), {id(root)}
    most = limit + room_bytes // NAME_BYTES
    waiting: list[_Offer] = []
    _offer(waiting, root, most, 0)
    for turn in range(1, most + 1):
        if not waiting:
            break
        *_, folder, node = heapq.heappop(waiting)
        room_bytes -= _bytes_of(node)
        is_further = turn > limit and id(folder) in shown
        if turn <= limit:
            shown.add(id(node))
        elif room_bytes < 0:
            break
        to = found.further if is_further else found.children
        to.setdefault(id(folder), []).append(node)
        _offer(waiting, node, most - turn, turn)
    return found


def _bytes_of(node: Folder) -> int:
    """About what a name takes of a page, and the links under it, where some letters are escaped."""
    text = b"".join((node.name, *(entry.link for entry in node.entries)))[:LONGEST_TEXT]
    return NAME_BYTES + len(text) + sum(4 * text.count(letter) for letter in (b"&", b"<", b">"))


_Offer = tuple[int, int, bytes, int, Folder, Folder]


def _offer(waiting: list[_Offer], folder: Folder, limit: int, turn: int) -> None:
    for node in folder.top(limit) if limit else ():
        # the turn tells names of two folders apart: their addresses would differ each time
        key = (-node.size_bytes - node.hidden_bytes, -node.count, node.name, turn)
        heapq.heappush(waiting, (*key, folder, node))

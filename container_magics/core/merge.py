"""Merge: the fold that lays one layer after another over a tree of folders.

Each name is placed once and taken away at most once, so any number of whiteouts and opaque
folders costs no more than the entries that they hide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from container_magics.core.layerpaths import first_names, ways_to
from container_magics.core.layers import MARKS, Entry, Layer
from container_magics.core.mergenodes import Links, Node, shown_bytes

Cause = Literal["overwritten", "whiteout", "opaque", "type change"]


class Hidden(NamedTuple):
    """An entry of the layer ``owner`` that the layer ``hider`` hides; indexes, oldest layer 0.

    ``size_bytes`` are the bytes that nobody sees since: 0 for all but files, and for a name
    whose bytes another hard link still shows. ``by`` is the path of the entry that did it: the
    path itself, or a folder above it.

    ``same_content``: for a file that a file overwrites, whether both have the same bytes, as their
    sizes and CRCs tell; None where those are not known, and for all else.
    """

    entry: Entry
    size_bytes: int
    owner: int
    hider: int
    cause: Cause
    by: bytes
    same_content: bool | None = None


class Visible(NamedTuple):
    """What is seen at ``entry.path``, from the layer of that index. The bytes of hard links are
    at one of their names, which is another one when the first was hidden."""

    entry: Entry
    layer: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many paths, and the bytes at them."""

    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a layer did to the layers under it.

    ``added``: paths that were not there. ``changed``: paths that were; a folder counts when
    its mode or owner differ. ``hid``: lower paths that are gone after it. ``hides_bytes``: all
    bytes of lower layers that it hides, by changing or by hiding; ``changed_paths`` says which.
    """

    added: Tally
    changed: Tally
    hid: Tally
    hides_bytes: int
    changed_paths: frozenset[bytes]


class Merge:
    """The file system so far. ``apply`` layers in order, oldest first."""

    def __init__(self) -> None:
        self.hidden: list[Hidden] = []
        self.visible_bytes = 0
        self.root = Node(None, -1)  # what is seen now: to be looked at
        self._index = -1
        self._gone: dict[bytes, int] = {}  # lower paths that this layer took away: their bytes
        self._changed: list[Entry] = []
        self._added: list[Entry] = []
        self._folders: dict[bytes, Node] = {}  # those that this layer has used so far

    @property
    def count(self) -> int:
        """How many layers were laid."""
        return self._index + 1

    def layer_of(self, path: bytes) -> int | None:
        """The index of the layer that what is seen at a path is from; None for what is not there,
        or is a folder that no layer names."""
        node = self._find(path)
        return node.layer if node is not None and node.entry is not None else None

    def apply(self, index: int, layer: Layer) -> Change:
        """Lay ``layer`` on top. Its marks hide lower layers alone, wherever they stand in it."""
        self._index, self._gone, self._changed, self._added = index, {}, [], []
        first_hidden = len(self.hidden)
        for entry in layer.entries:
            if entry.kind in MARKS:
                self._mark(entry)
        links = self._shared(layer.entries)
        if links:
            for entry in layer.entries:
                if entry.kind not in MARKS:
                    self._place(entry, links.get(entry.path))
        else:
            self._place_all(layer.entries)
        self._folders.clear()
        return Change(
            added=_tally(self._added),
            changed=_tally(self._changed),
            hid=Tally(len(self._gone), sum(self._gone.values())),
            hides_bytes=sum(h.size_bytes for h in self.hidden[first_hidden:]),
            changed_paths=frozenset(entry.path for entry in self._changed),
        )

    def visible(self) -> Iterator[Visible]:
        """All that is seen now, a folder before what it holds."""
        carried: set[int] = set()
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            waiting.extend(reversed((node.children or {}).values()))
            if node.entry is not None:
                yield Visible(node.entry, node.layer, shown_bytes(node, carried))

    def _mark(self, mark: Entry) -> None:
        if mark.kind == "opaque":
            folder = self._find(mark.path)
            if folder is not None and folder.children:
                below, folder.children = folder.children, {}
                for node in below.values():
                    self._hide(node, "opaque", mark.path)
            return
        folder = self._find(mark.path.rpartition(b"/")[0])
        if folder is not None and folder.children and mark.path in folder.children:
            self._hide(folder.children.pop(mark.path), "whiteout", mark.path)

    def _place_all(self, entries: tuple[Entry, ...]) -> None:
        """Place what has no hard links. A new name in a folder that was used already, as most
        are, is placed here: the rest of the work would double its time."""
        folders, index, added = self._folders, self._index, self._added.append
        for entry in entries:
            path = entry.path
            folder = folders.get(path.rpartition(b"/")[0])
            if folder is None or not folder.children or path in folder.children:
                if entry.kind not in MARKS:
                    self._place(entry, None)
            elif entry.kind not in MARKS:
                folder.children[path] = Node(entry, index)
                self.visible_bytes += entry.size_bytes
                if self._gone and self._gone.pop(path, None) is not None:
                    self._changed.append(entry)
                else:
                    added(entry)

    def _place(self, entry: Entry, links: Links | None) -> None:
        if not entry.path:
            self.root.entry, self.root.layer = entry, self._index
            return
        siblings = self._folder_at(entry.path.rpartition(b"/")[0])
        old = siblings.get(entry.path)
        if old is not None and old.children is not None and entry.kind == "dir":
            self._place_folder_again(old, entry)
            return
        siblings[entry.path] = Node(entry, self._index, links)
        if links is None:
            self.visible_bytes += entry.size_bytes
        if old is not None:
            if old.children is not None:
                self._folders.clear()
            self._hide(old, _cause(old, entry), entry.path, entry)
        if self._gone.pop(entry.path, None) is None:
            self._added.append(entry)
        else:
            self._changed.append(entry)

    def _place_folder_again(self, node: Node, entry: Entry) -> None:
        old = node.entry
        if old is not None and (old.mode, old.uid, old.gid) != (entry.mode, entry.uid, entry.gid):
            self._changed.append(entry)
        node.entry, node.layer = entry, self._index

    def _folder_at(self, path: bytes) -> dict[bytes, Node]:
        """What the folder holds; folders on the way are made, what else is there gives way."""
        node = self._folders.get(path) or self._walk(path)
        return node.children or self._children(node)

    def _children(self, node: Node) -> dict[bytes, Node]:
        if node.children is None:
            node.children = {}
        return node.children

    def _walk(self, path: bytes) -> Node:
        """The folder, down from the nearest one above it that this layer has used."""
        unused, by = [path], path
        while by and (by := by.rpartition(b"/")[0]) not in self._folders and by:
            unused.append(by)
        node = self._folders.get(by, self.root)
        for above in reversed(unused):
            if above:
                node = self._folder_in(node, above, path)
            self._folders[above] = node
        return node

    def _folder_in(self, node: Node, path: bytes, by: bytes) -> Node:
        children = self._children(node)
        found = children.get(path)
        if found is None or found.children is None:
            children[path] = folder = Node(None, self._index)
            if found is not None:
                self._hide(found, "type change", by)
            return folder
        return found

    def _find(self, path: bytes) -> Node | None:
        node: Node | None = self.root
        for above in ways_to(path):
            node = node.children.get(above) if node is not None and node.children else None
        return node

    def _hide(self, top: Node, cause: Cause, by: bytes, instead: Entry | None = None) -> None:
        """Take a name, and all below it, out of sight. ``instead`` is what is there now."""
        waiting = [top]
        while waiting:
            node = waiting.pop()
            waiting.extend((node.children or {}).values())
            entry = node.entry
            if entry is None:
                continue
            lost = self._release(entry, node.links)
            same = None if instead is None else _same_content(entry, instead)
            self.hidden.append(Hidden(entry, lost, node.layer, self._index, cause, by, same))
            if node.layer != self._index:
                self._gone[entry.path] = lost

    def _release(self, entry: Entry, links: Links | None) -> int:
        """The bytes that go out of sight with a name."""
        lost = entry.size_bytes
        if links is not None:
            links.names -= 1
            if links.carrier == entry.path:
                links.carrier = None
            lost = 0 if links.names else links.size_bytes
        self.visible_bytes -= lost
        return lost

    def _shared(self, entries: tuple[Entry, ...]) -> dict[bytes, Links]:
        """The hard links of a layer, by every name that they go by. {} when it has none."""
        targets = {entry.path: entry.link for entry in entries if entry.kind == "hardlink"}
        if not targets:
            return {}
        first = first_names(targets)
        wanted = set(first.values())
        by_first = {e.path: e for e in entries if e.path in wanted and e.kind not in MARKS}
        groups: dict[bytes, Links] = {}
        for path, name in first.items():
            if name not in groups:
                groups[name] = self._links(name, by_first.get(name))
            if path != name:  # else a ring of links, without bytes
                groups[name].names += 1
                groups[path] = groups[name]
        return groups

    def _links(self, name: bytes, entry: Entry | None) -> Links:
        if entry is not None:
            self.visible_bytes += entry.size_bytes
            return Links(name, entry.size_bytes, 1)
        node = self._find(name)
        if node is None or node.entry is None or node.children is not None:
            return Links(None, 0, 0)
        if node.links is None:  # a link to a lower layer's file: unusual, and shared all the same
            node.links = Links(name, node.entry.size_bytes, 1)
        return node.links


def _cause(old: Node, entry: Entry) -> Cause:
    files = ("file", "hardlink")
    was = old.entry.kind if old.entry is not None else "dir"
    same = was == entry.kind or (was in files and entry.kind in files)
    return "overwritten" if same else "type change"


def _same_content(old: Entry, new: Entry) -> bool | None:
    if not (old.path == new.path and old.kind == new.kind == "file"):
        return None
    if old.size_bytes != new.size_bytes or not old.size_bytes:
        return old.size_bytes == new.size_bytes
    return None if old.crc is None or new.crc is None else old.crc == new.crc


def _tally(entries: list[Entry]) -> Tally:
    return Tally(len(entries), sum(entry.size_bytes for entry in entries))

"""The file system after a layer, to be walked folder by folder, with what that layer did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Literal, NamedTuple, get_args

from container_magics.core.layerfind import Sight
from container_magics.core.layers import Entry
from container_magics.core.layersteps import until
from container_magics.core.layertree import LayerTree
from container_magics.core.merge import Hidden
from container_magics.core.pathtree import Folder, tree_of
from container_magics.core.treemap import Part, parts_of

State = Literal["", "added", "changed", "hidden"]
Choice = Literal["all", "added", "changed", "hidden"]
CHOICES: tuple[Choice, ...] = get_args(Choice)


class Item(NamedTuple):
    """A name in a folder. ``size_bytes`` and ``inside``, how many, are of all below it and itself.

    ``entry`` is None for a folder that no layer names. ``layer`` is the index of the layer that it
    comes from, oldest 0, None for such a folder. ``state`` is what the last layer did: "" nothing.
    ``ghost`` is set for what it hid: who shipped it, and how it was hidden.
    """

    path: bytes
    name: bytes
    is_folder: bool
    size_bytes: int
    inside: int
    entry: Entry | None
    layer: int | None
    state: State
    ghost: Hidden | None = None


class Step:
    """A tree as it was after the layer of index ``step``, narrowed to a choice and a text.

    Ghosts, what that layer hid and put nothing in place of, stand where they were.
    """

    def __init__(self, tree: LayerTree, step: int, choice: Choice = "all", text: str = "") -> None:
        """``text``: paths have it, in any case; "" for all. Linear in the number of entries."""
        then = until(tree, step)
        self._step = step
        self._seen = Sight(then).seen()
        self._changed = tree.changes[step].changed_paths
        self._ghosts = {
            one.entry.path: one
            for one in then.hidden
            if one.hider == step and one.owner != step and one.entry.path not in self._seen
        }
        self.count = 0
        self._nodes: dict[bytes, list[Folder]] = {}
        self._root = tree_of(self._chosen(choice, text.encode("utf-8", "surrogateescape").lower()))

    def items(self, folder: bytes = b"") -> tuple[Item, ...]:
        """What a folder holds, largest first, of equal ones by name; () for what is none."""
        return tuple(self.item(folder, node) for node in self.nodes(folder))

    def nodes(self, folder: bytes = b"") -> list[Folder]:
        """The same for ``item``, which makes an Item of one when it is looked at."""
        if folder not in self._nodes:
            nodes = [*self._folder(folder).values()]
            nodes.sort(key=attrgetter("name"))
            nodes.sort(key=attrgetter("size_bytes"), reverse=True)  # equal ones stay in order
            self._nodes[folder] = nodes
        return self._nodes[folder]

    def item(self, folder: bytes, node: Folder) -> Item:
        """One of what ``nodes`` gives for that folder."""
        return self._item(folder + b"/" + node.name if folder else node.name, node)

    def _folder(self, folder: bytes) -> dict[bytes, Folder]:
        node: Folder | None = self._root
        for name in folder.split(b"/") if folder else ():
            node = node.children.get(name) if node is not None else None
        return node.children if node is not None else {}

    def parts(self, limit: int) -> list[Part]:
        """The largest of it, for a treemap."""
        return parts_of(self._root, limit)

    def _chosen(self, choice: Choice, text: bytes) -> Iterator[Entry]:
        for entry in self._entries(choice):
            if entry.path and (not text or text in entry.path.lower()):
                self.count += 1
                yield entry

    def _entries(self, choice: Choice) -> Iterable[Entry]:
        ghosts = [one.entry for one in self._ghosts.values()]
        if choice == "hidden":
            return ghosts
        entries = [entry for _, entry in self._seen.values()]
        if choice == "all":
            return entries + ghosts
        return [one for one in entries if self._state(one.path) == choice]

    def _state(self, path: bytes) -> State:
        if path in self._ghosts:
            return "hidden"
        index, entry = self._seen.get(path, (-1, None))
        if index != self._step or entry is None:
            return ""
        if path in self._changed:
            return "changed"
        return "" if entry.kind == "dir" else "added"

    def _item(self, path: bytes, node: Folder) -> Item:
        ghost = self._ghosts.get(path)
        layer, entry = self._seen.get(path, (None, None))
        if ghost is not None:
            layer, entry = ghost.owner, ghost.entry
        is_folder = entry is None or entry.kind == "dir" or bool(node.children)
        return Item(
            path, node.name, is_folder, node.size_bytes, node.count, entry, layer,
            self._state(path), ghost,
        )  # fmt: skip

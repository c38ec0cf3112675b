"""The file system after a layer, to be walked folder by folder, with what that layer did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Literal, NamedTuple, get_args

from container_magics.core.layers import Entry
from container_magics.core.layersteps import ghost_entry, ghosts_after, seen_after
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
    ``ghost`` is set for what it hid: who shipped it, and how it was hidden. ``hidden_bytes`` are
    those of such names, below it and itself; they are not in ``size_bytes``.
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
    hidden_bytes: int = 0


class Step:
    """A tree as it was after the layer of index ``step``, narrowed to a choice and a text.

    Ghosts, what that layer hid and put nothing in place of, stand where they were.
    """

    def __init__(self, tree: LayerTree, step: int, choice: Choice = "all", text: str = "") -> None:
        """``text``: paths have it, in any case; "" for all. Linear in the number of entries."""
        self._step = step
        self._seen = seen_after(tree, step)
        self._changed = tree.changes[step].changed_paths
        self._ghosts = ghosts_after(tree, step, self._seen.get)
        self._nodes: dict[bytes, list[Folder]] = {}
        part = text.encode("utf-8", "surrogateescape").lower()
        ghosts = list(self._with(part, map(ghost_entry, self._ghosts.values())))
        if choice == "hidden":  # alone: their bytes are those of the folders too
            self._root = tree_of(ghosts)
        else:
            beside = ghosts if choice == "all" else []
            self._root = tree_of(self._with(part, self._entries(choice)), beside)
        self.count = self._root.count

    def items(self, folder: bytes = b"") -> tuple[Item, ...]:
        """What a folder holds, largest first, of equal ones by name; () for what is none."""
        return tuple(self.item(folder, node) for node in self.nodes(folder))

    def nodes(self, folder: bytes = b"") -> list[Folder]:
        """The same for ``item``, which makes an Item of one when it is looked at."""
        if folder not in self._nodes:
            nodes = [*self._folder(folder).values()]
            nodes.sort(key=attrgetter("name"))
            # equal ones stay in order
            nodes.sort(key=lambda one: one.size_bytes + one.hidden_bytes, reverse=True)
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

    def _with(self, text: bytes, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Those whose paths have the text."""
        for entry in entries:
            if entry.path and (not text or text in entry.path.lower()):
                yield entry

    def _entries(self, choice: Choice) -> Iterable[Entry]:
        """Of what is seen."""
        entries = [entry for _, entry in self._seen.values()]
        if choice == "all":
            return entries
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
            self._state(path), ghost, node.hidden_bytes,
        )  # fmt: skip

"""The files after a layer as a tree to open, with what that layer added, changed and hid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

from container_magics.core import units
from container_magics.core.layers import Entry, shown
from container_magics.core.layersteps import ghost_entry, ghosts_after, merged, seen_after
from container_magics.core.layertree import LayerTree
from container_magics.core.merge import Hidden
from container_magics.core.pathtree import Folder, chosen, tree_of, tree_of_nodes
from container_magics.view.model import Mark, Tree, View
from container_magics.view.present.foldernodes import NAME_LENGTH, node_of
from container_magics.view.present.layers import NODES_SHOWN, ROOM_BYTES, instruction


def files(tree: LayerTree, step: int, nodes: int = NODES_SHOWN, *, alone: bool = False) -> View:
    """The file system after the layer of index ``step``; what it hid stands where it was.

    Sizes are of what is seen; what is hidden is told apart. About ``nodes`` names are shown, the
    largest. ``alone``: of what is seen, only what that layer itself holds.
    """
    state = merged(tree, step)
    if state is not None:
        layer_of = state.layer_of
        ghosts = ghosts_after(tree, step, layer_of)
        root = tree_of_nodes(state.root, map(ghost_entry, ghosts.values()), step if alone else None)
    else:
        seen = seen_after(tree, step)
        layer_of = partial(_layer_in, seen)
        ghosts = ghosts_after(tree, step, layer_of)
        some = [one for one in seen.values() if one[0] == step] if alone else seen.values()
        root = tree_of(map(itemgetter(1), some), map(ghost_entry, ghosts.values()))
    names = chosen(root, nodes, ROOM_BYTES)
    drawing = _Drawing(step, layer_of, ghosts, tree.changes[step].changed_paths)
    which = "The files of layer" if alone else "The files after layer"
    line = instruction(tree.layers[step])[:NAME_LENGTH]
    caption = f"{which} {step + 1} ({line}), and what it {'hid' if alone else 'did'}"
    return Tree((node_of(root, names, drawing.text, drawing.mark),), caption)


def _layer_in(seen: dict[bytes, tuple[int, Entry]], path: bytes) -> int | None:
    found = seen.get(path)
    return None if found is None else found[0]


@dataclass(frozen=True, slots=True)
class _Drawing:
    step: int
    layer_of: Callable[[bytes], int | None]
    ghosts: Mapping[bytes, Hidden]
    changed: Set[bytes]

    def text(self, folder: Folder) -> str:
        parts = []
        if not folder.is_empty:
            inside = units.count(folder.count, "entry", "entries")
            parts.append(f"{units.size(folder.size_bytes)}, {inside}")
            if folder.hidden_bytes:
                parts.append(f"and {units.size(folder.hidden_bytes)} hidden")
        for entry in folder.entries:
            if entry.kind == "file":
                parts.append(units.size(entry.size_bytes))
            elif entry.kind != "dir":
                link = f" → {shown(entry.link)[:NAME_LENGTH]}" if entry.link else ""
                parts.append(entry.kind + link)
            if entry.path in self.ghosts:
                parts.append("hidden, still shipped")
            elif entry.kind != "dir" and (layer := self.layer_of(entry.path)) is not None:
                parts.append(f"layer {layer + 1}")
        return ", ".join(parts)

    def mark(self, folder: Folder) -> Mark:
        for entry in folder.entries:
            if entry.path in self.ghosts:
                return "hidden"
            if self.layer_of(entry.path) == self.step:
                if entry.path in self.changed:
                    return "changed"
                return "added" if entry.kind != "dir" else ""
        return ""

"""The files after a layer as a tree to open, with what that layer added, changed and hid."""

from __future__ import annotations

from itertools import chain
from operator import itemgetter

from container_magics.core import units
from container_magics.core.layerfind import Sight
from container_magics.core.layers import Entry, shown
from container_magics.core.layersteps import until
from container_magics.core.layertree import LayerTree
from container_magics.core.pathtree import Folder, largest, tree_of
from container_magics.view.model import Mark, Node, Tree, View
from container_magics.view.present.layers import NAME_LENGTH, NODES_SHOWN, instruction

DEEPEST = 60


def files(tree: LayerTree, step: int, nodes: int = NODES_SHOWN, *, alone: bool = False) -> View:
    """The file system after the layer of index ``step``; what it hid stands where it was.

    Sizes are of what is seen. About ``nodes`` names are shown, the largest. ``alone``: of what
    is seen, only what that layer itself holds.
    """
    then = until(tree, step)
    seen = Sight(then).seen()
    ghosts = {h.entry.path: h.entry for h in then.hidden if h.hider == step and h.owner != step}
    ghosts = {path: entry for path, entry in ghosts.items() if path not in seen}
    some = [one for one in seen.values() if one[0] == step] if alone else seen.values()
    root = tree_of(chain(map(itemgetter(1), some), ghosts.values()))
    chosen = largest(root, nodes)
    drawing = _Drawing(then, step, seen, ghosts, chosen)
    which = "The files of layer" if alone else "The files after layer"
    line = instruction(tree.layers[step])[:NAME_LENGTH]
    caption = f"{which} {step + 1} ({line}), and what it {'hid' if alone else 'did'}"
    return Tree((drawing.node(root, 0),), caption)


class _Drawing:
    def __init__(
        self,
        tree: LayerTree,
        step: int,
        seen: dict[bytes, tuple[int, Entry]],
        ghosts: dict[bytes, Entry],
        chosen: dict[int, list[Folder]],
    ) -> None:
        self._step, self._seen, self._ghosts, self._chosen = step, seen, ghosts, chosen
        self._changed = tree.changes[step].changed_paths

    def node(self, folder: Folder, depth: int) -> Node:
        children = self._chosen.get(id(folder), []) if depth < DEEPEST else []
        name = shown(folder.name)
        is_folder = bool(folder.children) or any(e.kind == "dir" for e in folder.entries)
        return Node(
            label=(name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…")
            + ("/" if is_folder else ""),
            text=self._text(folder),
            mark=self._mark(folder),
            children=tuple(self.node(child, depth + 1) for child in children),
            omitted=len(folder.children) - len(children),
        )

    def _text(self, folder: Folder) -> str:
        parts = []
        if folder.children:
            inside = units.count(folder.count, "entry", "entries")
            parts.append(f"{units.size(folder.size_bytes)}, {inside}")
        for entry in folder.entries:
            if entry.kind == "file":
                parts.append(units.size(entry.size_bytes))
            elif entry.kind != "dir":
                link = f" → {shown(entry.link)[:NAME_LENGTH]}" if entry.link else ""
                parts.append(entry.kind + link)
            if entry.path in self._ghosts:
                parts.append("hidden, still shipped")
            elif entry.kind != "dir":
                parts.append(f"layer {self._seen[entry.path][0] + 1}")
        return ", ".join(parts)

    def _mark(self, folder: Folder) -> Mark:
        for entry in folder.entries:
            if entry.path in self._ghosts:
                return "hidden"
            if self._seen[entry.path][0] == self._step:
                if entry.path in self._changed:
                    return "changed"
                return "added" if entry.kind != "dir" else ""
        return ""

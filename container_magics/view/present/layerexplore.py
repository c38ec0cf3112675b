"""What the explorer says of a name, and of the layer that it stands at."""

from __future__ import annotations

from dataclasses import replace

from container_magics.core import units
from container_magics.core.layerexplore import Item
from container_magics.core.layers import shown
from container_magics.core.layertree import LayerTree
from container_magics.view.model import Group, Stack, View
from container_magics.view.present.foldernodes import NAME_LENGTH, clip
from container_magics.view.present.layers import instruction

MARKS = {"": "", "added": "+ ", "changed": "~ ", "hidden": "− "}


def label(item: Item) -> str:
    """The name, with its mark, and a "/" where it is a folder."""
    return f"{MARKS[item.state]}{clip(shown(item.name))}{'/' if item.is_folder else ''}"


def remark(item: Item, tree: LayerTree) -> str:
    """Size, layer, and what became of it."""
    if item.ghost is not None:
        below = item.hidden_bytes or item.size_bytes
        size = units.size(below if item.is_folder else item.ghost.size_bytes)
        owner = item.ghost.owner + 1
        return f"{item.ghost.cause} hides {size} of layer {owner}, still shipped"
    parts = []
    if item.is_folder:
        inside = units.count(item.inside, "entry", "entries")
        parts.append(f"{units.size(item.size_bytes)}, {inside}")
        if item.hidden_bytes:
            parts.append(f"and {units.size(item.hidden_bytes)} hidden")
    elif item.entry is not None and item.entry.kind == "file":
        parts.append(units.size(item.size_bytes))
    elif item.entry is not None:
        link = f" → {shown(item.entry.link)[:NAME_LENGTH]}" if item.entry.link else ""
        parts.append(item.entry.kind + link)
    if item.layer is not None and not item.is_folder:
        is_own = tree.layers[item.layer].writable
        copied = "copied up" if item.state == "changed" else "written"
        parts.append(f"{copied} by the container" if is_own else f"layer {item.layer + 1}")
    return ", ".join(parts)


def standing(tree: LayerTree, step: int, count: int) -> str:
    """Where the slider stands: the layer of index ``step``, and what it did."""
    change = tree.changes[step]
    counts = (change.added.count, change.changed.count, change.hid.count)
    did = "+{} ~{} -{}".format(*map(units.count, counts))
    line = clip(instruction(tree.layers[step]))
    return f"after layer {step + 1} of {len(tree.layers)}: {line} ({did}); {count:,} names"


def still(view: View) -> View:
    """What is saved beside an explorer: a view of layers without the files in them, which may be
    very many, and which the explorer was there to show."""
    if isinstance(view, Group):
        return replace(view, views=tuple(map(still, view.views)))
    if isinstance(view, Stack):
        return replace(view, rows=tuple(replace(row, nodes=()) for row in view.rows))
    return view

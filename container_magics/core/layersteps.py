"""A tree as it was after one of its layers."""

from __future__ import annotations

from dataclasses import replace

from container_magics.core.layertree import LayerTree


def until(tree: LayerTree, step: int) -> LayerTree:
    """The tree of the layers up to the index ``step`` alone (oldest 0)."""
    layers = tree.layers[: step + 1]
    if len(layers) == len(tree.layers):
        return tree
    hidden = tuple(one for one in tree.hidden if one.hider <= step)
    total_bytes = sum(layer.size_bytes for layer in layers)
    return replace(
        tree,
        layers=layers,
        changes=tree.changes[: step + 1],
        hidden=hidden,
        total_bytes=total_bytes,
        visible_bytes=total_bytes - sum(one.size_bytes for one in hidden),
    )

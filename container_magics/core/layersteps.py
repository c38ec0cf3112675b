"""A tree as it was after one of its layers: what is seen then, and what that layer hid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from container_magics.core.layerfind import Found, Sight
from container_magics.core.layers import Entry
from container_magics.core.layertree import LayerTree
from container_magics.core.merge import Hidden, Merge
from container_magics.errors import UsageError


def step_asked(tree: LayerTree, step: int) -> int | None:
    """The index of the layer ``step`` (from 1), or for 0 of the last one that has files; None when
    no layer has any. UsageError for a layer that is not there."""
    if step > len(tree.layers):
        raise UsageError(f"--tree {step}: there are {len(tree.layers)} layers.")
    with_files = [index for index, layer in enumerate(tree.layers) if layer.entries]
    if not with_files:
        return None
    return step - 1 if step else with_files[-1]


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


def merged(tree: LayerTree, step: int) -> Merge | None:
    """The merge that shows what is seen after the layer of index ``step``: where no layer above it
    has files, and nothing else was laid on it since."""
    state = tree.state
    whole = state is not None and state.count == len(tree.layers)
    return state if whole and not any(one.entries for one in tree.layers[step + 1 :]) else None


def seen_after(tree: LayerTree, step: int) -> dict[bytes, tuple[int, Entry]]:
    """What is seen after the layer of index ``step``: by path its layer's index and entry. The
    bytes of hard links are at one of their names that is seen."""
    if any(h.hider <= step and h.size_bytes < h.entry.size_bytes for h in tree.hidden):
        # A name that carried bytes is gone, others still show them: only the merge tells which.
        return {
            one.entry.path: (one.layer, one.entry._replace(size_bytes=one.size_bytes))
            for one in tree.after(step)
        }
    return Sight(until(tree, step)).seen()


def ghosts_after(tree: LayerTree, step: int, at: Callable[[bytes], object]) -> dict[bytes, Hidden]:
    """What the layer of index ``step`` hid of lower layers and put nothing in place of, by path.
    ``at`` tells what is seen at a path after it: None for nothing."""
    own = {entry.path for entry in tree.layers[step].entries}
    return {
        one.entry.path: one
        for one in tree.hidden
        if one.hider == step
        and one.owner != step
        and (one.entry.path not in own or at(one.entry.path) is None)
    }


def found_after(tree: LayerTree, step: int, *, alone: bool = False) -> list[Found]:
    """By path what is seen after the layer of index ``step``, and what that layer hid; of what is
    seen only what it holds itself where it is asked ``alone``."""
    seen = seen_after(tree, step)
    found = [
        Found(layer, entry, "seen") for layer, entry in seen.values() if layer == step or not alone
    ]
    found += [
        Found(one.owner, ghost_entry(one), "hidden", one.hider)
        for one in ghosts_after(tree, step, seen.get).values()
    ]
    return sorted(found, key=lambda one: one.entry.path)


def ghost_entry(ghost: Hidden) -> Entry:
    """Its entry, with the bytes that were hidden with it."""
    if ghost.entry.size_bytes == ghost.size_bytes:
        return ghost.entry
    return ghost.entry._replace(size_bytes=ghost.size_bytes)

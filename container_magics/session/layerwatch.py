"""Follow a container's own layer: its tree anew, each time that something was written."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

from container_magics.core.layers import ImageLayers
from container_magics.core.layertree import LayerTree, merge
from container_magics.engine import containers, files, writable
from container_magics.engine.client import Engine

POLL_S = 1.0
LOOKED_AT = 64
"""Of so many changed paths the size is looked at, too: a file that grows stays one change."""


def growing(
    engine: Engine, name: str, tree: LayerTree, over: threading.Event
) -> Generator[LayerTree, None, None]:
    """The tree of the container of that name, once now and then as it changes, until ``over``.

    ``tree`` is an earlier one. The engine is asked once a second. Raises NotFound when the
    container is gone, and what the engine raises.
    """
    below = tree.layers[:-1]
    before: Any = None
    while not over.is_set():
        now = marks(engine, name)
        if now != before:
            before = now
            top = writable.own_layer(engine, name, below)
            yield merge(ImageLayers(tree.image_id, (*below, top), tree.ways))
        over.wait(POLL_S)


def marks(engine: Engine, name: str) -> Any:
    """What differs when something was written: the changed paths, and how large some are."""
    changes = containers.changes(engine, name)
    there = [one.path for one in changes if one.kind != "deleted"][:LOOKED_AT]
    return changes, [files.stat(engine, name, path) for path in there]

"""A tree of folders as the nodes of a view."""

from __future__ import annotations

from collections.abc import Callable

from container_magics.core.layers import shown
from container_magics.core.pathtree import Chosen, Folder
from container_magics.view.model import Mark, Node

DEEPEST = 60
NAME_LENGTH = 80


def clip(text: str, length: int = NAME_LENGTH) -> str:
    """The text, cut where it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def node_of(
    folder: Folder,
    names: Chosen,
    text: Callable[[Folder], str],
    mark: Callable[[Folder], Mark],
    depth: int = 0,
) -> Node:
    """A name with the ``names`` that were chosen below it; ``text`` and ``mark`` say what stands at
    each. The rest is counted, as is what lies deeper than DEEPEST."""
    children, further = names.of(folder) if depth < DEEPEST else ((), ())

    def below(child: Folder) -> Node:
        return node_of(child, names, text, mark, depth + 1)

    is_folder = not folder.is_empty or any(entry.kind == "dir" for entry in folder.entries)
    return Node(
        label=clip(shown(folder.name)) + ("/" if is_folder else ""),
        text=text(folder),
        mark=mark(folder),
        children=tuple(map(below, children)),
        omitted=folder.width - len(children) - len(further),
        further=tuple(map(below, further)),
    )

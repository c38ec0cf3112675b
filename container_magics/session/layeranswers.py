"""Questions about layers, answered: each as rows of plain data."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from container_magics.core import layerrows as rows
from container_magics.core.layerdiff import diff
from container_magics.core.layerfind import Links, big, find, path_of
from container_magics.core.layers import Contents, Entry, shown
from container_magics.core.layersecrets import secrets
from container_magics.core.layertree import LayerTree
from container_magics.core.layerwaste import wasted_paths
from container_magics.core.packages import package_changes
from container_magics.engine.client import Engine
from container_magics.engine.layersources import ENGINE_ALONE, Sources
from container_magics.errors import NotFound, UsageError
from container_magics.session import layers

SHOWN_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one of ``layersflags.QUESTIONS``; ``kind`` is the class of its rows."""

    question: str
    rows: Sequence[Any]
    kind: type[Any]

    def plain_rows(self) -> Sequence[Any]:
        """The rows as JSON can hold them: a file's content is text, with escapes for the rest."""
        if self.question != "show":
            return self.rows
        return [
            FileRead(one.path, one.layer, one.size_bytes, one.hidden_by, _text(one.content))
            for one in self.rows
        ]


@dataclass(frozen=True, slots=True)
class FileText:
    """A file of the layer ``layer`` (from 1): the beginning of its ``size_bytes``."""

    path: str
    layer: int
    size_bytes: int
    hidden_by: int | None
    content: bytes


@dataclass(frozen=True, slots=True)
class FileRead:
    """A FileText whose ``content`` is text."""

    path: str
    layer: int
    size_bytes: int
    hidden_by: int | None
    content: str


def _text(content: bytes) -> str:
    return content.decode("utf-8", "backslashreplace")


def contents(
    engine: Engine | None, image: str, tree: LayerTree, sources: Sources = ENGINE_ALONE
) -> Contents:
    """What reads the files of the image of that name, whose layers the tree has."""
    return layers.contents(engine, image, tree.image_id, tree.layers, sources)


def answers(
    engine: Engine | None,
    tree: LayerTree,
    words: Namespace,
    other: LayerTree | None = None,
    sources: Sources = ENGINE_ALONE,
) -> Iterator[Answer]:
    """What ``words`` (of layersflags) ask, but for --tree, in their order.

    ``engine`` may be None for images that are elsewhere (``layers.is_elsewhere``).
    ``other`` is the tree of the image to compare with; ``sources`` may be asked for files. Raises
    NotFound for a file that no layer has, UsageError, and what reading an image raises.
    """
    if words.owner:
        yield Answer("owner", rows.touch_rows(tree.owner(path_of(words.owner))), rows.TouchRow)
    if words.find:
        yield Answer("find", rows.file_rows(find(tree, words.find)), rows.FileRow)
    if words.big:
        yield Answer("big", rows.file_rows(big(tree, words.big)), rows.FileRow)
    if words.wasted:
        yield Answer("wasted", rows.waste_rows(wasted_paths(tree)), rows.WasteRow)
    if words.hidden:
        yield Answer("hidden", rows.hidden_rows(tree.hidden), rows.HiddenRow)
    if other is not None:
        yield _diff(engine, tree, other, words, sources)
    if words.show:
        yield Answer("show", [_file(engine, tree, words, sources)], FileText)
    if words.secrets:
        found = secrets(tree, contents(engine, words.image, tree, sources))
        yield Answer("secrets", rows.secret_rows(found), rows.SecretRow)
    if words.packages:
        changes = package_changes(tree, contents(engine, words.image, tree, sources))
        yield Answer("packages", rows.package_rows(changes), rows.PackageRow)


def _diff(
    engine: Engine | None, tree: LayerTree, other: LayerTree, words: Namespace, sources: Sources
) -> Answer:
    both = None
    if words.content:
        both = (
            contents(engine, words.image, tree, sources),
            contents(engine, words.diff or words.other, other, sources),
        )
    return Answer("diff", rows.diff_rows(diff(tree, other, both)), rows.DiffRow)


def _file(engine: Engine | None, tree: LayerTree, words: Namespace, sources: Sources) -> FileText:
    path = path_of(words.show)
    index, entry = _version(tree, path, words.layer)
    hider = next((h.hider for h in tree.hidden if (h.owner, h.entry.path) == (index, path)), None)
    behind = Links(tree.layers).file(index, entry)[1]
    read = contents(engine, words.image, tree, sources).read([(index, path)], SHOWN_BYTES)
    body = next((found for _, found in read), None)
    if body is None:
        raise NotFound(f"/{shown(path)} of layer {index + 1} cannot be read: it is a {entry.kind}.")
    number = None if hider is None else hider + 1
    return FileText(f"/{shown(path)}", index + 1, behind.size_bytes, number, body)


def _version(tree: LayerTree, path: bytes, layer: int | None) -> tuple[int, Entry]:
    """The version that is asked for: the newest, or that of ``layer`` (from 1)."""
    if layer is not None and layer > len(tree.layers):
        raise UsageError(f"--layer {layer}: there are {len(tree.layers)} layers.")
    links = Links(tree.layers)
    which = range(len(tree.layers) - 1, -1, -1) if layer is None else [layer - 1]
    for index in which:
        entry = links.at(index, path)
        if entry is not None:
            return index, entry
    where = "No layer" if layer is None else f"Layer {layer}"
    raise NotFound(
        f"{where} has no /{shown(path)}.",
        hint=f"`%layers IMAGE --owner /{shown(path)}` says who has.",
    )

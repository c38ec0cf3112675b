"""An image's layers as a view: the stack, what each layer holds, and what is wasted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime

from container_magics.core import units
from container_magics.core.history import as_written
from container_magics.core.layers import Entry, Layer, LayersReading, shown
from container_magics.core.layersecrets import masked
from container_magics.core.layertree import LayerTree, Ownership, Touch, above
from container_magics.core.layerwaste import Waste, dive, wastes
from container_magics.core.merge import Cause
from container_magics.core.pathtree import Folder, chosen, tree_of
from container_magics.view.model import (
    Column,
    Group,
    Mark,
    Meter,
    Node,
    Note,
    Stack,
    StackRow,
    Table,
    View,
)
from container_magics.view.present.foldernodes import clip, node_of
from container_magics.view.present.ways import read_by

NODES_SHOWN = 400  # of all layers together: keeps the HTML well under 300 KB
ROOM_BYTES = 150_000  # of HTML, for those and the next largest under further folds
LEAST_NODES = 12  # for each layer, however small it is
NODES_OF_LEAST = 600  # and where layers are so many that this would be more, fewer
WASTES_SHOWN = 5
INSTRUCTION_LENGTH = 100
FORMULA = "visible bytes / all layers' bytes"
THE_BASE = "the base image"
ABOVE = f" above {THE_BASE}"
BASE_BAR_BYTES = 140_000_000  # about its size: the length of its bar where the true one is masked

_VERBS: dict[Cause, str] = {
    "overwritten": "replaced",
    "whiteout": "removed",
    "opaque": "emptied a folder of",
    "type change": "put something of another type over",
}
_REMEDIES: dict[Cause, str] = {
    "overwritten": (
        "Bring each file in once, as it shall be: with COPY --chown and --chmod, or by changing "
        "it in the instruction that makes it."
    ),
    "whiteout": "Remove files in the same RUN that makes them: a later one only hides them.",
    "opaque": "Remove files in the same RUN that makes them: a later one only hides them.",
    "type change": "Make the path what it shall be in the layer that brings it.",
}


def reading(event: LayersReading) -> View:
    """A progress meter."""
    if not event.bytes_read:
        return Meter("layers", None, "the engine packs the image")
    whole = event.total_bytes
    fraction = min(1.0, event.bytes_read / whole) if whole else None
    of = f" of {units.size(whole)}" if whole else ""
    return Meter("layers", fraction, f"{units.size(event.bytes_read)}{of} read")


def layers(
    tree: LayerTree,
    image: str,
    *,
    stable: bool = False,
    base_rows: int = 0,
    nodes: int = NODES_SHOWN,
) -> View:
    """The stack of layers, the waste in words and the efficiency. ``image`` as it was typed.

    The oldest ``base_rows`` rows are the course's base image: what they hold is not counted, for
    the reader has not made it. ``stable`` leaves out when layers were created, how they were
    read, and the bytes of the base image, which is one row then: it varies. ``nodes`` is about
    how many names are shown under all layers together, the largest; 0 for none.
    """
    # what a reader asks of the base image itself is no share above it
    on_base = base_rows > 0 and (stable or base_rows < len(tree.layers))
    counted = above(tree, base_rows) if on_base else tree
    real = [layer for layer in tree.layers if not layer.empty]
    caption = (
        f"{units.count(len(real), 'layer')}, {units.size(counted.total_bytes)}"
        f"{ABOVE if on_base else ''}, of which {units.size(counted.visible_bytes)} can be seen"
        f"{'' if stable else read_by(tree.ways)}"
    )
    sizes = [layer.size_bytes for layer in counted.layers]
    if on_base and stable:
        sizes[0] = BASE_BAR_BYTES
    widest = max(sizes, default=0) or 1
    rows = _rows(counted, stable, nodes, widest)
    if on_base and stable:
        rows = (StackRow(f"1  {THE_BASE}", "SIZE", sizes[0] / widest), *rows[1:])
    elif on_base and base_rows == 1:
        rows = (replace(rows[0], label=f"1  {THE_BASE}"), *rows[1:])
    views = (Stack(rows, caption), *_waste_views(counted), _efficiency(counted, on_base=on_base))
    return Group(views, title=f"Layers of {image}")


def instruction(layer: Layer) -> str:
    """A layer's line as a Dockerfile has it: without the builder's wrapping, and with
    no secret that it holds."""
    if layer.writable:
        return "the container's writable layer"
    return masked(as_written(layer.instruction))


def owner(tree: LayerTree, path: str, *, on_base: bool = False) -> View:
    """A table of each layer that touched ``path`` ("/etc/passwd"), oldest first. ``on_base`` as
    for ``layers``."""
    found = tree.owner(path.strip("/").encode("utf-8", "surrogateescape"))
    said = "/" + shown(found.path)
    columns = (
        Column("layer", "right"), Column("instruction"), Column("did"), Column("size", "right"),
        Column("mode"), Column("owner"), Column("seen"),
    )  # fmt: skip
    if not found.touches:
        return Note(f"No layer has {said}.", "warning", hint="Paths start at the image's root.")
    rows = tuple(_touch_row(tree, found, touch) for touch in found.touches)
    if on_base and found.touches[0].layer == 0:
        number, line, did, _, mode, ids, seen = rows[0]
        rows = ((number, line, did, "SIZE", mode, ids, seen), *rows[1:])
    last = "" if found.winner is not None else " (not there in the end, and still shipped)"
    return Table(columns, rows, caption=f"Who owns {said}{last}")


def _touch_row(tree: LayerTree, found: Ownership, touch: Touch) -> tuple[str, ...]:
    line = clip(instruction(tree.layers[touch.layer]), INSTRUCTION_LENGTH)
    entry = touch.entry
    if entry is None:
        did = f"hid ({touch.cause} at /{shown(touch.by)})"
        return (str(touch.layer + 1), line, did, "", "", "", "")
    wins = "✓" if touch.layer == found.winner else ""
    size = units.size(entry.size_bytes) if entry.kind == "file" else entry.kind
    ids = f"{entry.uid}:{entry.gid}"
    copied = touch.action == "changed" and tree.layers[touch.layer].writable
    did = "copied up" if copied and entry.kind == "file" else touch.action
    return (str(touch.layer + 1), line, did, size, f"{entry.mode:04o}", ids, wins)


def _rows(tree: LayerTree, stable: bool, nodes: int, widest: int) -> tuple[StackRow, ...]:
    lost: dict[int, int] = defaultdict(int)
    hides: dict[tuple[int, bytes], int] = defaultdict(int)
    hiders: dict[tuple[int, bytes], int] = {}
    for hidden in tree.hidden:
        lost[hidden.owner] += hidden.size_bytes
        hides[hidden.hider, hidden.by] += hidden.size_bytes
        hiders[hidden.owner, hidden.entry.path] = hidden.hider
    rows = []
    for index, layer in enumerate(tree.layers):
        rows.append(
            StackRow(
                label=f"{index + 1}  {clip(instruction(layer), INSTRUCTION_LENGTH)}",
                size=units.size(layer.size_bytes),
                fraction=layer.size_bytes / widest,
                hidden=lost[index] / layer.size_bytes if layer.size_bytes else 0.0,
                kind="writable" if layer.writable else "empty" if layer.empty else "layer",
                text=_row_text(tree, index, lost[index], stable),
                nodes=_Nodes(tree, index, hides, hiders).forest(nodes),
            )
        )
    return tuple(rows)


def _row_text(tree: LayerTree, index: int, lost_bytes: int, stable: bool) -> str:
    layer, change = tree.layers[index], tree.changes[index]
    if layer.empty:
        return "no files"
    counts = (change.added.count, change.changed.count, change.hid.count)
    parts = ["+{} ~{} -{}".format(*map(units.count, counts))]
    if change.hides_bytes:
        parts.append(f"hides {units.size(change.hides_bytes)} below")
    if lost_bytes:
        parts.append(f"{units.size(lost_bytes)} of it hidden later")
    if layer.created_s and not stable:
        parts.append(f"{datetime.fromtimestamp(layer.created_s, UTC):%Y-%m-%d %H:%M} UTC")
    return ", ".join(parts)


class _Nodes:
    """The nodes under one layer: its largest names, folded."""

    def __init__(
        self,
        tree: LayerTree,
        index: int,
        hides: dict[tuple[int, bytes], int],
        hiders: dict[tuple[int, bytes], int],
    ) -> None:
        """``hides``: bytes by (layer, path that hides); ``hiders``: layer by what it hides."""
        self._tree, self._index, self._hides, self._hiders = tree, index, hides, hiders
        self._changed = tree.changes[index].changed_paths

    def forest(self, nodes: int) -> tuple[Node, ...]:
        """The root alone, with what is worth showing below it; () for a layer without entries."""
        layer = self._tree.layers[self._index]
        if not layer.entries or not nodes:
            return ()
        share = layer.size_bytes / (self._tree.total_bytes or 1)
        root = tree_of(layer.entries)
        with_files = sum(bool(one.entries) for one in self._tree.layers)
        room_bytes = ROOM_BYTES // 2 // with_files + int(ROOM_BYTES / 2 * share)
        least = min(LEAST_NODES, NODES_OF_LEAST // with_files)
        names = chosen(root, max(least, int(nodes * share)), room_bytes)
        return (node_of(root, names, self._text, self._mark),)

    def _text(self, folder: Folder) -> str:
        parts = [self._what(entry) for entry in folder.entries]
        if not folder.is_empty:
            inside = units.count(folder.count, "entry", "entries")
            parts = [f"{units.size(folder.size_bytes)}, {inside}", *parts]
        return ", ".join(part for part in parts if part)

    def _what(self, entry: Entry) -> str:
        if entry.kind in ("whiteout", "opaque"):
            word = "removed" if entry.kind == "whiteout" else "emptied of what lower layers have"
            bytes_hidden = self._hides.get((self._index, entry.path), 0)
            return (
                f"{word}: {units.size(bytes_hidden)} below, still shipped" if bytes_hidden else word
            )
        hider = self._hiders.get((self._index, entry.path))
        later = "" if hider is None else f"hidden by layer {hider + 1}"
        words = {"file": units.size(entry.size_bytes), "dir": ""}.get(entry.kind, entry.kind)
        if entry.link:
            words = f"{words} → {clip(shown(entry.link))}"
        return ", ".join(word for word in (words, later) if word)

    def _mark(self, folder: Folder) -> Mark:
        kinds = {entry.kind for entry in folder.entries}
        if kinds & {"whiteout", "opaque"}:
            return "hidden"
        if any(entry.path in self._changed for entry in folder.entries):
            return "changed"
        return "added" if kinds - {"dir"} else ""


def _waste_views(tree: LayerTree) -> tuple[View, ...]:
    found = wastes(tree)
    if not found:
        return (Note("No layer hides bytes of another: nothing is wasted.", "ok"),)
    facts = tuple(_waste_words(tree, waste) for waste in found[:WASTES_SHOWN])
    rest = sum(waste.size_bytes for waste in found[WASTES_SHOWN:])
    if rest:
        facts += (f"and {units.size(rest)} in smaller ones",)
    if tree.layers[found[0].hider].writable:  # no instruction made it, and no other one helps
        text = f"{units.size(tree.hidden_bytes)} of the image cannot be seen in this container."
        return (Note(text, "info", hint="The image itself is as it was.", facts=facts),)
    text = f"{units.size(tree.hidden_bytes)} are shipped, though a later layer hides them."
    return (Note(text, "warning", hint=_REMEDIES[found[0].cause], facts=facts),)


def _waste_words(tree: LayerTree, waste: Waste) -> str:
    """ "layer 9 `RUN chmod -R ...` replaced 2,907 files of layers 3 and 4: 41 MB"."""
    line = clip(instruction(tree.layers[waste.hider]), 60)
    numbers = [str(index + 1) for index in waste.owners]
    of = "layer " + numbers[0] if len(numbers) == 1 else "layers " + ", ".join(numbers[:-1])
    of += f" and {numbers[-1]}" if len(numbers) > 1 else ""
    files = units.count(waste.count, "file")
    size = units.size(waste.size_bytes)
    verb = _VERBS[waste.cause]
    return f"layer {waste.hider + 1} ({line}) {verb} {files} of {of}: {size}"


def _efficiency(tree: LayerTree, *, on_base: bool) -> Meter:
    text = f"{units.percent(tree.efficiency)} ({FORMULA}{ABOVE if on_base else ''})"
    if not on_base:
        text += f"; dive's score {dive(tree).score:.4f}"
    return Meter("efficiency", tree.efficiency, text)

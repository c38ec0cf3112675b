"""LayerTree: layers laid over one another, with what each added, changed and hid.

Rules: OCI image spec 1.1, `layer.md`, "Applying Changesets" and "Whiteouts".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from container_magics.core.layers import MARKS, Entry, ImageLayers, Layer, Way
from container_magics.core.merge import Change, Hidden, Merge, Visible

Action = Literal["added", "changed", "hid"]


class Touch(NamedTuple):
    """What one layer did at a path. ``layer`` is its index, oldest 0.

    ``entry`` is what it put there, None when it hid the path; ``by`` is then the path whose
    entry did it, and ``cause`` as in Hidden.
    """

    layer: int
    action: Action
    entry: Entry | None
    cause: str = ""
    by: bytes = b""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Every layer that touched ``path``, oldest first; ``winner`` is the index of the layer whose
    version is seen, None when the path is not there in the end."""

    path: bytes
    touches: tuple[Touch, ...]
    winner: int | None


@dataclass(frozen=True, slots=True)
class LayerTree:
    """An image's layers, oldest first, and what became of them. Made by ``merge``.

    ``changes`` has one Change for each layer, in the same order; ``hidden`` is in the order in
    which things were hidden; ``ways`` says how the layers were read, as in ImageLayers;
    ``state`` is what more layers may be laid on (see ``merge``).
    Always: total_bytes == visible_bytes + hidden_bytes.
    """

    image_id: str
    layers: tuple[Layer, ...]
    changes: tuple[Change, ...]
    hidden: tuple[Hidden, ...] = field(repr=False)
    visible_bytes: int
    total_bytes: int
    ways: tuple[Way, ...] = field(default=(), compare=False)
    state: Merge | None = field(default=None, compare=False, repr=False)

    @property
    def hidden_bytes(self) -> int:
        """Bytes that are shipped and that nobody can see."""
        return self.total_bytes - self.visible_bytes

    @property
    def efficiency(self) -> float:
        """visible bytes / all layers' bytes, 1.0 for an image without bytes.

        The formula is ours, and exact: a byte is wasted when no path of the merged image leads
        to it. dive counts otherwise; see ``layerwaste.dive``.
        """
        return self.visible_bytes / self.total_bytes if self.total_bytes else 1.0

    def begins(self, layers: Sequence[Layer]) -> bool:
        """Whether ``layers`` are this tree's, and more on top; and nothing was laid on it yet."""
        mine = [(layer.diff_id, layer.empty) for layer in self.layers]
        theirs = [(layer.diff_id, layer.empty) for layer in layers[: len(mine)]]
        laid = self.state.count if self.state is not None else 0
        known = all(layer.diff_id or layer.empty for layer in self.layers)
        return known and mine == theirs and laid == len(mine)

    def after(self, step: int) -> Iterator[Visible]:
        """The file system after the layer ``step`` (0: the oldest alone), a folder before what
        it holds. Folders that no layer names are left out."""
        state = Merge()
        for index, layer in enumerate(self.layers[: step + 1]):
            state.apply(index, layer)
        return state.visible()

    def owner(self, path: bytes) -> Ownership:
        """Who touched ``path`` (as in Entry). No touches: no layer has it."""
        # A walk with a look into a set: 5 ms for 100,000 entries; an index takes 40 to make.
        asked = {path[:at] for at, byte in enumerate(path) if byte == 0x2F} | {b"", path}
        touches: list[Touch] = []
        there = False
        for index, layer in enumerate(self.layers):
            near = [e for e in layer.entries if e.path in asked]
            hid = _hid(index, near, path) if there else None
            entry = next((e for e in near if e.path == path and e.kind not in MARKS), None)
            if entry is not None:
                touches.append(Touch(index, "changed" if there else "added", entry))
                there = True
            elif hid is not None:
                touches.append(hid)
                there = False
        return Ownership(path, tuple(touches), touches[-1].layer if there else None)


def _hid(index: int, near: list[Entry], path: bytes) -> Touch | None:
    """How these entries of one layer, at ``path`` and above it, hide a lower layer's ``path``."""
    for entry in near:
        if entry.kind == "whiteout":
            return Touch(index, "hid", None, "whiteout", entry.path)
        if entry.kind == "opaque" and entry.path != path:
            return Touch(index, "hid", None, "opaque", entry.path)
        if entry.path != path and entry.kind not in ("dir", "opaque"):
            return Touch(index, "hid", None, "type change", entry.path)
    return None


def squashed(image: ImageLayers, rows: int, instruction: str) -> ImageLayers:
    """The same image with its ``rows`` oldest rows as one, which holds what they show together.

    How a base image came to be differs from machine to machine; what is built on it does not.
    """
    seen = merge(ImageLayers(image.image_id, image.layers[:rows])).after(rows - 1)
    entries = tuple(
        one.entry._replace(kind="file", link=b"", size_bytes=one.size_bytes)
        if one.entry.kind == "hardlink" and one.size_bytes
        else one.entry
        for one in seen
    )
    size_bytes = sum(entry.size_bytes for entry in entries)
    ground = Layer("", "", instruction, None, size_bytes, entries)
    return replace(image, layers=(ground, *image.layers[rows:]))


def above(tree: LayerTree, rows: int) -> LayerTree:
    """The same tree, its bytes counted from row ``rows`` on: what the oldest rows hold, and what
    is hidden of them, counts nowhere."""
    hidden = tuple(one for one in tree.hidden if one.owner >= rows)
    hides = Counter[int]()
    for one in hidden:
        hides[one.hider] += one.size_bytes
    total_bytes = sum(layer.size_bytes for layer in tree.layers[rows:])
    return replace(
        tree,
        hidden=hidden,
        changes=tuple(
            replace(change, hides_bytes=hides[index]) for index, change in enumerate(tree.changes)
        ),
        total_bytes=total_bytes,
        visible_bytes=total_bytes - sum(one.size_bytes for one in hidden),
    )


def merge(image: ImageLayers, onto: LayerTree | None = None) -> LayerTree:
    """Lay the layers over one another. Linear in the number of entries, marks included.

    Where ``onto`` has the oldest of them already, only those above it are laid, and nothing can be
    laid on ``onto`` any more.
    """
    state, changes = Merge(), list[Change]()
    if onto is not None and onto.state is not None and onto.begins(image.layers):
        state, changes = onto.state, [*onto.changes]
    first = len(changes)
    changes += (state.apply(first + n, layer) for n, layer in enumerate(image.layers[first:]))
    return LayerTree(
        image_id=image.image_id,
        layers=image.layers,
        changes=tuple(changes),
        hidden=tuple(state.hidden),
        visible_bytes=state.visible_bytes,
        total_bytes=sum(layer.size_bytes for layer in image.layers),
        ways=image.ways,
        state=state,
    )

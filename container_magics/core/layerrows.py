"""The answers about layers as rows of plain data: for `.df`, for JSON, and for the views.

Layers count from 1, as readers see them; paths begin with "/" and are escaped as ``shown``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from container_magics.core.layerdiff import Difference
from container_magics.core.layerfind import Found
from container_magics.core.layers import Entry, shown
from container_magics.core.layersecrets import Secret, masked
from container_magics.core.layersteps import found_after, step_asked
from container_magics.core.layertree import LayerTree, Ownership
from container_magics.core.layerwaste import PathWaste
from container_magics.core.merge import Hidden
from container_magics.core.packages import PackageChange
from container_magics.core.rows import Later, Rows


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A line of the history, and what became of its layer. ``added``, ``changed`` and ``hid`` count
    paths; of ``size_bytes`` later layers hide ``hidden_bytes``, it hides ``hides_bytes`` of those
    below. ``created`` is ISO 8601, None when unknown."""

    layer: int
    instruction: str
    size_bytes: int
    added: int
    changed: int
    hid: int
    hides_bytes: int
    hidden_bytes: int
    empty: bool
    writable: bool
    created: str | None
    diff_id: str


@dataclass(frozen=True, slots=True)
class TouchRow:
    """What a layer did at a path."""

    layer: int
    did: str
    kind: str
    size_bytes: int | None
    mode: str
    uid: int | None
    gid: int | None
    wins: bool


@dataclass(frozen=True, slots=True)
class FileRow:
    """An entry of a layer; ``hidden_by`` is the layer that hides it, None for none."""

    path: str
    layer: int
    kind: str
    size_bytes: int
    mode: str
    uid: int
    gid: int
    state: str
    hidden_by: int | None


@dataclass(frozen=True, slots=True)
class WasteRow:
    """A path, how many layers wrote it, and its bytes that nobody sees."""

    path: str
    times_written: int
    wasted_bytes: int


@dataclass(frozen=True, slots=True)
class HiddenRow:
    """Bytes of a layer that ``hidden_by`` hides, by its entry at the path ``by``."""

    path: str
    hidden_bytes: int
    layer: int
    hidden_by: int
    cause: str
    by: str


@dataclass(frozen=True, slots=True)
class DiffRow:
    """What differs at a path; the rest is None where the path is not there."""

    path: str
    change: str
    what: str
    kind_before: str | None
    kind_after: str | None
    size_before: int | None
    size_after: int | None
    mode_before: str | None
    mode_after: str | None
    owner_before: str | None
    owner_after: str | None


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A secret's place; ``path`` is "" and ``line`` None for one in the history."""

    layer: int
    path: str
    line: int | None
    secret: str
    length: int
    hidden_by: int | None


@dataclass(frozen=True, slots=True)
class PackageRow:
    """What a layer did to a package."""

    layer: int
    manager: str
    package: str
    change: str
    before: str
    version: str


def layer_rows(tree: LayerTree) -> list[LayerRow]:
    """Every line of the history, oldest first."""
    lost = Counter[int]()
    for one in tree.hidden:
        lost[one.owner] += one.size_bytes
    return [
        LayerRow(
            index + 1, masked(layer.instruction), layer.size_bytes,
            change.added.count, change.changed.count, change.hid.count,
            change.hides_bytes, lost[index], layer.empty, layer.writable,
            iso(layer.created_s), layer.diff_id,
        )
        for index, (layer, change) in enumerate(zip(tree.layers, tree.changes, strict=True))
    ]  # fmt: skip


def iso(created_s: float | None) -> str | None:
    """A time as ISO 8601; None for one that is unknown."""
    return None if created_s is None else datetime.fromtimestamp(created_s, UTC).isoformat()


def touch_rows(found: Ownership) -> list[TouchRow]:
    """Every layer that touched the path, oldest first."""
    rows = []
    for touch in found.touches:
        entry, wins = touch.entry, touch.layer == found.winner
        if entry is None:
            rows.append(TouchRow(touch.layer + 1, touch.action, "", None, "", None, None, wins))
        else:
            facts = (entry.kind, entry.size_bytes, _mode(entry), entry.uid, entry.gid)
            rows.append(TouchRow(touch.layer + 1, touch.action, *facts, wins))
    return rows


def file_rows(found: Sequence[Found]) -> Rows[Found, FileRow]:
    """In the order given."""
    return Rows(found, _file_row)


def _file_row(one: Found) -> FileRow:
    return FileRow(
        _path(one.entry.path), one.layer + 1, one.entry.kind, one.entry.size_bytes,
        _mode(one.entry), one.entry.uid, one.entry.gid, one.state, _number(one.hider),
    )  # fmt: skip


def tree_rows(tree: LayerTree, step: int, *, alone: bool = False) -> Rows[Found, FileRow]:
    """All that ``--tree`` draws from, found when it is asked; ``step`` as for ``step_asked``."""

    def found() -> list[Found]:
        index = step_asked(tree, step)
        return [] if index is None else found_after(tree, index, alone=alone)

    return file_rows(Later(found))


def waste_rows(found: Sequence[PathWaste]) -> Rows[PathWaste, WasteRow]:
    """In the order given."""
    return Rows(found, lambda one: WasteRow(_path(one.path), one.times_written, one.size_bytes))


def hidden_rows(found: Iterable[Hidden]) -> Rows[Hidden, HiddenRow]:
    """Those with bytes, most first; they add up to all that is wasted."""
    kept = sorted((h for h in found if h.size_bytes), key=lambda h: (-h.size_bytes, h.entry.path))
    return Rows(kept, _hidden_row)


def _hidden_row(one: Hidden) -> HiddenRow:
    path, by = _path(one.entry.path), _path(one.by)
    return HiddenRow(path, one.size_bytes, one.owner + 1, one.hider + 1, one.cause, by)


def diff_rows(found: Sequence[Difference]) -> Rows[Difference, DiffRow]:
    """In the order given."""
    return Rows(found, _diff_row)


def _diff_row(one: Difference) -> DiffRow:
    before, after = one.before, one.after
    return DiffRow(
        _path(one.path),
        one.fate,
        ", ".join(one.what),
        kind_before=before.kind if before else None,
        kind_after=after.kind if after else None,
        size_before=before.size_bytes if before else None,
        size_after=after.size_bytes if after else None,
        mode_before=_mode(before) if before else None,
        mode_after=_mode(after) if after else None,
        owner_before=_owner(before) if before else None,
        owner_after=_owner(after) if after else None,
    )


def secret_rows(found: Iterable[Secret]) -> list[SecretRow]:
    """In the order given."""
    return [
        SecretRow(
            one.layer + 1, _path(one.path) if one.line else "", one.line or None, one.rule,
            one.length, _number(one.hidden_by),
        )
        for one in found
    ]  # fmt: skip


def package_rows(found: Iterable[PackageChange]) -> list[PackageRow]:
    """In the order given."""
    return [
        PackageRow(one.layer + 1, one.manager, one.name, one.act, one.before, one.version)
        for one in found
    ]


def _path(path: bytes) -> str:
    return "/" + shown(path)


def _mode(entry: Entry) -> str:
    return f"{entry.mode:04o}"


def _number(layer: int | None) -> int | None:
    return None if layer is None else layer + 1


def _owner(entry: Entry) -> str:
    return f"{entry.uid}:{entry.gid}"

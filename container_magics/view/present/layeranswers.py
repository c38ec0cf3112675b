"""Answers about layers as tables: what was found, wasted, compared, left behind, installed."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from container_magics.core import units
from container_magics.core.layerdiff import CONTENT_BYTES, Difference
from container_magics.core.layerrows import (
    DiffRow,
    FileRow,
    HiddenRow,
    PackageRow,
    SecretRow,
    WasteRow,
)
from container_magics.core.layers import shown
from container_magics.core.layersteps import step_asked
from container_magics.core.layertree import LayerTree
from container_magics.core.layerwaste import dive
from container_magics.core.packages import unread
from container_magics.core.rows import Rows
from container_magics.core.terminal import plain
from container_magics.view.model import Column, Group, Note, Table, View
from container_magics.view.present.layerfiles import files as tree_of_files
from container_magics.view.present.layers import owner

ROWS_SHOWN = 200
"""The rows themselves are all in the list that the magic gives."""
_RIGHT = {"layer", "size", "times", "wasted", "hidden", "line", "length"}


def answer_view(
    question: str, rows: Sequence[Any], tree: LayerTree, words: Namespace, *, on_base: bool = False
) -> View:
    """The view of the rows of one question of ``words`` (of layersflags).

    With ``on_base`` what counts the bytes of the course's base image, which the packages of the
    day decide, is left out.
    """
    if question == "owner":
        return owner(tree, words.owner, on_base=on_base)
    if question in ("find", "big"):
        found = f"{units.count(len(rows), 'entry', 'entries')} for {words.find}"
        return files(rows, found if question == "find" else "The largest files of all layers")
    if question == "wasted":
        return wasted(rows, tree, on_base=on_base)
    if question == "hidden":
        return hidden(rows, tree, on_base=on_base)
    if question == "diff":
        changes = cast("Rows[Difference, DiffRow]", rows)
        return diff(changes, words.image, words.diff, content=words.content)
    if question == "secrets":
        return secrets(rows, words.image)
    if question == "packages":
        return packages(rows, unread(tree), words.image)
    one = rows[0]
    return file(one.content, one.path, one.layer, one.size_bytes, one.hidden_by)


def tree_view(tree: LayerTree, step: int, *, alone: bool = False) -> View:
    """The files after the layer ``step`` (from 1), or after the last one that has files for 0; with
    ``alone``, those of that layer and no other.

    Raises UsageError for a layer that is not there.
    """
    index = step_asked(tree, step)
    if index is None:
        return Note("No layer has a file.", "info")
    return tree_of_files(tree, index, alone=alone)


def files(rows: Sequence[FileRow], caption: str) -> View:
    """Entries of layers, in the order given."""
    cells = [
        (
            row.path, str(row.layer), _size(row.kind, row.size_bytes), row.mode,
            f"{row.uid}:{row.gid}",
            f"hidden by layer {row.hidden_by}" if row.hidden_by else row.state,
        )
        for row in rows[:ROWS_SHOWN]
    ]  # fmt: skip
    return _table(("path", "layer", "size", "mode", "owner", "state"), cells, caption, len(rows))


def wasted(rows: Sequence[WasteRow], tree: LayerTree, *, on_base: bool = False) -> View:
    """Paths with hidden bytes, and dive's numbers under them."""
    caption = f"{units.size(tree.hidden_bytes)} wasted, at {units.count(len(rows), 'path')}"
    cells = [
        (row.path, str(row.times_written), units.size(row.wasted_bytes))
        for row in rows[:ROWS_SHOWN]
    ]
    table = _table(("path", "times", "wasted"), cells, caption, len(rows))
    return table if on_base else Group((table, dive_note(tree)))


def dive_note(tree: LayerTree) -> Note:
    """dive's numbers by its rules' names."""
    found = dive(tree)
    return Note(
        "By dive's count, which takes every copy of a path for waste:",
        facts=(
            f"lowestEfficiency: {found.score:.4f}",
            f"highestWastedBytes: {units.size(found.wasted_bytes)}",
            f"highestUserWastedPercent: {found.user_wasted_percent / 100:.4f}",
        ),
    )


def hidden(rows: Sequence[HiddenRow], tree: LayerTree, *, on_base: bool = False) -> View:
    """What every hidden byte is, whose, and who hides it."""
    cells = [
        (
            row.path, units.size(row.hidden_bytes), str(row.layer),
            f"layer {row.hidden_by}: {row.cause}"
            + (f" at {row.by}" if row.by != row.path else ""),
        )
        for row in rows[:ROWS_SHOWN]
    ]  # fmt: skip
    all_bytes, seen = units.size(tree.total_bytes), units.size(tree.visible_bytes)
    caption = f"{units.size(tree.hidden_bytes)} hidden"
    if not on_base:
        caption += f": {all_bytes} in all, {seen} can be seen"
    return _table(("path", "hidden", "layer", "hidden by"), cells, caption, len(rows))


def diff(rows: Rows[Difference, DiffRow], one: str, other: str, *, content: bool) -> View:
    """What differs from image ``one`` to ``other``; ``content`` says that bytes were compared."""
    found = Counter(one.fate for one in rows.found)
    fates = ("added", "removed", "changed", *(("unknown",) if found["unknown"] else ()))
    counts = ", ".join(f"{found[fate]} {fate}" for fate in fates)
    caption = f"From {one} to {other}: {counts}"
    cells = [(row.path, row.change, _difference(row)) for row in rows[:ROWS_SHOWN]]
    columns = ("path", "change", "what")
    table = _table(columns, cells, caption, len(rows), "no path differs")
    if content:
        return _with_doubts(table, sum(one.unlike is None for one in rows.found))
    note = Note("The bytes of files of one size were not compared.", hint="Add --content for it.")
    return Group((table, note))


def _with_doubts(table: Table, files: int) -> View:
    """The table, and a note that so many files could not be compared."""
    if not files:
        return table
    most = units.size(CONTENT_BYTES)
    said = f"The bytes of {units.count(files, 'file')} were not compared, or not all of them"
    why = f"{said}: they cannot be read, or are more than {most}."
    return Group((table, Note(why, "warning")))


def _difference(row: DiffRow) -> str:
    if row.change in ("added", "removed"):
        kind, size = (
            (row.kind_before, row.size_before)
            if row.change == "removed"
            else (row.kind_after, row.size_after)
        )
        return _size(kind or "", size or 0)
    said = {
        "type": f"type {row.kind_before} → {row.kind_after}",
        "mode": f"mode {row.mode_before} → {row.mode_after}",
        "owner": f"owner {row.owner_before} → {row.owner_after}",
        "size": f"size {units.size(row.size_before or 0)} → {units.size(row.size_after or 0)}",
    }
    return ", ".join(said.get(word, word) for word in row.what.split(", "))


def secrets(rows: Sequence[SecretRow], image: str) -> View:
    """What secrets an image ships, none of them shown."""
    if not rows:
        return Note(
            f"No key and no token was found in {image}.",
            "ok",
            hint="Known formats were looked for, not every secret: files of packages, and files "
            "of over 256 KB that are not made for secrets, were left out.",
        )
    cells = [
        (
            row.secret, row.path or "(its instruction)", str(row.line or ""), str(row.layer),
            f"layer {row.hidden_by}, and still shipped" if row.hidden_by else "",
        )
        for row in rows[:ROWS_SHOWN]
    ]  # fmt: skip
    caption = f"{units.count(len(rows), 'secret')} in {image}; values are not shown"
    note = Note(
        "Whoever has the image has these, also those that a later layer hides.",
        "warning",
        hint="Change them where they are used, and build anew with `RUN --mount=type=secret`.",
    )
    columns = ("secret", "path", "line", "layer", "hidden by")
    return Group((_table(columns, cells, caption, len(rows)), note))


def packages(rows: Sequence[PackageRow], unread: Sequence[bytes], image: str) -> View:
    """What each layer did to packages, and which databases were not read."""
    cells = [
        (
            str(row.layer), row.change, row.manager, plain(row.package),
            plain(f"{row.before} → {row.version}") if row.change == "changed"
            else plain(row.version or row.before),
        )
        for row in rows[:ROWS_SHOWN]
    ]  # fmt: skip
    table = _table(
        ("layer", "change", "manager", "package", "version"),
        cells, f"Packages of {image}, by layer", len(rows), "no dpkg, apk, rpm or pip package",
    )  # fmt: skip
    if not unread:
        return table
    names = tuple("/" + shown(path) for path in unread)
    return Group(
        (table, Note("rpm's databases of Berkeley DB are not read.", "warning", facts=names))
    )


def file(body: bytes, path: str, layer: int, size_bytes: int, hidden_by: int | None) -> View:
    """A file's content: text with its controls escaped, anything else as the bytes it begins with.

    ``layer`` and ``hidden_by`` count from 1; the content may be the beginning of ``size_bytes``.
    """
    where = f"{path}, from layer {layer}"
    if hidden_by:
        where += f", hidden by layer {hidden_by} and still shipped"
    said = units.size(size_bytes)
    cut = f"the first {units.size(len(body))} of {said}" if len(body) < size_bytes else said
    lines = _text_lines(body)
    if lines is None:
        head = [body[at : at + 16] for at in range(0, min(len(body), 256), 16)]
        lines = [
            f"{16 * n:06x}  {part.hex(' '):<47}  {_ascii(part)}" for n, part in enumerate(head)
        ]
        cut += f", no text: {units.count(min(len(body), 256), 'byte')} shown"
    return Note(f"{where}: {cut}", "warning" if hidden_by else "info", facts=tuple(lines))


def _text_lines(body: bytes) -> list[str] | None:
    """None for what is not text."""
    if b"\0" in body:
        return None
    try:
        body[: max(0, len(body) - 3)].decode()  # the end may be cut inside of a character
    except UnicodeDecodeError:
        return None
    return [
        shown(line.rstrip(b"\r").expandtabs(8)) for line in body.removesuffix(b"\n").split(b"\n")
    ]


def _ascii(part: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)


def _size(kind: str, size_bytes: int) -> str:
    return units.size(size_bytes) if kind == "file" else kind


def _table(
    names: tuple[str, ...],
    cells: Sequence[tuple[str, ...]],
    caption: str,
    rows: int,
    empty: str = "none",
) -> Table:
    """A table of the first of so many rows."""
    more = rows - len(cells)
    if more > 0:
        caption += f"; the first {len(cells)} shown, {units.count(more)} more in the list"
    columns = tuple(Column(name, "right" if name in _RIGHT else "left") for name in names)
    return Table(columns, tuple(cells), caption, empty)

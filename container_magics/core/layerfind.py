"""Questions about names: which layers have a path like this, and where are the large files."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Literal, NamedTuple

from container_magics.core.layers import MARKS, Entry, Layer
from container_magics.core.layertree import LayerTree
from container_magics.core.rows import Rows
from container_magics.errors import UsageError

State = Literal["seen", "hidden", "mark"]


class Found(NamedTuple):
    """An entry of the layer of this index (oldest 0).

    "seen": it is what the merged image shows; "hidden": a later layer (``hider``) replaced or
    removed it; "mark": it is a whiteout or an opaque folder, and hides others itself.
    """

    layer: int
    entry: Entry
    state: State
    hider: int | None = None


_path = itemgetter(Entry._fields.index("path"))


class Sight:
    """Tells what a tree's merged image shows, without laying its layers again."""

    def __init__(self, tree: LayerTree) -> None:
        """Take a tree. Linear in what is hidden, not in what is there."""
        self._tree = tree
        self._gone: dict[bytes, int] = {}  # path: the last layer that hid what was there
        self._by: dict[tuple[int, bytes], int] = {}  # (owner, path): the layer that hid it
        for hidden in tree.hidden:
            self._gone[hidden.entry.path] = max(hidden.hider, self._gone.get(hidden.entry.path, 0))
            self._by[hidden.owner, hidden.entry.path] = hidden.hider
        self._folders: dict[bytes, int] | None = None

    def seen(self, only: Collection[bytes] | None = None) -> dict[bytes, tuple[int, Entry]]:
        """What the merged image shows: by path its layer's index and entry. At the paths ``only``,
        or at all."""
        shown: dict[bytes, tuple[int, Entry]] = {}
        for index, layer in enumerate(self._tree.layers):
            some = layer.entries if only is None else [e for e in layer.entries if e.path in only]
            kept = [entry for entry in some if entry.kind not in MARKS]
            shown.update(zip(map(_path, kept), zip(repeat(index), kept), strict=False))
        for path in self._gone:
            newest = shown.get(path)
            if newest is not None and not self._outlives(newest[0], path):
                del shown[path]
        return shown

    def found(self, index: int, entry: Entry) -> Found:
        """An entry of the layer ``index``, with what became of it."""
        if entry.kind in MARKS:
            return Found(index, entry, "mark")
        hider = self._by.get((index, entry.path))
        if hider is None and not self._outlives(index, entry.path):
            hider = self._gone[entry.path]  # a folder that was named again, and hidden then
        if hider is None and entry.kind == "dir" and self._last_folders()[entry.path] != index:
            hider = self._last_folders()[entry.path]
        return Found(index, entry, "seen" if hider is None else "hidden", hider)

    def _outlives(self, index: int, path: bytes) -> bool:
        last = self._gone.get(path, -1)
        return index > last or (index == last and (index, path) not in self._by)

    def _last_folders(self) -> dict[bytes, int]:
        """The last layer that names a folder."""
        if self._folders is None:
            self._folders = {
                entry.path: index
                for index, layer in enumerate(self._tree.layers)
                for entry in layer.entries
                if entry.kind == "dir"
            }
        return self._folders


def find(tree: LayerTree, glob: str) -> Sequence[Found]:
    """Every entry of every layer that ``glob`` fits, by path, and oldest layer first.

    "*.pem" fits names in any folder; with a "/" in it the glob fits whole paths from the root.
    "*" and "?" stop at "/", "**" does not; "[ab]" and "[!ab]" are sets.
    """
    fits, by_name = _compiled(glob)
    sight = Sight(tree)
    pairs = [
        (index, entry)
        for index, entry in _entries(tree)
        if fits(entry.path.rpartition(b"/")[2] if by_name else entry.path)
    ]
    pairs.sort(key=lambda pair: pair[1].path)  # a layer stays after those under it
    return Rows(pairs, lambda pair: sight.found(*pair))


def big(tree: LayerTree, count: int) -> tuple[Found, ...]:
    """The ``count`` largest files of all layers, seen or hidden; of equal ones by path."""
    largest = heapq.nsmallest(
        count, _entries(tree), key=lambda pair: (-pair[1].size_bytes, pair[1].path, pair[0])
    )
    sight = Sight(tree)
    return tuple(sight.found(*pair) for pair in largest if pair[1].kind == "file")


def path_of(text: str) -> bytes:
    """A path as a reader types it ("/etc/passwd"), as an Entry has it."""
    return text.strip("/").encode("utf-8", "surrogateescape")


class Links:
    """Follows the hard links of a stack of layers."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        """Take layers, oldest first. Each is indexed once, when it is asked for."""
        self._layers = layers
        self._held: dict[int, dict[bytes, Entry]] = {}

    def file(self, index: int, entry: Entry) -> tuple[int, Entry]:
        """The layer and the entry that hold the bytes of an entry of the layer ``index``: for a
        hard link what it leads to, in its own layer or below; else the entry itself."""
        for below in range(index, -1, -1):
            seen: set[bytes] = set()
            while entry.kind == "hardlink" and entry.link not in seen:
                seen.add(entry.link)
                target = self.at(below, entry.link)
                if target is None:
                    break
                index, entry = below, target
            if entry.kind != "hardlink":
                break
        return index, entry

    def at(self, index: int, path: bytes) -> Entry | None:
        """What the layer ``index`` has at ``path``, marks apart."""
        if index not in self._held:
            entries = self._layers[index].entries
            self._held[index] = {each.path: each for each in entries if each.kind not in MARKS}
        return self._held[index].get(path)


def _entries(tree: LayerTree) -> Iterator[tuple[int, Entry]]:
    for index, layer in enumerate(tree.layers):
        for entry in layer.entries:
            yield index, entry


_TOKEN = re.compile(r"\*\*+/?|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def _compiled(glob: str) -> tuple[Callable[[bytes], object], bool]:
    """What tells whether a path fits, and whether it is to be given the last name alone."""
    parts = []
    for token in _TOKEN.findall(glob.strip("/")):
        if token.startswith("**"):
            parts.append("(?:.*/)?" if token.endswith("/") else ".*")
        elif token.startswith("[") and len(token) > 2:
            inside = re.escape(token[1:-1].removeprefix("!")).replace("\\-", "-")
            parts.append(f"[{'^/' if token[1] == '!' else ''}{inside}]")
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(token, re.escape(token)))
    text = "".join(parts)
    try:
        pattern = re.compile(text.encode("utf-8", "surrogateescape"), re.DOTALL)
    except re.error as error:
        raise UsageError(f"{glob!r} is not a pattern: {error}.") from error
    return pattern.fullmatch, "/" not in glob

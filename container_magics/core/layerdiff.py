"""Two images compared, path by path."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import takewhile
from operator import itemgetter
from typing import Any, Literal, NamedTuple, cast

from container_magics.core.layerfind import Links, Sight
from container_magics.core.layers import Contents, Entry, Layer, Wanted
from container_magics.core.layertree import LayerTree

Fate = Literal["added", "removed", "changed", "unknown"]
CONTENT_BYTES = 64 << 20
"""Of a larger file this much is compared."""
UNKNOWN = "content unknown"


class Difference(NamedTuple):
    """What differs at a path between an image and another one.

    ``before`` and ``after`` are the entries seen in the first and the second image, None where
    there is none; a hard link counts as its file. ``unlike``: files of one size are known to have
    other bytes; None when that was asked and nobody knows: one of them could not be read, or only
    their equal beginnings were. When nothing else differs there, ``fate`` is "unknown".
    """

    path: bytes
    fate: Fate
    before: Entry | None
    after: Entry | None
    unlike: bool | None = False

    @property
    def what(self) -> tuple[str, ...]:
        """Of "type", "mode", "owner", "size", "link", "content", "content unknown" and "time" those
        that differ, in this order; () for "added" and "removed"."""
        left, right = self.before, self.after
        if left is None or right is None:
            return ()
        is_file = left.kind == right.kind == "file"
        tests = (
            ("type", left.kind != right.kind),
            ("mode", left.mode != right.mode),
            ("owner", (left.uid, left.gid) != (right.uid, right.gid)),
            ("size", is_file and left.size_bytes != right.size_bytes),
            ("link", left.kind == right.kind and left.link != right.link),
            ("content", self.unlike),
            (UNKNOWN, self.unlike is None),
            ("time", left.mtime_s != right.mtime_s),
        )
        return tuple(name for name, differs in tests if differs)


class _Pair(NamedTuple):
    before: Entry
    after: Entry
    first: Wanted
    second: Wanted


def diff(
    one: LayerTree,
    other: LayerTree,
    contents: tuple[Contents, Contents] | None = None,
    max_bytes: int = CONTENT_BYTES,
) -> tuple[Difference, ...]:
    """What must be done to ``one`` to have ``other``, by path.

    Without ``contents`` the bytes of files of one size are not compared, unless both layers
    know their CRC. With them (of ``one`` and of ``other``) the first ``max_bytes`` are; what that
    leaves open is told as "unknown". Raises what the contents raise.
    """
    touched = _touched(one, other)
    before, after = Sight(one).seen(touched), Sight(other).seen(touched)
    found = [Difference(p, "removed", before[p][1], None) for p in before.keys() - after.keys()]
    found += [Difference(p, "added", None, after[p][1]) for p in after.keys() - before.keys()]
    pairs = list(_pairs(one, other, before, after))
    unlike = _unlike(pairs, contents, max_bytes)
    for left, right, (_, path), _second in pairs:
        differ = unlike.get(path, False)
        if differ or left[1:8] != right[1:8]:  # all but the path, a hard link's, and the CRC
            found.append(_new_difference((path, "changed", left, right, differ)))
        elif differ is None:
            found.append(_new_difference((path, "unknown", left, right, None)))
    return tuple(sorted(found, key=_path))


_path = itemgetter(0)
# Of their fields in order: a third of the time of calling the class, as for an Entry.
_new_difference = cast(
    "Callable[[tuple[Any, ...]], Difference]", partial(tuple.__new__, Difference)
)
_new_pair = cast("Callable[[tuple[Any, ...]], _Pair]", partial(tuple.__new__, _Pair))


def _touched(one: LayerTree, other: LayerTree) -> set[bytes]:
    """The paths that can differ: above the oldest layers that both have, all that is named or
    hidden."""
    both = zip(one.layers, other.layers, strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: _is_same(*pair), both))
    touched = set[bytes]()
    for tree in (one, other):
        touched.update(e.path for layer in tree.layers[shared:] for e in layer.entries)
        touched.update(each.entry.path for each in tree.hidden if each.hider >= shared)
    return touched


def _is_same(one: Layer, other: Layer) -> bool:
    """Whether two layers are one: by their IDs, which containers' own layers have not."""
    return (one.empty and other.empty) or bool(one.diff_id and one.diff_id == other.diff_id)


def _pairs(
    one: LayerTree,
    other: LayerTree,
    before: dict[bytes, tuple[int, Entry]],
    after: dict[bytes, tuple[int, Entry]],
) -> Iterator[_Pair]:
    """Paths that both have, but for those of one and the same layer, and for entries that are
    known to be equal."""
    places = {layer.diff_id: n for n, layer in enumerate(other.layers) if layer.diff_id}
    same = [places.get(layer.diff_id, -1) for layer in one.layers]
    links = Links(one.layers), Links(other.layers)
    for path, (first, left) in before.items():
        found = after.get(path)
        if found is None:
            continue
        second, right = found
        if same[first] == second or (left == right and left.crc is not None):
            continue
        mine = left if left.kind != "hardlink" else links[0].file(first, left)[1]
        theirs = right if right.kind != "hardlink" else links[1].file(second, right)[1]
        yield _new_pair((mine, theirs, (first, path), (second, path)))


def _unlike(
    pairs: list[_Pair], contents: tuple[Contents, Contents] | None, max_bytes: int
) -> dict[bytes, bool | None]:
    """The paths of files of one size whose bytes are known to differ; with ``contents`` also those
    of which nobody knows, with None."""
    unlike, unknown = dict[bytes, bool | None](), list[_Pair]()
    for pair in pairs:
        left, right, (_, path), _second = pair
        if left.size_bytes != right.size_bytes or not left.kind == right.kind == "file":
            continue
        if left.crc is not None and right.crc is not None:
            if left.crc != right.crc:
                unlike[path] = True
        elif left.size_bytes:
            unknown.append(pair)
    if contents is not None and unknown:
        unlike.update(_compared(unknown, contents, max_bytes))
    return unlike


def _compared(
    pairs: list[_Pair], contents: tuple[Contents, Contents], max_bytes: int
) -> Iterator[tuple[bytes, bool | None]]:
    """The paths of those whose bytes differ, or of which that cannot be said: then with None."""
    first = _digests(contents[0], [pair.first for pair in pairs], max_bytes)
    second = _digests(contents[1], [pair.second for pair in pairs], max_bytes)
    for entry, _, (_, path), _second in pairs:
        one, other = first.get(path), second.get(path)
        if one is None or other is None:
            yield path, None
        elif one != other:
            yield path, True
        elif entry.size_bytes > max_bytes:
            yield path, None


def _digests(contents: Contents, wanted: list[Wanted], max_bytes: int) -> dict[bytes, bytes]:
    return {path: digest for (_, path), digest in contents.read_as(wanted, max_bytes, _digest)}


def _digest(_path: bytes, body: bytes) -> bytes:
    return hashlib.sha256(body).digest()

"""Two images compared, path by path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

from container_magics.core.layerfind import Links, Sight
from container_magics.core.layers import Contents, Entry, Wanted
from container_magics.core.layertree import LayerTree

Fate = Literal["added", "removed", "changed"]
CONTENT_BYTES = 64 << 20
"""Of a larger file this much is compared."""


class Difference(NamedTuple):
    """What differs at a path between an image and another one.

    ``what`` is () but for "changed": of "type", "mode", "owner", "size", "link", "content" and
    "time" those that differ, in this order. ``before`` and ``after`` are the entries seen in the
    first and the second image, None where there is none; a hard link counts as its file.
    """

    path: bytes
    fate: Fate
    what: tuple[str, ...]
    before: Entry | None
    after: Entry | None


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
    know their CRC. With them (of ``one`` and of ``other``) the first ``max_bytes`` are. Raises
    what the contents raise.
    """
    before, after = Sight(one).seen(), Sight(other).seen()
    found = [Difference(p, "removed", (), before[p][1], None) for p in before.keys() - after.keys()]
    found += [Difference(p, "added", (), None, after[p][1]) for p in after.keys() - before.keys()]
    pairs = list(_pairs(one, other, before, after))
    unlike = _unlike(pairs, contents, max_bytes)
    for pair in pairs:
        what = _what(pair, pair.first[1] in unlike)
        if what:
            path = pair.first[1]
            found.append(Difference(path, "changed", what, pair.before, pair.after))
    return tuple(sorted(found, key=lambda each: each.path))


def _pairs(
    one: LayerTree,
    other: LayerTree,
    before: dict[bytes, tuple[int, Entry]],
    after: dict[bytes, tuple[int, Entry]],
) -> Iterator[_Pair]:
    """Paths that both have, but for those of one and the same layer."""
    ids = [layer.diff_id for layer in one.layers], [layer.diff_id for layer in other.layers]
    links = Links(one.layers), Links(other.layers)
    for path, (first, left) in before.items():
        if path not in after:
            continue
        second, right = after[path]
        if ids[0][first] and ids[0][first] == ids[1][second]:
            continue
        yield _Pair(
            left if left.kind != "hardlink" else links[0].file(first, left)[1],
            right if right.kind != "hardlink" else links[1].file(second, right)[1],
            (first, path),
            (second, path),
        )


def _what(pair: _Pair, unlike: bool) -> tuple[str, ...]:
    left, right = pair.before, pair.after
    is_file = left.kind == right.kind == "file"
    tests = (
        ("type", left.kind != right.kind),
        ("mode", left.mode != right.mode),
        ("owner", (left.uid, left.gid) != (right.uid, right.gid)),
        ("size", is_file and left.size_bytes != right.size_bytes),
        ("link", left.kind == right.kind == "symlink" and left.link != right.link),
        ("content", unlike),
        ("time", left.mtime_s != right.mtime_s),
    )
    return tuple(name for name, differs in tests if differs)


def _unlike(
    pairs: list[_Pair], contents: tuple[Contents, Contents] | None, max_bytes: int
) -> frozenset[bytes]:
    """The paths of files of one size whose bytes are known to differ."""
    unlike, unknown = set(), []
    for pair in pairs:
        left, right = pair.before, pair.after
        if not (left.kind == right.kind == "file" and left.size_bytes == right.size_bytes):
            continue
        if left.crc is not None and right.crc is not None:
            if left.crc != right.crc:
                unlike.add(pair.first[1])
        elif left.size_bytes:
            unknown.append(pair)
    if contents is not None and unknown:
        first = _digests(contents[0], [pair.first for pair in unknown], max_bytes)
        second = _digests(contents[1], [pair.second for pair in unknown], max_bytes)
        unlike |= {path for path in first if first[path] != second.get(path)}
    return frozenset(unlike)


def _digests(contents: Contents, wanted: list[Wanted], max_bytes: int) -> dict[bytes, bytes]:
    return {
        path: hashlib.sha256(body).digest() for (_, path), body in contents.read(wanted, max_bytes)
    }

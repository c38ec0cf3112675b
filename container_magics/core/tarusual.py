"""The members of an archive that are like most: read one after another, in one loop.

Of whatever is unusual, or wrong, this reads nothing: `core/tarheader.py` does, with care.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from struct import Struct
from typing import NamedTuple
from zlib import adler32

from container_magics.core.tarfields import ADLER_PRIME, BLOCK, MAX_SIZE_BYTES, number, text_of
from container_magics.errors import BadArchive

_FILE, _LINK, _KINDS = b"0", b"2", frozenset((b"0", b"2", b"5"))
# name, (mode, uid, gid), size, mtime, checksum, type, link, the first byte of the name's prefix
_FIELDS = Struct("100s 24s 12s 12s 8s c 100s 88x c 166x")
_NONE = b"\0"

Owner = tuple[int, int, int]
"""Mode, uid and gid."""
Take = Callable[[bytes, bytes, int, Owner, int, bytes], None]
"""Takes a member: name, type, size, owner, seconds since the epoch, and what a link leads to."""


class Run(NamedTuple):
    """How far it went: to ``position``, over so many ``members``; ``skip`` bytes of the last
    one's body lie behind the data."""

    position: int
    members: int
    skip: int


def usual_members(
    data: memoryview | bytes, position: int, most: int, owners: Mapping[bytes, Owner], take: Take
) -> Run:
    """Hand over the members from ``position`` on, up to the first that is unusual: another kind
    than file, folder and symbolic link, a name of two parts, a field of another form, a wrong
    checksum, an owner that is not in ``owners`` (by its fields), or one more than ``most``."""
    count, end = 0, len(data)
    last, last_mtime, mtime_s = end - BLOCK, b"", 0
    while position <= last and count < most:
        name, ids, size, mtime, told, kind, link, prefix = _FIELDS.unpack_from(data, position)
        owner = owners.get(ids)
        if owner is None or kind not in _KINDS or prefix != _NONE or not name[0] or size[11] & 0xDF:
            break
        try:
            if adler32(data[position : position + BLOCK]) & 0xFFFF != _adler(told):
                break
            stored = int(size[:11], 8) if kind == _FILE else 0
            if mtime != last_mtime:
                last_mtime, mtime_s = mtime, number(mtime)
        except (ValueError, BadArchive):
            break
        if not 0 <= stored <= MAX_SIZE_BYTES:
            break
        target = text_of(link) if kind == _LINK else b""
        take(name.partition(b"\0")[0], kind, stored, owner, mtime_s, target)
        count += 1
        position += BLOCK + stored + -stored % BLOCK
    return Run(min(position, end), count, max(0, position - end))


@lru_cache(4096)
def _adler(field: bytes) -> int:
    """The low half of Adler-32 of a header whose checksum this field tells (``verify`` has why);
    -1 for a field of another form than most."""
    return -1 if field[6] & 0xDF else (int(field[:6], 8) - 255 + sum(field)) % ADLER_PRIME

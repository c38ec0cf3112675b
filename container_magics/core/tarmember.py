"""What a tar archive says of one member: its header, and the pax records before it.

Formats: POSIX.1-2017 pax and ustar (the `pax` utility, "Extended Description"), and the names of
GNU tar's sparse members (GNU tar manual, "Storing Sparse Files").
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

from container_magics.core.tarfields import checked_size, decimal, pax_records, seconds

# What is read of pax records; others, of which there may be any number, are not kept.
_KEYS = frozenset(
    (b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime", b"GNU.sparse.name",
     b"GNU.sparse.size", b"GNU.sparse.realsize")
)  # fmt: skip


class Member(NamedTuple):
    """One member, as the archive names it. ``size_bytes`` is that of the file when unpacked.

    ``type`` is the header's one byte; ``name`` and ``link`` are as written, with any leading
    "./" or "/"; ``mtime_s`` is since the Unix epoch.
    """

    name: bytes
    type: bytes
    size_bytes: int
    mode: int
    uid: int
    gid: int
    mtime_s: float
    link: bytes


new_member = cast("Callable[[tuple[Any, ...]], Member]", partial(tuple.__new__, Member))
"""A Member of its fields in order: a third of the time of ``Member(...)``."""


def known_records(body: bytes) -> dict[bytes, bytes]:
    """The records of a pax header that ``with_records`` reads. Raises BadArchive."""
    return {key: value for key, value in pax_records(body).items() if key in _KEYS}


def with_records(member: Member, records: dict[bytes, bytes]) -> Member:
    """The member as its pax records have it; sparse files (GNU 0.0 to 1.0) get their real size."""
    size_bytes = member.size_bytes
    if b"GNU.sparse.size" in records:
        size_bytes = checked_size(decimal(records[b"GNU.sparse.size"]))
    if b"GNU.sparse.realsize" in records:
        size_bytes = checked_size(decimal(records[b"GNU.sparse.realsize"]))
    path = records.get(b"path", member.name)
    return member._replace(
        name=records.get(b"GNU.sparse.name", path),
        link=records.get(b"linkpath", member.link),
        size_bytes=size_bytes,
        uid=decimal(records[b"uid"]) if b"uid" in records else member.uid,
        gid=decimal(records[b"gid"]) if b"gid" in records else member.gid,
        mtime_s=seconds(records[b"mtime"]) if b"mtime" in records else member.mtime_s,
    )

"""A scanner of tar archives that is fed with chunks and reads headers only.

Formats: POSIX.1-2017 pax and ustar (the `pax` utility, "Extended Description"), and GNU tar's
extensions (GNU tar manual, "Basic Tar Format" and "Storing Sparse Files").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from container_magics.core.tarfields import (
    BLOCK,
    FIELDS,
    checked_size,
    decimal,
    number,
    owners,
    size_of,
    text_of,
    verify,
)
from container_magics.core.tarmember import Member, known_records, new_member, with_records
from container_magics.core.tarusual import Take, usual_members
from container_magics.errors import BadArchive

MAX_MEMBERS = 2_000_000
MAX_EXTENDED_BYTES = 4 << 20
_MAX_ALWAYS_BYTES = 8192  # of what a global header says of each member: read anew for each
_OWNERS_KEPT = 4096

_ZERO = bytes(BLOCK)
_HEADER_ONLY = b"123456"  # links, devices, folders and fifos have no body


class Sink(Protocol):
    """What takes a body: ``feed`` with parts in order, then ``close`` at its end."""

    def feed(self, data: memoryview) -> None:
        """Take a part, which is only valid during the call."""

    def close(self) -> None:
        """The body is complete."""


class Collected:
    """A sink that keeps a whole body and hands it to ``then``. Raises BadArchive past the cap."""

    def __init__(self, then: Callable[[bytes], None], max_bytes: int = MAX_EXTENDED_BYTES) -> None:
        self._then = then
        self._max_bytes = max_bytes
        self._held = bytearray()

    def feed(self, data: memoryview) -> None:
        """Keep a part."""
        if len(self._held) + len(data) > self._max_bytes:
            raise BadArchive(f"The archive has a header or list of over {self._max_bytes:,} bytes.")
        self._held += data

    def close(self) -> None:
        """Hand over what was kept."""
        self._then(bytes(self._held))


class TarScanner:
    """A sink for an archive's bytes. Calls ``on_member`` for each member, in archive order.

    ``on_member`` answers with a sink for the member's body as stored, or None to skip it.
    Members of one name are all told; the last one wins. Raises BadArchive for what is cut
    short, has a wrong checksum, a size beyond reason, or more than ``max_members`` members.
    ``ended`` is True once the end mark (a block of zeros) was seen; what follows is ignored.
    ``body_bytes`` is the size of the last member's body. With ``bodiless`` the bodies of members
    are left out of what is fed, but for what fills their last block, and checksums are not
    looked at: whoever left the bodies out has done that.
    """

    def __init__(
        self,
        on_member: Callable[[Member], Sink | None],
        *,
        max_members: int = MAX_MEMBERS,
        bodiless: bool = False,
        usual: Take | None = None,
    ) -> None:
        """``usual`` takes the members that are like most, whose bodies nobody wants, in place of
        ``on_member``: that is much quicker. Which they are is said in `core/tarusual.py`."""
        self.ended = False
        self.members = 0
        self.body_bytes = 0
        self._on_member = on_member
        self._max_members = max_members
        self._bodiless = bodiless
        self._usual = usual
        self._held = bytearray()  # a header that two chunks share
        self._sink: Sink | None = None
        self._body = 0  # bytes that the sink still waits for
        self._padding = 0  # bytes that fill the last block of the sink's body
        self._skip = 0  # bytes that nobody waits for
        self._file_bytes = 0  # of its file when unpacked
        # (mode, uid, gid) by their fields: most files have the same few
        self._owners: dict[bytes, tuple[int, int, int]] = {}
        self._mtime, self._mtime_s = b"", 0  # the last one
        self._sparse: Member | None = None  # an old GNU sparse member whose map goes on
        self._sparse_stored = 0
        self._next: dict[bytes, bytes] = {}  # pax records for the next member
        self._always: dict[bytes, bytes] = {}  # pax records for all members from here
        self._extends = False  # whether an extended header waits for its member

    @property
    def is_sparse(self) -> bool:
        """Whether the body of the member that is told now is only a part of its file."""
        return self._file_bytes != self.body_bytes

    def feed(self, data: memoryview | bytes) -> None:
        """Take the next bytes of the archive; any length."""
        position, end = 0, len(data)
        while position < end and not self.ended:
            if self._skip:
                step = min(self._skip, end - position)
                self._skip -= step
                position += step
            elif self._body:
                step = min(self._body, end - position)
                self._give(data[position : position + step])
                position += step
            elif end - position >= BLOCK and not self._held:
                position = self._headers(data, position)
            else:
                position += self._hold(data[position : position + BLOCK - len(self._held)])

    def _headers(self, data: memoryview | bytes, position: int) -> int:
        """Read one header or more; where the next bytes are."""
        plain = not (self._next or self._always or self._sparse)
        if self._usual is not None and plain:
            most = self._max_members - self.members
            run = usual_members(data, position, most, self._owners, self._usual)
            if run.members:
                self.members += run.members
                self._skip, self._extends = run.skip, False
                return run.position
        self._header(bytes(data[position : position + BLOCK]))
        return position + BLOCK

    def skip(self) -> int:
        """How many bytes nobody waits for: whoever can may leave them out of what is fed next."""
        skipped, self._skip = self._skip, 0
        return skipped

    def close(self) -> None:
        """The archive's bytes are over. Raises BadArchive when they stop inside a member."""
        unfinished = self._held or self._skip or self._body or self._extends or self._sparse
        if unfinished and not self.ended:
            raise BadArchive("The archive is cut short: it stops inside a member.")

    def _hold(self, part: memoryview | bytes) -> int:
        self._held += part
        if len(self._held) == BLOCK:
            block = bytes(self._held)
            self._held.clear()
            self._header(block)
        return len(part)

    def _give(self, part: memoryview | bytes) -> None:
        sink = self._sink
        if sink is None:  # pragma: no cover - _body is set only beside a sink
            return
        self._body -= len(part)
        sink.feed(memoryview(part))
        if not self._body:
            self._sink, self._skip = None, self._padding
            sink.close()

    def _header(self, block: bytes) -> None:
        if self._sparse is not None:
            self._sparse_goes_on(block)
            return
        if block == _ZERO:
            self.ended = True
            return
        if not self._bodiless:
            verify(block)
        self.members += 1
        if self.members > self._max_members:
            raise BadArchive(f"The archive has more than {self._max_members:,} members.")
        kind = block[156]
        if kind in b"xgXLK":
            self._extended(block)
        elif self._next or self._always:
            self._member_with_records(block)
        elif kind == 0x53:
            member = self._member(block)
            self._old_sparse(member, block, member.size_bytes)
        else:
            self._begin(member := self._member(block), member.size_bytes)

    def _member_with_records(self, block: bytes) -> None:
        records = {**self._always, **self._next}
        self._next = {}
        stored = size_of(block)
        if b"size" in records:
            stored = checked_size(decimal(records[b"size"]))
        if block[156] in _HEADER_ONLY:
            stored = 0
        member = with_records(self._member(block)._replace(size_bytes=stored), records)
        if block[156] == 0x53:
            self._old_sparse(member, block, stored)
        else:
            self._begin(member, stored)

    def _member(self, block: bytes) -> Member:
        """What the header itself says; its size is that of the body."""
        name, ids, size, mtime, kind, link, magic, prefix = FIELDS.unpack(block)
        owner = self._owners.get(ids)
        if owner is None:
            owner = owners(ids)
            if len(self._owners) < _OWNERS_KEPT:
                self._owners[ids] = owner
        name = name.partition(b"\0")[0]
        if prefix[0] and magic == b"ustar\0":
            name = text_of(prefix) + b"/" + name
        stored = 0 if kind in _HEADER_ONLY else checked_size(number(size))
        link = text_of(link) if link[0] else b""
        if mtime != self._mtime:  # else it is the same object as well: many files share one
            self._mtime, self._mtime_s = mtime, number(mtime)
        return new_member((name, kind, stored, *owner, self._mtime_s, link))

    def _begin(self, member: Member, stored: int) -> None:
        self._file_bytes, self.body_bytes, self._extends = member.size_bytes, stored, False
        sink = self._on_member(member)
        if sink is None:
            self._skip = -stored % BLOCK + (0 if self._bodiless else stored)
        else:
            self._await_body(sink, stored)

    def _await_body(self, sink: Sink, stored: int) -> None:
        if not stored:
            sink.close()
            return
        self._sink, self._body, self._padding = sink, stored, -stored % BLOCK

    def _extended(self, block: bytes) -> None:
        size_bytes = size_of(block)
        if size_bytes > MAX_EXTENDED_BYTES:
            raise BadArchive(f"The archive has an extended header of {size_bytes:,} bytes.")
        takers = {
            0x78: self._records,
            0x58: self._records,
            0x67: self._global_records,
            0x4C: self._long_name,
            0x4B: self._long_link,
        }
        self._extends = block[156] != 0x67
        self._await_body(Collected(takers[block[156]]), size_bytes)

    # Where two headers speak of the same member, the outer (first) one wins, as in tarfile.
    def _records(self, body: bytes) -> None:
        self._next = {**known_records(body), **self._next}

    def _global_records(self, body: bytes) -> None:
        self._always.update(known_records(body))
        if sum(map(len, self._always.values())) > _MAX_ALWAYS_BYTES:
            raise BadArchive("The archive has a global header with a value of no sense.")

    def _long_name(self, body: bytes) -> None:
        self._next.setdefault(b"path", text_of(body))

    def _long_link(self, body: bytes) -> None:
        self._next.setdefault(b"linkpath", text_of(body))

    def _old_sparse(self, member: Member, block: bytes, stored: int) -> None:
        member = member._replace(size_bytes=checked_size(number(block[483:495])))
        if block[482]:
            self._sparse, self._sparse_stored = member, stored
        else:
            self._begin(member, stored)

    def _sparse_goes_on(self, block: bytes) -> None:
        member = self._sparse
        if member is not None and not block[504]:
            self._sparse = None
            self._begin(member, self._sparse_stored)

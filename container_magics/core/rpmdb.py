"""The packages of an rpm database: SQLite (`rpmdb.sqlite`) and ndb (`Packages.db`).

Sources: the RPM file format's header (two big-endian counts, index entries of 16 bytes, a store),
as rpm's lib/header.c has it, and rpm's lib/backend/ndb/rpmpkg.c (little-endian; slots in pages of
4096 bytes, blobs in blocks of 16). A database may be hostile: every offset is checked before use.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from container_magics.errors import BadArchive

MAX_PACKAGES = 100_000
"""More in one database are refused."""

_SQLITE = b"SQLite format 3\0"
_SQLITE_STEPS = 2_000_000
"""SQLite's instructions for one database: a view or a loop of pages ends here."""

_COUNTS, _INDEX, _FOUR = Struct(">2I"), Struct(">4I"), Struct("<4I")
_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH = 1000, 1001, 1002, 1003, 1022
_INT32, _STRING = 4, 6
_MAX_TAGS = 0xFFFF

_PAGE, _BLOCK = 4096, 16
_HEAD, _TAIL = 16, 12


class Installed(NamedTuple):
    """A package: ``version`` is "[EPOCH:]VERSION-RELEASE"; ``arch`` is "" for keys (gpg-pubkey)."""

    name: str
    version: str
    arch: str


def versions(database: bytes) -> dict[str, str]:
    """What is installed, by name. Several of a name (kernels, two architectures) are one text, in
    order, with a comma between. Raises BadArchive for what is no whole database of a known form.
    """
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for number, header in enumerate(_headers(database)):
        if number == MAX_PACKAGES:
            raise BadArchive(f"An rpm database has more than {MAX_PACKAGES} packages.")
        one = installed(header)
        found[one.name].add((one.version, one.arch))
    return {name: _told(several) for name, several in found.items()}


def _told(several: set[tuple[str, str]]) -> str:
    if len({arch for _, arch in several}) == 1:
        return ", ".join(version for version, _ in sorted(several))
    return ", ".join(f"{version}.{arch}" for version, arch in sorted(several))


def installed(header: bytes) -> Installed:
    """The package that a header describes. Raises BadArchive."""
    if len(header) < _COUNTS.size:
        raise _damaged("a header is cut short")
    count, stored = _COUNTS.unpack_from(header)
    start = _COUNTS.size + count * _INDEX.size
    if count > _MAX_TAGS or start + stored > len(header):
        raise _damaged("a header is longer than its place")
    store = header[start : start + stored]
    facts: dict[int, str] = {}
    for tag, kind, offset, _ in _INDEX.iter_unpack(header[_COUNTS.size : start]):
        if tag in (_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH):
            facts[tag] = _value(store, kind, offset)
    if not facts.get(_NAME) or not facts.get(_VERSION):
        raise _damaged("a package has no name or version")
    version = f"{facts[_VERSION]}-{facts.get(_RELEASE, '')}".rstrip("-")
    if _EPOCH in facts:
        version = f"{facts[_EPOCH]}:{version}"
    return Installed(facts[_NAME], version, facts.get(_ARCH, ""))


def _value(store: bytes, kind: int, offset: int) -> str:
    if kind == _INT32 and offset + 4 <= len(store):
        return str(int.from_bytes(store[offset : offset + 4], "big"))
    end = store.find(b"\0", offset)
    if kind != _STRING or end < 0:
        raise _damaged("a value lies outside its header")
    return store[offset:end].decode("utf-8", "replace")


def _headers(database: bytes) -> Iterator[bytes]:
    if database.startswith(_SQLITE):
        return _of_sqlite(database)
    if database.startswith(b"RpmP"):
        return _of_ndb(database)
    raise _damaged("it is neither SQLite nor ndb")


def _of_sqlite(database: bytes) -> Iterator[bytes]:
    # Bytes 18 and 19 say "write-ahead log", which a database in memory cannot have
    # (SQLite's "Database File Format"); rpm folds the log in when it closes the file.
    plain = database[:18] + b"\1\1" + database[20:]
    reader = sqlite3.connect(":memory:")
    try:
        reader.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(len(plain), 1 << 20))
        reader.deserialize(plain)
        reader.execute("PRAGMA trusted_schema = OFF")
        reader.execute("PRAGMA cell_size_check = ON")
        # A true answer of the handler interrupts; it is asked first after all the steps.
        reader.set_progress_handler(lambda: 1, _SQLITE_STEPS)
        kind = "SELECT type, rootpage FROM sqlite_schema WHERE name = 'Packages'"
        found = reader.execute(kind).fetchone()
        if found is None or found[0] != "table" or not found[1]:
            raise _damaged("it has no table of packages")
        for (blob,) in reader.execute("SELECT blob FROM Packages"):
            yield blob if isinstance(blob, bytes) else b""
    except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
        raise _damaged(str(error)) from error
    finally:
        reader.close()


def _of_ndb(database: bytes) -> Iterator[bytes]:
    if len(database) < _PAGE:
        raise _damaged("it is cut short")
    _, version, _, pages = _FOUR.unpack_from(database)
    if version != 0 or pages * _PAGE > len(database):
        raise _damaged("it is of another version, or cut short")
    for at in range(2 * _BLOCK, pages * _PAGE, _BLOCK):  # The first two places are the header's.
        magic, number, block, blocks = _FOUR.unpack_from(database, at)
        if magic != int.from_bytes(b"Slot", "little"):
            raise _damaged("a slot is not one")
        if block:
            yield _blob(database, number, block * _BLOCK, blocks * _BLOCK)


def _blob(database: bytes, number: int, at: int, room: int) -> bytes:
    if room < _HEAD + _TAIL or at + room > len(database):
        raise _damaged("a package lies outside it")
    magic, owner, _, length = _FOUR.unpack_from(database, at)
    if magic != int.from_bytes(b"BlbS", "little") or owner != number:
        raise _damaged("a package is not where its slot says")
    if length > room - _HEAD - _TAIL:
        raise _damaged("a package is longer than its place")
    return database[at + _HEAD : at + _HEAD + length]


def _damaged(why: str) -> BadArchive:
    return BadArchive(f"An rpm database cannot be read: {why}.")

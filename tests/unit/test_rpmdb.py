"""rpm's databases: those that rpm wrote (rpmdb/README.md), and hostile ones."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_magics.core.rpmdb import installed, versions
from container_magics.errors import BadArchive

DATABASES = {
    name: gzip.decompress((Path(__file__).parent / "rpmdb" / f"{name}.gz").read_bytes())
    for name in ("rpmdb.sqlite", "Packages.db")
}
HELD = {"tiny-tool": "2:1.4-3", "tiny-lib": "2:1.4-3, 2:1.5-3"}


def header(*tags: tuple[int, int, int], store: bytes = b"a\0001\0002\0") -> bytes:
    index = b"".join(pack(">4I", tag, kind, offset, 1) for tag, kind, offset in tags)
    return pack(">2I", len(tags), len(store)) + index + store


def sqlite(*statements: str, values: tuple[bytes, ...] = ()) -> bytes:
    with closing(sqlite3.connect(":memory:")) as made:
        for statement in statements:
            made.execute(statement)
        for value in values:
            made.execute("INSERT INTO Packages(blob) VALUES (?)", (value,))
        made.commit()
        return made.serialize()


TABLE = "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)"


@pytest.mark.parametrize("name", DATABASES)
def test_what_rpm_wrote_is_read(name: str) -> None:
    assert versions(DATABASES[name]) == HELD


def test_two_architectures_of_a_package_are_told_apart() -> None:
    both = [
        header(
            (1000, 6, 0), (1001, 6, 2), (1002, 6, 4), (1022, 6, 6), store=b"a\0001\0002\0" + arch
        )
        for arch in (b"x86_64\0", b"i686\0")
    ]
    assert versions(sqlite(TABLE, values=tuple(both))) == {"a": "1-2.i686, 1-2.x86_64"}


def test_a_key_has_no_architecture_and_a_package_without_an_epoch_no_colon() -> None:
    assert installed(header((1000, 6, 0), (1001, 6, 2), (1002, 6, 4))) == ("a", "1-2", "")


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\0" * 7,
        pack(">2I", 0xFFFFFFFF, 0xFFFFFFFF),
        pack(">2I", 0, 1),
        header((1000, 6, 0)),
        header((1000, 6, 0xFFFFFFFF), (1001, 6, 2)),
        header((1000, 6, 0), (1001, 6, 2), (1003, 4, 4)),
        header((1000, 7, 0), (1001, 6, 2)),
        header((1000, 6, 0), (1001, 6, 2), store=b"a\0001"),
    ],
)
def test_a_header_that_is_none_is_refused(bad: bytes) -> None:
    with pytest.raises(BadArchive, match="rpm database cannot be read"):
        installed(bad)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"SQLite format 3\0",
        b"RpmP",
        b"\0\0\0\0Berkeley",
        DATABASES["rpmdb.sqlite"][:9000],
        DATABASES["Packages.db"][:5000],
        sqlite("CREATE TABLE Other (blob)"),
        sqlite(TABLE, "INSERT INTO Packages(blob) VALUES ('text')"),
        sqlite(
            "CREATE VIEW Packages AS WITH RECURSIVE n(blob) AS "
            "(SELECT x'00' UNION ALL SELECT blob FROM n) SELECT blob FROM n"
        ),
        sqlite(
            "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob AS (zeroblob(2000000)))",
            "INSERT INTO Packages(hnum) VALUES (1)",
        ),
    ],
)
def test_a_database_that_is_none_is_refused(bad: bytes) -> None:
    with pytest.raises(BadArchive, match="rpm database cannot be read"):
        versions(bad)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(sorted(DATABASES)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=20),
    st.floats(0, 1),
)
def test_a_damaged_database_is_read_or_refused(
    name: str, flips: list[tuple[float, int]], kept: float
) -> None:
    body = bytearray(DATABASES[name])
    for place, value in flips:
        body[int(place * len(body))] = value
    damaged = bytes(body[: int(kept * len(body))] if kept < 0.5 else body)
    with suppress(BadArchive):
        assert all(isinstance(text, str) for text in versions(damaged).values())

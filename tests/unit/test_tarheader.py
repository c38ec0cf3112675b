"""The scanner sees in an archive what tarfile sees, and refuses what is no archive."""

from __future__ import annotations

import contextlib
import io
import tarfile
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_magics.core import tarfields
from container_magics.core.layers import EntryScanner
from container_magics.core.tarfields import BLOCK
from container_magics.core.tarheader import Collected, TarScanner
from container_magics.core.tarmember import Member
from container_magics.errors import BadArchive

NAME = st.text(
    st.characters(min_codepoint=1, max_codepoint=0xDCFF, exclude_characters="/\\").filter(
        lambda c: not 0xD800 <= ord(c) < 0xDC80
    ),
    min_size=1,
    max_size=90,
).filter(lambda text: text not in (".", ".."))
TYPES = st.sampled_from(
    [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE,
     tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.AREGTYPE]
)  # fmt: skip
FORMATS = st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])


@st.composite
def members(draw: st.DrawFn) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo("/".join(draw(st.lists(NAME, min_size=1, max_size=5))))
    info.type = draw(TYPES)
    info.mode = draw(st.integers(0, 0o7777))
    info.uid = draw(st.sampled_from([0, 1000, 2**21, 2**31]))
    info.gid = draw(st.sampled_from([0, 50, 2**22]))
    info.mtime = draw(st.sampled_from([0, 1_700_000_000, 2**34]))
    if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        info.linkname = "/".join(draw(st.lists(NAME, min_size=1, max_size=5)))
    body = draw(st.binary(max_size=1500)) if info.isreg() else b""
    info.size = len(body)
    return info, body


def archive(contents: list[tuple[tarfile.TarInfo, bytes]], form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=form, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for info, body in contents:
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


def scan(data: bytes, chunk: int = 1 << 20, **limits: int) -> list[Member]:
    found: list[Member] = []
    scanner = TarScanner(found.append, **limits)
    view = memoryview(data)
    for start in range(0, len(data), chunk):
        scanner.feed(view[start : start + chunk])
    scanner.close()
    return found


def oracle(data: bytes) -> list[tuple[object, ...]]:
    with tarfile.open(
        fileobj=io.BytesIO(data), mode="r:", encoding="utf-8", errors="surrogateescape"
    ) as tar:
        return [
            (
                info.name.encode("utf-8", "surrogateescape"),
                info.size if info.isreg() else 0,
                info.mode,
                info.uid,
                info.gid,
                info.mtime,
                info.linkname.encode("utf-8", "surrogateescape"),
                info.isdir(),
            )
            for info in tar
        ]


def told(found: list[Member]) -> list[tuple[object, ...]]:
    return [
        (
            m.name.rstrip(b"/"),
            m.size_bytes if m.type not in b"123456" else 0,
            m.mode,
            m.uid,
            m.gid,
            m.mtime_s,
            m.link,
            m.type == b"5" or (m.type == b"\0" and m.name.endswith(b"/")),
        )
        for m in found
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(members(), max_size=6), FORMATS, st.integers(1, 2000))
def test_any_tree_is_read_as_tarfile_reads_it(
    contents: list[tuple[tarfile.TarInfo, bytes]], form: int, chunk: int
) -> None:
    data = archive(contents, form)
    assert told(scan(data, chunk)) == oracle(data)


def test_ustar_prefix_long_gnu_and_pax_names() -> None:
    long = "d" * 60 + "/" + "e" * 80 + "/name"
    longer = "x/" * 2048 + "end"
    for form, name in [
        (tarfile.USTAR_FORMAT, long), (tarfile.GNU_FORMAT, longer), (tarfile.PAX_FORMAT, longer),
    ]:  # fmt: skip
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, name if form != tarfile.USTAR_FORMAT else "l"
        data = archive([(info, b"")], form)
        assert told(scan(data, 700)) == oracle(data)


def test_names_that_are_not_utf8_stay_bytes() -> None:
    info = tarfile.TarInfo(b"caf\xe9".decode("utf-8", "surrogateescape"))
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert scan(archive([(info, b"")], form))[0].name == b"caf\xe9"


@pytest.mark.parametrize("form", ["gnu", "0.0", "0.1", "1.0"])
def test_sparse_files_of_gnu_tar(form: str, tmp_path: object) -> None:
    import subprocess
    from pathlib import Path

    folder = Path(str(tmp_path))
    with (folder / "sparse").open("wb") as file:
        for offset in range(0, 40 << 20, 2 << 20):  # many holes: the old form's map goes on
            file.seek(offset)
            file.write(b"data" * 1024)
        file.truncate(50_000_000)
    (folder / "after").write_bytes(b"x" * 700)
    kind = ["--format=gnu"] if form == "gnu" else ["--format=pax", f"--sparse-version={form}"]
    subprocess.run(
        ["tar", "-C", folder, "-cf", folder / "t.tar", "--sparse", *kind, "sparse", "after"],
        check=True,
    )
    data = (folder / "t.tar").read_bytes()
    assert len(data) < 1_000_000
    assert [(m.name, m.size_bytes) for m in scan(data, 10_000)] == [
        (b"sparse", 50_000_000), (b"after", 700),
    ]  # fmt: skip


def test_bodies_go_to_their_sink_and_no_other() -> None:
    contents = [(tarfile.TarInfo(n), b) for n, b in [("a", b"a" * 1300), ("b", b""), ("c", b"c")]]
    for info, body in contents:
        info.size = len(body)
    data = archive(contents, tarfile.PAX_FORMAT)
    for chunk in (1, 511, 4096):
        got: list[bytes] = []
        scanner = TarScanner(lambda m, g=got: Collected(g.append) if m.name != b"c" else None)
        for start in range(0, len(data), chunk):
            scanner.feed(memoryview(data)[start : start + chunk])
        scanner.close()
        assert got == [b"a" * 1300, b""]
        assert scanner.ended


def one_file(size: int = 1000) -> bytes:
    info = tarfile.TarInfo("file")
    info.size = size
    return archive([(info, b"x" * size)], tarfile.GNU_FORMAT)


@pytest.mark.parametrize("length", [100, 512, 600, 1500])
def test_an_archive_cut_short(length: int) -> None:
    with pytest.raises(BadArchive, match="cut short"):
        scan(one_file()[:length])


def test_a_changed_header() -> None:
    data = bytearray(one_file())
    data[3] ^= 1
    with pytest.raises(BadArchive, match="checksum"):
        scan(bytes(data))


def test_no_archive_at_all() -> None:
    with pytest.raises(BadArchive):
        scan(b"<html>" * 1000)


def signed(block: bytearray) -> bytes:
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def test_sizes_that_cannot_be() -> None:
    for size in (b"\x80" + b"\xff" * 11, b"\xff" * 12, b"-0000000001\0"):
        block = bytearray(one_file()[:BLOCK])
        block[124:136] = size
        with pytest.raises(BadArchive, match="which cannot be"):
            scan(signed(block))


def test_numbers_that_are_none() -> None:
    block = bytearray(one_file()[:BLOCK])
    block[100:108] = b"rwxr-xr\0"
    with pytest.raises(BadArchive, match="number"):
        scan(signed(block))


def test_a_checksum_of_signed_bytes() -> None:
    block = bytearray(one_file(0)[:BLOCK])
    block[0:2] = b"\xe9\xe9"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % (sum(block) - 2 * 256)
    assert scan(bytes(block))[0].name.startswith(b"\xe9\xe9")


@pytest.mark.parametrize(
    "body",
    [
        *(b"5 a=b\n", b"x a=b\n", b"999 a=b\n", b"6 a=bc", b"0 a=b\n", b"2 a=b\n"),
        *(b"10 a=bcd=\nno-space", b"10 a=bcd=\n\n", b"nothing\n", b"6 a=b\n\n"),
    ],
)
def test_pax_headers_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(BadArchive, match="pax"):
        tarfields.pax_records(body)


def test_pax_values_may_hold_anything() -> None:
    records = tarfields.pax_records(b"7 a=\n\n\n8 b=c=d\n5 c=\n\0\0")
    assert records == {b"a": b"\n\n", b"b": b"c=d"}


def test_too_many_members() -> None:
    contents = [(tarfile.TarInfo(str(n)), b"") for n in range(11)]
    with pytest.raises(BadArchive, match="more than 10"):
        scan(archive(contents, tarfile.GNU_FORMAT), max_members=10)


def header(kind: bytes, body: bytes) -> bytes:
    """An extended header and its body."""
    block = bytearray(one_file()[:BLOCK])
    block[156:157], block[124:136] = kind, b"%011o\0" % len(body)
    return signed(block) + body.ljust(-len(body) % BLOCK + len(body), b"\0")


def record(text: bytes) -> bytes:
    """One of less than 90 bytes."""
    return b"%d %b\n" % (len(text) + 4, text)


def test_a_global_header_with_a_great_many_keys_costs_each_member_nothing() -> None:
    records = b"".join(record(b"key%07d=x" % n) for n in range(250_000))
    start = time.perf_counter()
    found = scan(header(b"g", records + record(b"path=of all")) + one_file(0)[:BLOCK] * 3000)
    assert time.perf_counter() - start < 5  # with all keys copied for each it was 30 s
    assert {member.name for member in found} == {b"of all"}
    assert len(found) == 3000


def test_a_global_header_with_a_value_of_no_sense() -> None:
    with pytest.raises(BadArchive, match="global header"):
        scan(header(b"g", b"10015 linkpath=" + b"x/" * 4999 + b"x\n"))


@pytest.mark.parametrize("text", [b"path=not there", b"comment=of nothing"])
def test_an_extended_header_without_its_member(text: bytes) -> None:
    with pytest.raises(BadArchive, match="cut short"):
        scan(header(b"x", record(text)))


def test_an_extended_header_of_no_sense_is_refused_before_it_is_kept() -> None:
    block = bytearray(one_file()[:BLOCK])
    block[156:157] = b"x"
    block[124:136] = b"%011o\0" % (1 << 30)
    with pytest.raises(BadArchive, match="extended header"):
        scan(signed(block))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_ends_in_members_or_a_clear_error(data: st.DataObject) -> None:
    whole = bytearray(archive(data.draw(st.lists(members(), max_size=3)), tarfile.PAX_FORMAT))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadArchive):  # any other error fails the test
        scan(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


class Careful(EntryScanner):
    """Is given every member by itself, as any scanner is that takes them in a way of its own."""


def outcome(scanner: EntryScanner, data: bytes, chunk: int) -> object:
    try:
        for start in range(0, len(data), chunk):
            scanner.feed(memoryview(data)[start : start + chunk])
        scanner.close()
    except BadArchive as error:
        return str(error)
    return scanner.members, scanner.ended, scanner.entries()


LAYER_NAMES = st.lists(
    st.sampled_from(["usr", "lib", "a", "b", ".", "..", ".wh.a", ".wh..wh..opq", "", "x" * 60]),
    min_size=1, max_size=4,
).map("/".join)  # fmt: skip


@st.composite
def layers(draw: st.DrawFn) -> bytes:
    """Mostly of usual members, one of a few owners each; with damage in some of them."""
    contents = []
    for name, (info, body) in draw(st.lists(st.tuples(LAYER_NAMES, members()), max_size=12)):
        info.name = name if draw(st.integers(0, 9)) else info.name
        contents.append((info, body))
    data = bytearray(archive(contents, draw(FORMATS)))
    for _ in range(draw(st.integers(0, 2)) if draw(st.booleans()) else 0):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.integers(0, 255))
        if draw(st.booleans()):  # with a true checksum
            start = at - at % BLOCK
            data[start : start + BLOCK] = signed(bytearray(data[start : start + BLOCK]))
    return bytes(data)


@settings(max_examples=600, deadline=None)
@given(layers(), st.sampled_from([1000, 4096, 1 << 20]), st.sampled_from([5, 2_000_000]))
def test_usual_members_are_read_quickly_and_as_with_care(
    data: bytes, chunk: int, most: int
) -> None:
    quick = outcome(EntryScanner(most), data, chunk)
    assert quick == outcome(Careful(most), data, chunk)


def test_most_members_are_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the first of each owner, which is read with care."""
    careful = list[bytes]()
    header = TarScanner._header

    def noted(self: TarScanner, block: bytes) -> None:
        careful.append(block[:100].rstrip(b"\0"))
        header(self, block)

    monkeypatch.setattr(TarScanner, "_header", noted)
    contents = []
    for n in range(300):
        info = tarfile.TarInfo(f"usr/lib/{n}")
        info.type = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE)[n % 3]
        info.size, info.linkname = (700 if info.isreg() else 0), ("x" if info.issym() else "")
        contents.append((info, b"x" * info.size))
    scanner = EntryScanner()
    scanner.feed(memoryview(archive(contents, tarfile.GNU_FORMAT)))
    assert (scanner.members, scanner.ended) == (300, True)
    assert careful == [b"usr/lib/0", b""]

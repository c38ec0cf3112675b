"""Docker's records of a layer give the entries that the layer's archive gives, and the CRCs."""

from __future__ import annotations

import base64
import io
import json
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_magics.core.layers import EntryScanner
from container_magics.core.tarsplit import TarSplit
from container_magics.errors import BadArchive
from tests.unit.test_tarheader import FORMATS, archive, members


def crc64(data: bytes) -> int:
    """ISO 3309, bit by bit, as Go's hash/crc64 has it."""
    crc = 0xFFFF_FFFF_FFFF_FFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xD800_0000_0000_0000 if crc & 1 else 0)
    return crc ^ 0xFFFF_FFFF_FFFF_FFFF


def segment(data: bytes) -> str:
    return json.dumps({"type": 2, "payload": base64.b64encode(data).decode(), "position": 0})


def content(name: str, data: bytes) -> str:
    """As tar-split writes it: no size and a null for what has no content."""
    if not data:
        return json.dumps({"type": 1, "name": name, "payload": None, "position": 0})
    crc = base64.b64encode(crc64(data).to_bytes(8)).decode()
    return json.dumps({"type": 1, "name": name, "size": len(data), "payload": crc, "position": 0})


def records(data: bytes) -> bytes:
    """A tar archive's records, split at the contents that tarfile sees."""
    lines, position = [], 0
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            lines.append(segment(data[position : member.offset_data]))
            body = data[member.offset_data :][: member.size if member.isreg() else 0]
            position = member.offset_data + len(body)
            lines.append(content("x", body))
    lines.append(segment(data[position:]))
    return "\n".join(lines).encode() + b"\n"


def read(data: bytes, chunk: int = 1 << 20) -> TarSplit:
    split = TarSplit()
    for start in range(0, len(data), chunk):
        split.feed(data[start : start + chunk])
    split.close()
    return split


@given(st.lists(members(), max_size=8), FORMATS, st.sampled_from([1, 100, 1 << 20]))
@settings(max_examples=150, deadline=None)
def test_the_entries_are_those_of_the_archive(
    contents: list[tuple[tarfile.TarInfo, bytes]], form: int, chunk: int
) -> None:
    data = archive(contents, form)
    scanner = EntryScanner()
    scanner.feed(memoryview(data))
    scanner.close()
    found = read(records(data), chunk).entries()
    assert [entry._replace(crc=None) for entry in found] == list(scanner.entries())


def test_a_file_has_the_crc_of_its_content() -> None:
    info = tarfile.TarInfo("a")
    info.size = 9
    link = tarfile.TarInfo("b")
    link.type, link.linkname = tarfile.SYMTYPE, "a"
    data = archive([(info, b"123456789"), (link, b""), (tarfile.TarInfo("empty"), b"")], 1)
    found = read(records(data)).entries()
    # the check value of CRC-64/GO-ISO in the catalogue of parametrised CRC algorithms
    assert [entry.crc for entry in found] == [0xB909_56C7_75A4_1001, None, None]


ONE = archive([(tarfile.TarInfo("empty"), b"")], tarfile.GNU_FORMAT)
FULL_INFO = tarfile.TarInfo("full")
FULL_INFO.size = 5
FULL = archive([(FULL_INFO, b"12345")], tarfile.GNU_FORMAT)


def lines(*texts: str) -> bytes:
    return "\n".join(texts).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n", b"no json\n", b"[]\n", b'{"type": 3}\n', b'{"type": "2"}\n',
        b'{"type": 2, "payload": "?"}\n', b'{"size": 5}\n',
        records(FULL)[:200], records(FULL).replace(b'"size": 5', b'"size": 6'),
        records(FULL).replace(b'"size": 5', b'"size": -5'),
        lines(segment(FULL[:512]), segment(FULL[512:])[:90]),
        lines(segment(FULL[:512]), content("full", b"12345"), content("full", b"12345")),
        lines(segment(FULL[:512]), content("full", b"12345")),
        lines(segment(b"x" * 512), content("full", b"")),
    ],
)  # fmt: skip
def test_what_is_no_record_or_cut_short(data: bytes) -> None:
    with pytest.raises(BadArchive):
        read(data)


def test_a_line_without_end() -> None:
    with pytest.raises(BadArchive):
        read(b'"' + b"x" * (20 << 20))

"""The fields of tar headers: texts, numbers, checksums and pax records.

Formats: POSIX.1-2017 pax and ustar (the `pax` utility, "Extended Description"), and GNU tar's
base-256 numbers (GNU tar manual, "Basic Tar Format").
"""

from __future__ import annotations

from struct import Struct
from zlib import adler32

from container_magics.errors import BadArchive

BLOCK = 512
MAX_SIZE_BYTES = 1 << 50
ADLER_PRIME = 65521
# name, (mode, uid, gid), size, mtime, type, link, magic, prefix
FIELDS = Struct("100s 24s 12s 12s 8x c 100s 6s 82x 155s 12x")


def pax_records(body: bytes) -> dict[bytes, bytes]:
    """The records of a pax header, "LENGTH KEY=VALUE\\n" each; the last of one key wins.

    An empty value deletes the key's meaning and is left out. Raises BadArchive.
    """
    records: dict[bytes, bytes] = {}
    position = 0
    while position < len(body) and body[position]:
        space = body.find(b" ", position, position + 20)
        length = decimal(body[position:space]) if space > 0 else 0
        end = position + length
        if space < 0 or not space < end - 1 < len(body) or body[end - 1] != 0x0A:
            raise BadArchive("The archive has a pax header that cannot be read.")
        key, _, value = body[space + 1 : end - 1].partition(b"=")
        records[key] = value
        position = end
    return {key: value for key, value in records.items() if value}


def verify(block: bytes) -> None:
    """The checksum: all bytes added, its own field as spaces. Both readings of a byte are met.

    Adler-32's low half is 1 + the sum of the bytes mod 65521, which costs a tenth of
    adding them here. Only when that differs are they added, as signed bytes.
    """
    field = block[148:156]
    told = number(field[:7])  # the eighth is a space, or nothing
    if adler32(block) & 0xFFFF == (told - 255 + sum(field)) % ADLER_PRIME:
        return
    signed = sum(block) - 256 * sum(byte > 127 for byte in block) - sum(field) + 256
    if told != signed:
        raise BadArchive("The archive has a header with a wrong checksum, or is no tar archive.")


def owners(field: bytes) -> tuple[int, int, int]:
    """Mode, uid and gid."""
    return number(field[:8]), number(field[8:16]), number(field[16:24])


def text_of(field: bytes) -> bytes:
    """A text up to its first NUL."""
    return field.partition(b"\0")[0]


def size_of(block: bytes) -> int:
    """The size that a header tells. Raises BadArchive for one that cannot be."""
    return checked_size(number(block[124:136]))


def checked_size(size_bytes: int) -> int:
    """The size itself. Raises BadArchive for one that cannot be."""
    if not 0 <= size_bytes <= MAX_SIZE_BYTES:
        raise BadArchive(f"The archive has a member of {size_bytes:,} bytes, which cannot be.")
    return size_bytes


def number(field: bytes) -> int:
    """Octal text, or base-256 where the first bit is set (GNU), as two's complement for 0xff."""
    if not field[-1] & 0xDF:  # nearly all writers end a number with one NUL or space
        try:
            return int(field[:-1], 8)
        except ValueError:
            pass  # empty, base-256 or damaged: read with care
    return _odd_number(field)


def _odd_number(field: bytes) -> int:
    if field[0] & 0x80:
        if field[0] == 0xFF:
            return int.from_bytes(field, "big", signed=True)
        return int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
    try:
        return int(field.partition(b"\0")[0].strip(b" ") or b"0", 8)
    except ValueError as error:
        raise BadArchive("The archive has a header with a number that cannot be read.") from error


def decimal(text: bytes) -> int:
    """A number of a pax record. Raises BadArchive."""
    if not (text.isdigit() and len(text) < 20):
        raise BadArchive("The archive has a pax header with a number that cannot be read.")
    return int(text)


def seconds(text: bytes) -> float:
    """A time of a pax record, since the Unix epoch. Raises BadArchive."""
    try:
        return float(text)
    except ValueError as error:
        raise BadArchive("The archive has a pax header with a time that cannot be read.") from error

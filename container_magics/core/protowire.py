"""Protocol Buffers' wire format, bytes -> (field number, value) pairs, and back where it is simple.

Source: https://protobuf.dev/programming-guides/encoding/ . There is no schema here; who reads
a message knows its numbers and skips those it does not know, as the format intends.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT = 10
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}


class WireError(ValueError):
    """The bytes are not a message: cut short, or of a wire type that is not in use."""


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Fields in the order written: varints as int, everything else as its bytes.

    An empty message has no fields. Raises WireError where the bytes stop making sense.
    """
    position = 0
    while position < len(message):
        key, position = varint(message, position)
        value, position = field_value(message, position, key & 7)
        yield key >> 3, value


def field_value(message: bytes, position: int, wire_type: int) -> tuple[int | bytes, int]:
    """One value of the wire type at ``position``, and where the next field begins."""
    if wire_type == VARINT:
        return varint(message, position)
    if wire_type == LENGTH:
        size, position = varint(message, position)
    elif wire_type in FIXED_SIZES:
        size = FIXED_SIZES[wire_type]
    else:
        raise WireError(f"wire type {wire_type} at byte {position}")
    if position + size > len(message):
        raise WireError(f"{size} bytes at byte {position} of {len(message)}")
    return message[position : position + size], position + size


def varint(message: bytes, position: int) -> tuple[int, int]:
    """The unsigned number at ``position``: seven bits a byte, the lowest first."""
    number = 0
    for count in range(LONGEST_VARINT):
        if position + count >= len(message):
            raise WireError(f"a number is cut short at byte {position}")
        byte = message[position + count]
        number |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return number, position + count + 1
    raise WireError(f"a number of more than {LONGEST_VARINT} bytes at byte {position}")


def only_field(message: bytes, number: int) -> bytes:
    """The last value of a bytes field, b"" where it is absent: the format's own rule."""
    found = [value for known, value in fields(message) if known == number]
    return found[-1] if found and isinstance(found[-1], bytes) else b""


def length_field(number: int, value: bytes) -> bytes:
    """One field of bytes, a string or a message, as it is written."""
    return written_varint(number << 3 | LENGTH) + written_varint(len(value)) + value


def written_varint(number: int) -> bytes:
    """An unsigned number: seven bits a byte, the lowest first."""
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def signed(number: int) -> int:
    """A varint as an int64 or int32, which are written in two's complement of 64 bits."""
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >= 1 << 63 else number

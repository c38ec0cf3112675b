"""The parts of an exercise that a student shall not read by accident, packed into lines of text.

zlib (RFC 1950) in base64 (RFC 4648): whoever wants to can undo it. It hides an answer from the eye,
and is no protection.
"""

from __future__ import annotations

import base64
import binascii
import re
import textwrap
import zlib

from container_magics.errors import UsageError

PACKED = "packed"
WIDTH = 88
LONGEST_BYTES = 1 << 20
_FIRST_MARK = re.compile(r"^---[ \t]+\w+", re.MULTILINE)
_HEAD = re.compile(r"^===[ \t]+\S.*$", re.MULTILINE)


def packed(body: str) -> str:
    """The body of an exercise with all its parts packed; as it is where they are already, or
    where it has none."""
    mark = _FIRST_MARK.search(body)
    if mark is None or mark[0].split()[1] == PACKED:
        return body
    data = base64.b64encode(zlib.compress(body[mark.start() :].encode(), 9)).decode()
    lines = "\n".join(textwrap.wrap(data, WIDTH))
    return f"{body[: mark.start()]}--- {PACKED}\n{lines}\n"


def packed_file(text: str) -> str:
    """A file of exercises, each packed."""
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    parts = [text[: heads[0].start()] if heads else text]
    for head, end in zip(heads, ends, strict=True):
        parts += [head[0], packed(text[head.end() : end].rstrip("\n") + "\n"), "\n"]
    return "".join(parts)


def unpacked(name: str, lines: str) -> str:
    """The parts of the exercise ``name`` as they were written. UsageError for what was altered."""
    try:
        unpacker = zlib.decompressobj()
        data = base64.b64decode("".join(lines.split()), validate=True)
        text = unpacker.decompress(data, LONGEST_BYTES)
        if unpacker.eof and not unpacker.unused_data:
            return text.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        pass
    raise UsageError(
        f"The packed part of the exercise {name!r} was altered, and cannot be read.",
        hint="Take that cell from the notebook again as your teacher gave it out.",
    )

"""The parts of an image where they lie: members of an archive file, or files of an OCI folder.

A part is read from its place, so that what is not asked for costs nothing. An archive that is
packed as a whole has no places: it is a stream (`engine/archivefile.py`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Protocol

from container_magics.core.imagearchive import followed, name_in, read_document, target_of
from container_magics.core.imagemanifest import INDEX, MAX_DOCUMENT_BYTES, Documents
from container_magics.core.tarfields import BLOCK
from container_magics.core.tarheader import Sink, TarScanner
from container_magics.core.tarmember import Member
from container_magics.core.terminal import plain
from container_magics.engine.ahead import ahead
from container_magics.engine.userfile import refused
from container_magics.errors import BadArchive, UsageError


class Blobs(Documents, Protocol):
    """Documents whose parts can be read one by one."""

    def size_bytes(self, name: str) -> int:
        """How large a part is that is there."""

    def pieces(self, name: str) -> Generator[memoryview, None, None]:
        """A part that is there, in order; each piece only until the next is asked for."""


class ArchiveFile:
    """The Blobs of a tar archive in a file that can be sought. Raises BadArchive when it is
    none, or is cut short."""

    def __init__(self, file: IO[bytes]) -> None:
        """Read the headers of its members; their bodies are passed over."""
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}  # where a body begins, and how long it is
        self._links: dict[str, str] = {}
        self._at = 0
        self._scanner = TarScanner(self._member)
        self._scan(os.fstat(file.fileno()).st_size)

    def has(self, name: str) -> bool:
        """As Documents has it."""
        return followed(self._links, name) in self._places

    def document(self, name: str) -> Any:
        """As Documents has it; the digest in its name is verified."""
        if not self.has(name):
            raise BadArchive(f"The archive lacks {plain(name)}.")
        return read_document(name, small(self, name), check=True)

    def size_bytes(self, name: str) -> int:
        """As Blobs has it."""
        return self._places[followed(self._links, name)][1]

    def pieces(self, name: str) -> Generator[memoryview, None, None]:
        """As Blobs has it."""
        begin, size_bytes = self._places[followed(self._links, name)]
        self._file.seek(begin)
        return _ranged(self._file, size_bytes)

    def _scan(self, file_bytes: int) -> None:
        while not self._scanner.ended and (block := self._file.read(BLOCK)):
            self._at += len(block)
            self._scanner.feed(block)
            if unwanted := self._scanner.skip():
                self._at += unwanted
                if self._at > file_bytes:
                    raise BadArchive("The archive is cut short: it stops inside a member.")
                self._file.seek(self._at)
        self._scanner.close()

    def _member(self, member: Member) -> Sink | None:
        name, target = name_in(member), target_of(member)
        if target is not None:
            self._links[name] = target
        elif member.type in (b"0", b"\0") and not self._scanner.is_sparse:
            self._links.pop(name, None)
            self._places[name] = (self._at, member.size_bytes)
        return None


class OciFolder:
    """The Blobs of an OCI image layout in a folder. UsageError when it is none."""

    def __init__(self, folder: Path) -> None:
        """Take a folder, of which nothing is read yet."""
        self._folder = folder
        if not self.has(INDEX):
            raise UsageError(
                f"{folder} is no image: it has no {INDEX}.",
                hint="A folder of an image is an OCI layout, as `skopeo copy` makes to oci:FOLDER.",
            )

    def has(self, name: str) -> bool:
        """As Documents has it."""
        try:
            return stat.S_ISREG((self._folder / name).stat().st_mode)
        except (OSError, ValueError):
            return False

    def document(self, name: str) -> Any:
        """As Documents has it; the digest in its name is verified."""
        return read_document(name, small(self, name), check=True)

    def size_bytes(self, name: str) -> int:
        """As Blobs has it."""
        return (self._folder / name).stat().st_size

    def pieces(self, name: str) -> Generator[memoryview, None, None]:
        """As Blobs has it. What is no file any more is not waited for."""
        with open_file(self._folder / name) as file, closing(whole(file)) as pieces:
            yield from pieces


def small(blobs: Blobs, name: str) -> bytes:
    """A part that is held in memory. Raises BadArchive when it is not there, or too large."""
    if not blobs.has(name):
        raise BadArchive(f"The archive lacks {plain(name)}.")
    if blobs.size_bytes(name) > MAX_DOCUMENT_BYTES:
        raise BadArchive(f"The archive's {plain(name)} is over {MAX_DOCUMENT_BYTES:,} bytes.")
    with closing(blobs.pieces(name)) as pieces:
        return b"".join(bytes(piece) for piece in pieces)


def open_file(path: Path) -> IO[bytes]:
    """A regular file, open for reading. UsageError for all else: a pipe would never end."""
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    except (OSError, ValueError) as error:
        cause = error if isinstance(error, OSError) else OSError(str(error))
        raise refused(path, "read", cause) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UsageError(f"{path} is no file.", hint="Give the path of an archive or a folder.")
    return file


def whole(file: IO[bytes]) -> Generator[memoryview, None, None]:
    """All of a file, piece by piece."""
    return _ranged(file, os.fstat(file.fileno()).st_size)


def _ranged(file: IO[bytes], size_bytes: int) -> Generator[memoryview, None, None]:
    """The next so many bytes of a file. Raises BadArchive when there are fewer."""
    left = size_bytes

    def fill(buffer: memoryview) -> int:
        nonlocal left
        length = file.readinto(buffer[: min(left, len(buffer))]) if left else 0  # type: ignore[attr-defined]
        if left and not length:
            raise BadArchive("The archive became shorter while it was read.")
        left -= length
        return int(length)

    return ahead(fill)

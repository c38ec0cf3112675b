"""Files of the reader's own: read, and written whole or not at all. A fault names the path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from container_magics.errors import UsageError


@contextmanager
def reading(path: Path) -> Iterator[IO[bytes]]:
    """The file, open for reading. UsageError when there is none or it may not be read."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise refused(path, "read", error) from error
    with file:
        yield file


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of ``path`` when the block has ended well.

    Until then, and when the block fails, what was at ``path`` is untouched and nothing is left
    beside it. UsageError when it cannot be written, for want of a folder, of space or of leave.
    """
    path = path.resolve()
    part = path.parent / f".{path.name}.{uuid4().hex}.part"
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no file.", hint="Give the path of a file.")
        with part.open("xb") as file:
            yield file
        if path.exists():
            part.chmod(path.stat().st_mode & 0o7777)
        part.replace(path)
    except OSError as error:
        raise refused(path, "written", error) from error
    finally:
        remove(part)


def remove(part: Path) -> None:
    """Remove the file if it is there and its folder lets us: where not, it was never made."""
    try:
        part.unlink(missing_ok=True)
    except OSError:
        return


def refused(path: Path, done: str, error: OSError) -> UsageError:
    """The error of a path that cannot be "read" or "written"."""
    if not path.parent.is_dir():
        return UsageError(f"{path} cannot be {done}: there is no folder {path.parent}.")
    return UsageError(f"{path} cannot be {done}: {error.strerror or error}.")

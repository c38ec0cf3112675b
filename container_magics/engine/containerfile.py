"""The beginning of one file of a container, whether that runs, has ended or was never started."""

from __future__ import annotations

from urllib.parse import quote

from container_magics.core.layercontents import First
from container_magics.core.tarheader import Sink, TarScanner
from container_magics.core.tarmember import Member
from container_magics.engine.archive import body
from container_magics.engine.client import Engine, told

PIECE_BYTES = 1 << 16


def archive_path(container: str, path: str | bytes) -> str:
    """The path of the API for an archive of what is at ``path`` in a container."""
    return f"/containers/{container}/archive?path={quote(path, safe='/')}"


def file_at(
    engine: Engine, container: str, path: bytes, max_bytes: int, size_bytes: int | None = None
) -> bytes | None:
    """The first bytes of the file at ``path``, from the container's root on; None for what is no
    file, or not of ``size_bytes``. Raises NotFound when there is nothing."""
    found = list[bytes]()

    def member(one: Member) -> Sink | None:
        wanted = one.type in (b"0", b"\0") and size_bytes in (None, one.size_bytes)
        return First(found.append, max_bytes) if wanted else None

    scanner = TarScanner(member)
    buffer = memoryview(bytearray(PIECE_BYTES))
    with told(), body(engine, archive_path(container, path)) as source:
        # what is more than wanted is not waited for
        while not (found or scanner.ended) and (length := source.readinto(buffer)):
            scanner.feed(buffer[:length])
    return found[0] if found else None

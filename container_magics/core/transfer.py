"""What goes into a container before its program starts, and what comes out after it ended."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

LIMIT_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Put:
    """A file or folder to write: ``content``, or with None the file or folder ``source`` of
    this machine, a full path.

    ``path`` is absolute, or relative to the folder that the program starts in. It is the name
    that the thing gets; with ``source`` and a "/" at the end, the folder that it goes into.
    """

    path: str
    content: bytes | None = None
    source: str = ""

    @property
    def target(self) -> str:
        """The path that the file or folder itself gets."""
        if self.path.endswith("/") and self.content is None:
            return posixpath.join(self.path, posixpath.basename(self.source))
        return self.path


@dataclass(frozen=True, slots=True)
class Transfer:
    """``put`` in this order, then the program, then ``get`` (paths) in this order.

    ``limit_bytes`` is for each of them.
    """

    put: tuple[Put, ...] = ()
    get: tuple[str, ...] = ()
    limit_bytes: int = LIMIT_BYTES


NOTHING = Transfer()

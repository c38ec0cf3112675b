"""What a program wrote, kept up to a limit: in memory while small, in a temporary file beyond."""

from __future__ import annotations

import codecs
import tempfile

IN_MEMORY_BYTES = 4 * 1024 * 1024
KEPT_BYTES = 1_000_000_000


class Spool:
    """Bytes appended and read back. The file, if any, has no name and goes with the object.

    At most ``limit_bytes`` are kept, the first: a program that never stops would fill the disk.
    ``size_bytes`` counts what is kept, ``lost_bytes`` what came beyond.
    """

    def __init__(self, limit_bytes: int = KEPT_BYTES) -> None:
        """Start empty."""
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - lives as long as we do
        self._limit_bytes = limit_bytes
        self.size_bytes = 0
        self.lost_bytes = 0

    def append(self, data: bytes) -> None:
        """Keep ``data`` after what is there, as far as the limit allows."""
        kept = data[: self._limit_bytes - self.size_bytes]
        self._file.write(kept)
        self.size_bytes += len(kept)
        self.lost_bytes += len(data) - len(kept)

    def read(self) -> bytes:
        """All that is kept, as it came."""
        self._file.seek(0)
        data = self._file.read()
        self._file.seek(0, 2)
        return data

    def text(self) -> str | bytes:
        """The same as text; as bytes when it is not UTF-8. A character that the limit has cut
        is left out."""
        data = self.read()
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            return decoder.decode(data, final=not self.lost_bytes)
        except UnicodeDecodeError:
            return data

    def __str__(self) -> str:
        """How much there is, such as "5 bytes", and how much was not kept."""
        lost = f" (and {self.lost_bytes} more, not kept)" if self.lost_bytes else ""
        return f"{self.size_bytes} bytes{lost}"

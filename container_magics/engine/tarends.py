"""Where a tar archive ends: at a block of zeros, and nowhere else.

tarfile takes an archive that is cut between two entries, or whose next header is damaged, for one
that has come to its end.
"""

from __future__ import annotations

import tarfile

NOTHING = bytes(tarfile.BLOCKSIZE)


class Entry(tarfile.TarInfo):
    """An entry of an archive that is read whole or not at all."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Entry:
        """Read a header (tarfile calls this for each); ReadError for one that is cut or damaged.
        At a block of zeros tarfile's own error says that the archive ends."""
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf) == NOTHING:
                raise
            raise tarfile.ReadError(f"it has no end ({error})") from error

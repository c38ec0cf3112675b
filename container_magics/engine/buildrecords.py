"""Where the records of the last builds are: in the user's state folder, or in memory alone."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from container_magics.core.buildrecord import BuildRecord, from_json, to_json
from container_magics.engine.client import Engine
from container_magics.engine.userfile import replacing
from container_magics.errors import UsageError

MOST_RECORDS = 200
MOST_BYTES = 2_000_000


class BuildRecords:
    """The last build of each tag, by engine. What cannot be kept is not: a build never fails for
    the sake of its record."""

    def __init__(self, folder: Path | None) -> None:
        """``folder`` is made when it is first needed; None keeps all in memory, for a session."""
        self._folder = folder
        self._held: dict[str, BuildRecord] = {}

    def last(self, engine: Engine, tag: str) -> BuildRecord | None:
        """The tag's last build on this engine; None when none is known."""
        name = name_of(engine, tag)
        if self._folder is None:
            return self._held.get(name)
        try:
            path = self._folder / f"{name}.json"
            if path.stat().st_size > MOST_BYTES:
                return None
            return from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError):
            return None

    def keep(self, engine: Engine, tag: str, record: BuildRecord) -> None:
        """Put the record in the place of the last one; the oldest of too many go."""
        name = name_of(engine, tag)
        if self._folder is None:
            self._held.pop(name, None)
            self._held[name] = record
            for oldest in list(self._held)[:-MOST_RECORDS]:
                del self._held[oldest]
            return
        data = json.dumps(to_json(record)).encode("utf-8", "replace")
        with suppress(OSError, UsageError):
            # nobody else is to read it: a Dockerfile may say more than it should
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / f"{name}.json"
            if len(data) > MOST_BYTES:
                path.unlink(missing_ok=True)
                return
            with replacing(path) as file:
                file.write(data)
            self._drop_oldest(self._folder)

    @staticmethod
    def _drop_oldest(folder: Path) -> None:
        found = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in found[:-MOST_RECORDS]:
            path.unlink(missing_ok=True)


def name_of(engine: Engine, tag: str) -> str:
    """The record's name: of the engine's address and the tag, whatever these hold."""
    return hashlib.sha256(f"{engine.endpoint.url}\n{tag}".encode()).hexdigest()[:32]

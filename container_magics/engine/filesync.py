"""The folders that BuildKit takes from its client: it asks for what it does not have already.

fsutil's exchange (send.go there): we name everything, it asks for contents by number while we do,
says that it has all, and we say the same.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from urllib.parse import unquote_plus

from container_magics.core.dockerignore import Patterns
from container_magics.core.filesync import (
    ASKED,
    END,
    END_OF_STATS,
    ERROR,
    FIN,
    data_packet,
    packet_of,
    stat_packet,
)
from container_magics.engine.context import DOCKERFILE, Context, is_file
from container_magics.engine.contextlinks import followed
from container_magics.engine.contextwalk import Entry, Tree
from container_magics.errors import EngineError, UsageError

Metadata = Mapping[str, Sequence[str]]


class FileSync:
    """One exchange: of the context, or of the folder that has the Dockerfile alone.

    .dockerignore was read by us. The engine reads it too and tells what it leaves out, which
    would take away what the cell adds; so that is not listened to.
    """

    def __init__(self, context: Context, metadata: Metadata) -> None:
        """Take the call's metadata: which folder, and what of it."""
        self._context, self._asked, self._finished = context, deque[int](), False
        tree = context.tree
        if values(metadata, "dir-name") == ["dockerfile"]:
            tree = Tree(None, {DOCKERFILE: context.dockerfile}, Patterns(()))
        self._tree, self._files = tree, dict[int, Entry]()
        self._patterns = values(metadata, "include-patterns")
        self._paths = values(metadata, "followpaths")

    def hear(self, message: bytes) -> None:
        """What the engine says. EngineError when something went wrong on its side."""
        packet = packet_of(message)
        if packet.kind == ASKED:
            self._asked.append(packet.number)
        elif packet.kind == FIN:
            self._finished = True
        elif packet.kind == ERROR:
            raise EngineError(f"The engine cannot take the build context: {packet.words}")

    def messages(self) -> Iterator[bytes | None]:
        """What we say; None while there is nothing to say. A UsageError is noted as well, for the
        engine tells it in words of its own."""
        try:
            yield from self._named()
            while not self._finished:
                yield from self._contents()
                if not (self._asked or self._finished):
                    yield None
        except UsageError as error:
            self._context.trouble = error
            raise
        self._context.over = True
        yield END

    def _named(self) -> Iterator[bytes]:
        """Everything by its name; contents in between, for an engine may wait for them."""
        self._context.over = False
        for number, entry in enumerate(self._tree.walk(self._wanted())):
            if is_file(entry):
                self._files[number] = entry
                self._context.total_bytes += entry.size_bytes
            yield stat_packet(
                os.fsencode(entry.path), entry.mode, entry.size_bytes, time_of(entry),
                os.fsencode(entry.link),
            )  # fmt: skip
            yield from self._contents()
        yield END_OF_STATS

    def _wanted(self) -> Patterns | None:
        """What the engine asks for; None for everything."""
        patterns = dict.fromkeys(self._patterns)
        if self._paths:
            found = followed(self._tree, self._paths)
            if found is None:
                return None
            patterns |= dict.fromkeys(found)
        return Patterns(patterns, "COPY or ADD") if patterns else None

    def _contents(self) -> Iterator[bytes]:
        """What was asked for by now, and is asked for meanwhile."""
        while self._asked:
            number = self._asked.popleft()
            entry = self._files.pop(number, None)
            if entry is None:
                raise EngineError(f"The build context has no file of the number {number}.")
            for part in self._context.content(entry):
                yield data_packet(number, part)
            yield data_packet(number)


def values(metadata: Metadata, name: str) -> list[str]:
    """All values of that name; those with letters beyond ASCII come escaped, and that is said."""
    escaped = metadata.get(f"{name}-encoded") == ["1"]
    return [unquote_plus(one) if escaped else one for one in metadata.get(name, ())]


def time_of(entry: Entry) -> int:
    """The time of change by which the engine knows whether it has the file already.

    What the cell adds has none: the part below a second says what is in it, and no image has it.
    """
    if entry.content is None:
        return entry.time_ns
    return entry.time_ns + int.from_bytes(blake2b(entry.content, digest_size=8).digest()) % 10**9

"""Files out of layers: which member of an archive holds a file, and a scanner that keeps them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

from container_magics.core.layerpaths import first_names
from container_magics.core.layers import Entry, EntryScanner, Layer, Wanted, clean
from container_magics.core.tarheader import MAX_MEMBERS, Sink
from container_magics.core.tarmember import Member


def files_wanted(
    layers: Sequence[Layer], wanted: Collection[Wanted]
) -> dict[Wanted, tuple[Entry, list[Wanted]]]:
    """Where the bytes are of what is wanted: (layer, path of the file itself) -> its entry, and who
    wants it. What is no file, nor a hard link to one of the same layer, is left out."""
    found: dict[Wanted, tuple[Entry, list[Wanted]]] = {}
    for index in {index for index, _ in wanted if 0 <= index < len(layers)}:
        paths = {path for at, path in wanted if at == index}
        for path, entry in _resolved(layers[index], paths):
            found.setdefault((index, entry.path), (entry, []))[1].append((index, path))
    return found


def _resolved(layer: Layer, paths: Collection[bytes]) -> list[tuple[bytes, Entry]]:
    links = {e.path: e.link for e in layer.entries if e.kind == "hardlink"}
    first = first_names(links)
    ends = {path: first.get(path, path) for path in paths}
    targets = set(ends.values())
    files = {e.path: e for e in layer.entries if e.kind == "file" and e.path in targets}
    return [(path, files[end]) for path, end in ends.items() if end in files]


class ContentScanner(EntryScanner):
    """Reads a layer as EntryScanner does, and keeps the first bytes of some files.

    ``contents`` has them by path, the last one of a name. A sparse file is not kept, for its
    bytes are stored in pieces.
    """

    def __init__(
        self, paths: Collection[bytes], max_bytes: int, max_members: int = MAX_MEMBERS
    ) -> None:
        super().__init__(max_members)
        self.contents: dict[bytes, bytes] = {}
        self._paths, self._max_bytes = paths, max_bytes

    def _take(self, member: Member) -> Sink | None:
        super()._take(member)
        path = clean(member.name)
        if path not in self._paths:
            return None
        self.contents.pop(path, None)
        if member.type not in (b"0", b"\0", b"7") or self.is_sparse:
            return None
        return First(partial(self.contents.__setitem__, path), self._max_bytes)


class First:
    """A sink that hands the first bytes of a body to ``then``, as soon as it has them."""

    def __init__(self, then: Callable[[bytes], None], max_bytes: int) -> None:
        self._then: Callable[[bytes], None] | None = then
        self._max_bytes = max_bytes
        self._held = bytearray()

    def feed(self, data: memoryview) -> None:
        """Take a part."""
        if self._then is not None:
            self._held += data[: self._max_bytes - len(self._held)]
            if len(self._held) == self._max_bytes:
                self.close()

    def close(self) -> None:
        """The body is over."""
        if self._then is not None:
            self._then(bytes(self._held))
        self._then = None

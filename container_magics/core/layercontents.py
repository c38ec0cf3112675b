"""Files out of layers: which member of an archive holds a file, and a scanner that keeps them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Generic

from container_magics.core.layerpaths import first_names
from container_magics.core.layers import Entry, EntryScanner, Layer, Make, T, Wanted, clean
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


def names_of(waiting: Mapping[Wanted, tuple[Entry, list[Wanted]]]) -> dict[bytes, set[bytes]]:
    """Of what ``files_wanted`` gives: by the path of a file, in whatever layer, its names."""
    found = defaultdict[bytes, set[bytes]](set)
    for (_, path), (_entry, names) in waiting.items():
        found[path].update(name for _, name in names)
    return dict(found)


def whole(_path: bytes, body: bytes) -> bytes:
    """A file's first bytes themselves."""
    return body


class ContentScanner(EntryScanner, Generic[T]):
    """Reads a layer as EntryScanner does, and keeps what is made of some files.

    ``contents`` has it by path and name, of the last one of a path. A sparse file is not kept, for
    its bytes are stored in pieces.
    """

    def __init__(
        self,
        names: Mapping[bytes, Collection[bytes]],
        max_bytes: int,
        make: Make[T],
        max_members: int = MAX_MEMBERS,
    ) -> None:
        """``names`` has the names that ``make`` is told, by path."""
        super().__init__(max_members)
        self.contents: dict[bytes, dict[bytes, T]] = {}
        self._names, self._max_bytes, self._make = names, max_bytes, make

    def _take(self, member: Member) -> Sink | None:
        super()._take(member)
        path = clean(member.name)
        if path not in self._names:
            return None
        self.contents.pop(path, None)
        if member.type not in (b"0", b"\0", b"7") or self.is_sparse:
            return None
        return First(partial(self._keep_of, path), self._max_bytes)

    def _keep_of(self, path: bytes, body: bytes) -> None:
        self.contents[path] = {name: self._make(name, body) for name in self._names[path]}


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

"""The nouns of an image: Entry, Layer, ImageLayers; and how an archive's members become them.

Format: OCI image spec 1.1, "Image Layer Filesystem Changeset" (`layer.md`) and "Image
Configuration" (`config.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast

from container_magics.core.tarheader import MAX_MEMBERS, Sink, TarScanner
from container_magics.core.tarmember import Member
from container_magics.errors import BadArchive

Kind = Literal["file", "dir", "symlink", "hardlink", "fifo", "char", "block", "whiteout", "opaque"]
KINDS: dict[bytes, Kind] = {
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "char",
    b"4": "block",
    b"5": "dir",
    b"6": "fifo",
}
MAX_PATH_BYTES = 8192
"""Twice what Linux takes (PATH_MAX)."""
MARKS = frozenset({"whiteout", "opaque"})


class Entry(NamedTuple):
    """What one layer holds at one path (a tuple, for 100,000 of them stay small).

    ``path`` has neither a leading nor a trailing "/", and is b"" for the root; names are bytes,
    since they need not be UTF-8. ``size_bytes`` is 0 for all but files; a hard link's bytes
    are counted at the name that its ``link`` gives, which is a path like ``path``. A symlink's
    ``link`` is as written; others have b"". ``mode`` has the twelve permission bits. A
    "whiteout" hides ``path`` of lower layers, "opaque" hides all that lower layers have in the
    folder ``path``. ``crc`` is the CRC-64 (ISO 3309) of a file's content where the source keeps
    it, None where nobody computed it: two sources of one layer may differ in it, and only in it.
    Extended attributes and the numbers of devices are not kept.
    """

    path: bytes
    size_bytes: int
    mode: int
    kind: Kind
    link: bytes
    uid: int
    gid: int
    mtime_s: float
    crc: int | None = None


_new_entry = cast("Callable[[tuple[Any, ...]], Entry]", partial(tuple.__new__, Entry))
"""An Entry of its fields in order: a third of the time of ``Entry(...)``."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of the image's history, and what it put into the image.

    ``diff_id`` is the digest of the plain archive, ``digest`` that of the blob as stored; "" when
    unknown, or when the line made no layer (``empty``). ``instruction`` as the history has it, ""
    for none. ``created_s`` is since the Unix epoch, None when unknown. ``entries`` has each path at
    most once besides its marks. ``writable`` is True for a container's own layer.
    """

    diff_id: str
    digest: str
    instruction: str
    created_s: float | None
    size_bytes: int
    entries: tuple[Entry, ...] = field(repr=False)
    empty: bool = False
    writable: bool = False


class Way(NamedTuple):
    """How some layers were read: the provider's ``name`` as readers see it ("the engine's own
    records", "docker save", "cache"), for how many layers, in how many seconds. ``verified``: each
    was read whole, and has the digests that its image names."""

    name: str
    layers: int
    seconds: float
    verified: bool = False


@dataclass(frozen=True, slots=True)
class ImageLayers:
    """What every source of layers gives: an image's ID and its layers, oldest layer first.

    ``ways`` in the order in which they were asked; () when the source does not tell. Two images
    that were read in other ways are equal.
    """

    image_id: str
    layers: tuple[Layer, ...]
    ways: tuple[Way, ...] = field(default=(), compare=False)


Wanted = tuple[int, bytes]
"""A version of a file: the index of a layer (oldest 0, as in ImageLayers.layers), and the path of
an entry in it (as in Entry)."""


T = TypeVar("T")
Make = Callable[[bytes, bytes], T]
"""What is wanted of a file: out of its path, as it was asked for, and its first bytes."""


class Contents(Protocol):
    """Reads files out of layers, also those that a later layer hides. Every source has one."""

    def read(self, wanted: Collection[Wanted], max_bytes: int) -> Iterator[tuple[Wanted, bytes]]:
        """The first ``max_bytes`` of each file, each once, in whatever order is quickest.

        A hard link gives the bytes of the file that it links to. What is no file, or is not
        there, is left out. Many are asked at once, since some sources read the whole image for
        one of them: then the bytes of all of them are held. Raises what the source raises.
        """

    def read_as(
        self, wanted: Collection[Wanted], max_bytes: int, make: Make[T]
    ) -> Iterator[tuple[Wanted, T]]:
        """The same, but what ``make`` makes of each: nothing else is held of more than one file.
        What it makes may be thrown away, as of a file that is there twice."""


@dataclass(frozen=True, slots=True)
class LayersReading:
    """How much of the image was read. 0 while the engine prepares its archive, which is most of
    the time; ``total_bytes`` is about right, None when unknown."""

    bytes_read: int
    total_bytes: int | None = None


class EntryScanner:
    """A sink for one layer's plain archive; ``entries()`` gives what it holds, last one wins."""

    def __init__(self, max_members: int = MAX_MEMBERS, *, bodiless: bool = False) -> None:
        """``bodiless``: as in TarScanner."""
        self._placed: dict[bytes, Entry] = {}
        self._marks: dict[tuple[str, bytes], Entry] = {}
        # whoever takes members in a way of its own is given all of them
        usual = self._take_usual if type(self) is EntryScanner and not bodiless else None
        self._scanner = TarScanner(
            self._take, max_members=max_members, bodiless=bodiless, usual=usual
        )
        self.feed = self._scanner.feed
        self.close = self._scanner.close

    @property
    def members(self) -> int:
        """Members so far."""
        return self._scanner.members

    @property
    def ended(self) -> bool:
        """Whether the archive's end mark was seen."""
        return self._scanner.ended

    @property
    def is_sparse(self) -> bool:
        """Whether the member that is told now is stored in pieces."""
        return self._scanner.is_sparse

    def entries(self) -> tuple[Entry, ...]:
        """Marks first, then the rest in archive order."""
        return (*self._marks.values(), *self._placed.values())

    def _take(self, member: Member) -> Sink | None:
        self._keep(entry_of(member))
        return None

    def _take_usual(
        self,
        name: bytes,
        kind: bytes,
        size_bytes: int,
        owner: tuple[int, int, int],
        mtime_s: int,
        link: bytes,
    ) -> None:
        path = name.rstrip(b"/")
        if path[:1] in (b".", b"/", b"") or b"//" in path or b"/." in path:  # marks among them
            self._keep(entry_of(Member(name, kind, size_bytes, *owner, mtime_s, link)))
            return
        mode, uid, gid = owner
        which = KINDS.get(kind, "file")
        self._placed[path] = _new_entry(
            (path, size_bytes, mode & 0o7777, which, link, uid, gid, mtime_s, None)
        )

    def _keep(self, entry: Entry | None) -> None:
        if entry is None:
            return
        if entry.kind in MARKS:
            self._marks[entry.kind, entry.path] = entry
        else:
            self._placed[entry.path] = entry


def entry_of(member: Member, crc: int | None = None) -> Entry | None:
    """The entry for a member of a layer; None for a builder's own marks (".wh..wh.*"), and for
    a root that is no folder."""
    name, type_, size_bytes, mode, uid, gid, mtime_s, link = member
    path = clean(name)
    if len(path) > MAX_PATH_BYTES:
        raise BadArchive(f"The archive has a name of {len(path):,} bytes, which no system takes.")
    if b".wh." in path:
        folder, slash, last = path.rpartition(b"/")
        if last == b".wh..wh..opq":
            return _mark(folder, "opaque", member)
        if last.startswith(b".wh."):
            hidden = last[4:]
            if hidden.startswith(b".wh.") or hidden in (b"", b".", b".."):
                return None
            return _mark(folder + slash + hidden, "whiteout", member)
    kind: Kind = KINDS.get(type_, "file")
    if kind == "file":
        if type_ == b"\0" and name.endswith(b"/"):
            kind, size_bytes, crc = "dir", 0, None  # before ustar there was no type for folders
        link = b""
    else:
        size_bytes, crc, link = 0, None, _link(kind, link)
    if not path and kind != "dir":
        return None
    # some writers put the file type's bits into the mode too
    return _new_entry((path, size_bytes, mode & 0o7777, kind, link, uid, gid, mtime_s, crc))


def _mark(path: bytes, kind: Literal["whiteout", "opaque"], member: Member) -> Entry:
    return Entry(path, 0, member.mode & 0o7777, kind, b"", member.uid, member.gid, member.mtime_s)


def _link(kind: Kind, link: bytes) -> bytes:
    if kind == "hardlink":
        return clean(link)
    return link if kind == "symlink" else b""


def clean(name: bytes) -> bytes:
    """A member's name as a path under the root: no "/" at either end, no ".", "..", or "//".

    ".." never leads above the root.
    """
    if name[-1:] == b"/":
        name = name.rstrip(b"/")
    if name[:1] not in (b".", b"/") and b"//" not in name and b"/." not in name:
        return name
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)


def shown(name: bytes) -> str:
    """A name for readers: bytes that are not UTF-8, and characters that do not print (controls,
    turns of writing direction), as backslash escapes."""
    text = name.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text
    )

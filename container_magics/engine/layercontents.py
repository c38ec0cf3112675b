"""Files out of the layers of an engine's image, also those that a later layer hides.

On the engine's own machine, as root, a file is read where the engine keeps its layer: a moment's
work. A helper container does the same elsewhere, where it is allowed. Else the whole archive that
`docker save` writes is read for it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from container_magics.core.chainid import chain_ids
from container_magics.core.imagearchive import ImageArchive
from container_magics.core.layercontents import ContentScanner, files_wanted, names_of, whole
from container_magics.core.layers import Entry, Layer, Make, T, Wanted
from container_magics.engine import layerhelper, layerrecords
from container_magics.engine.archive import feed
from container_magics.engine.client import Engine, told
from container_magics.engine.containerfile import file_at
from container_magics.engine.layerrecords import DRIVER, layer_folder, local_store
from container_magics.engine.layersources import ENGINE_ALONE, Sources
from container_magics.errors import ContainerMagicsError, NotFound

FEW = 16
"""Of so many files of a container each is asked for by itself."""
_CACHE_ID = re.compile(r"[0-9a-z-]{1,128}")
Waiting = dict[Wanted, tuple[Entry, list[Wanted]]]
"""As ``files_wanted`` gives it."""
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class EngineContents:
    """The Contents (core/layers.py) of an image of ``engine``, whose ``layers`` were read.

    A writable layer on top is that of ``container``; other layers without a diff ID, such as
    several in one, hold nothing here.
    """

    engine: Engine
    image_id: str
    layers: Sequence[Layer]
    sources: Sources = ENGINE_ALONE
    container: str = ""

    def read(self, wanted: Collection[Wanted], max_bytes: int) -> Iterator[tuple[Wanted, bytes]]:
        """As Contents has it; raises what the engine's archive raises."""
        return self.read_as(wanted, max_bytes, whole)

    def read_as(
        self, wanted: Collection[Wanted], max_bytes: int, make: Make[T]
    ) -> Iterator[tuple[Wanted, T]]:
        """As Contents has it; raises as ``read``."""
        waiting = files_wanted(self.layers, wanted)
        for way in (self._written, self._local, self._helped):
            files = {place: entry for place, (entry, _) in waiting.items()}
            for place, data in way(files, max_bytes) if files else ():
                for name in waiting.pop(place)[1]:
                    yield name, make(name[1], data)
        for passed in (self._exported, self._saved):
            for place, found in passed(waiting, max_bytes, make) if waiting else ():
                for name in waiting.pop(place)[1]:
                    yield name, found[name[1]]

    def _written(
        self, files: dict[Wanted, Entry], max_bytes: int
    ) -> Iterator[tuple[Wanted, bytes]]:
        """Of the container's own layer, one by one, where they are few."""
        own = self._own(files)
        for one in own if len(own) <= FEW else ():
            with suppress(NotFound):  # removed since
                data = file_at(self.engine, quote(self.container), b"/" + one[1], max_bytes)
                if data is not None:
                    yield one, data

    def _own(self, places: Collection[Wanted]) -> list[Wanted]:
        own = [place for place in places if self.layers[place[0]].writable]
        return own if self.container else []

    def _exported(
        self, waiting: Waiting, max_bytes: int, make: Make[T]
    ) -> Iterator[tuple[Wanted, dict[bytes, T]]]:
        """The same, where they are many: in one pass over all that the container has."""
        own = self._own(waiting)
        if len(own) > FEW:
            names = names_of({place: waiting[place] for place in own})
            export = ContentScanner(names, max_bytes, make)
            for _ in feed(self.engine, f"/containers/{quote(self.container)}/export", export):
                pass
            yield from ((one, export.contents[one[1]]) for one in own if one[1] in export.contents)

    def _local(self, files: dict[Wanted, Entry], max_bytes: int) -> Iterator[tuple[Wanted, bytes]]:
        store = local_store(self.engine) if self.sources.records else None
        if store is None:
            return
        folders = dict(self._folders(store))
        for place, entry in files.items():
            folder = folders.get(place[0])
            data = read_beneath(folder, entry, max_bytes) if folder else None
            if data is not None:
                yield place, data

    def _folders(self, store: Path) -> Iterator[tuple[int, Path]]:
        """Where the engine keeps the files of each layer, by the layer's index."""
        for index, chain_id in self._chain():
            place = layer_folder(store, self.layers[index].diff_id, chain_id)
            with suppress(OSError, ValueError):
                name = (place / "cache-id").read_text("ascii").strip() if place else ""
                if _CACHE_ID.fullmatch(name):
                    yield index, store.parent.parent / DRIVER / name / "diff"

    def _helped(self, files: dict[Wanted, Entry], max_bytes: int) -> Iterator[tuple[Wanted, bytes]]:
        store = layerrecords.store(self.engine) if self.sources.helper else None
        if store is None:
            return
        with suppress(ContainerMagicsError):
            folders = self._told_folders()
            places = {str(index): folders[index] for index, _ in files if index in folders}
            if places:
                with layerhelper.helper(self.engine, self.image_id, places) as container:
                    yield from self._out_of(container, places, files, max_bytes)

    def _told_folders(self) -> dict[int, Path]:
        """Where the engine says that it keeps the files of each layer; {} where it does not tell.

        Of an image on overlay2 it tells the newest layer's folder as "UpperDir" and the others from
        new to old as "LowerDir" (moby, `daemon/graphdriver/overlay2/overlay.go`, `GetMetadata`).
        """
        with told():
            driver = self.engine.api.inspect_image(self.image_id).get("GraphDriver") or {}
        data = driver.get("Data") or {}
        names = [data.get("UpperDir", ""), *data.get("LowerDir", "").split(":")]
        folders = [Path(name) for name in reversed(names) if name]
        real = [index for index, layer in enumerate(self.layers) if layer.diff_id]
        if driver.get("Name") != DRIVER or len(folders) != len(real):
            return {}
        return dict(zip(real, folders, strict=True))

    def _out_of(
        self,
        container: str,
        places: Collection[str],
        files: dict[Wanted, Entry],
        max_bytes: int,
    ) -> Iterator[tuple[Wanted, bytes]]:
        """Of a helper container that has the layers' folders."""
        for (index, path), entry in files.items():
            if str(index) in places:
                where = f"/{layerhelper.PLACE}/{index}/".encode() + path
                with suppress(NotFound):
                    data = file_at(self.engine, container, where, max_bytes, entry.size_bytes)
                    if data is not None:
                        yield (index, path), data

    def _chain(self) -> Iterator[tuple[int, str]]:
        """The chain ID of each layer that has one, by its index."""
        real = [(index, each.diff_id) for index, each in enumerate(self.layers) if each.diff_id]
        names = chain_ids([diff_id for _, diff_id in real])
        for (index, _), name in zip(real, names, strict=True):
            yield index, name

    def _saved(
        self, waiting: Waiting, max_bytes: int, make: Make[T]
    ) -> Iterator[tuple[Wanted, dict[bytes, T]]]:
        names = names_of(waiting)
        archive = ImageArchive(scanner=lambda most: ContentScanner(names, max_bytes, make, most))
        for _ in feed(self.engine, f"/images/{quote(self.image_id)}/get", archive):
            pass
        scanned = archive.scanned()
        for index, path in list(waiting):
            scanner = scanned.get(self.layers[index].diff_id)
            if isinstance(scanner, ContentScanner) and path in scanner.contents:
                yield (index, path), scanner.contents[path]


def read_beneath(folder: Path, entry: Entry, max_bytes: int) -> bytes | None:
    """The first bytes of the file at ``entry.path`` under a folder; None where no file of the
    entry's size is. No link is followed, not even inside."""
    names = entry.path.split(b"/")
    if not all(names) or b".." in names or b"." in names:
        return None
    try:
        at = os.open(folder, _OPEN | os.O_DIRECTORY)
        try:
            for name in names[:-1]:
                below = os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=at)
                os.close(at)
                at = below
            return _file(at, names[-1], entry.size_bytes, max_bytes)
        finally:
            os.close(at)
    except OSError:
        return None


def _file(folder: int, name: bytes, size_bytes: int, max_bytes: int) -> bytes | None:
    # asked before it is opened: to open a device does something
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return None
    with os.fdopen(os.open(name, _OPEN, dir_fd=folder), "rb") as file:
        facts = os.fstat(file.fileno())
        whole = stat.S_ISREG(facts.st_mode) and facts.st_size == size_bytes
        return file.read(max_bytes) if whole else None

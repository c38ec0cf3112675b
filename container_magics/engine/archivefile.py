"""Image archives and OCI folders of this machine as a source of layers, without any engine.

What the archive is called does not matter: what is in it tells its form. One that is packed as a
whole (`docker save | gzip`) is read from its beginning to its end.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from container_magics.core.imagearchive import ImageArchive
from container_magics.core.layercontents import ContentScanner, files_wanted, names_of
from container_magics.core.layercontents import whole as whole_body
from container_magics.core.layers import (
    Contents,
    ImageLayers,
    Layer,
    LayersReading,
    Make,
    T,
    Wanted,
    Way,
)
from container_magics.core.layersource import FileSource
from container_magics.core.layerunpack import LONGEST_MAGIC, packing, unpacking
from container_magics.engine import blobsource
from container_magics.engine.archive import REPORT_BYTES
from container_magics.engine.imageblobs import ArchiveFile, Blobs, OciFolder, open_file, whole
from container_magics.engine.layersources import ENGINE_ALONE, Sources
from container_magics.errors import BadArchive, UsageError

ARCHIVE, FOLDER = "an archive", "an OCI folder"


def read_file(
    source: FileSource, sources: Sources = ENGINE_ALONE
) -> Iterator[LayersReading | ImageLayers]:
    """The layers of an image, oldest first; reports on the way, and the ImageLayers last.

    Of ``sources`` only what is known already is used. The digests of all that is read are
    verified. Raises UsageError when there is no such file, BadArchive.
    """
    path = path_of(source)
    if packing(_start(path)):
        yield from _streamed(path, source.choice)
        return
    with opened(path) as blobs:
        way = FOLDER if path.is_dir() else ARCHIVE
        yield from blobsource.read(blobs, source.choice, way, sources)


def contents_of(source: FileSource, layers: Sequence[Layer]) -> Contents:
    """The files of an image whose ``layers`` were read from there."""
    path = path_of(source)
    if packing(_start(path)):
        return StreamContents(path, source.choice, layers)
    return blobsource.BlobContents(lambda: opened(path), source.choice, layers)


def path_of(source: FileSource) -> Path:
    """Where it is. UsageError when a folder is there in place of an archive, or the other way."""
    try:
        path = Path(source.path).expanduser()
        is_folder = path.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # a NUL; no home
        raise UsageError(f"{source.path!r} is no path.") from error
    if source.transport and is_folder != (source.transport == "oci"):
        found = "a folder" if is_folder else "no folder"
        raise UsageError(
            f"{path} is {found}, which {source.transport}: does not take.",
            hint="oci: is for a folder; docker-archive: and oci-archive: are for a file.",
        )
    return path


@contextmanager
def opened(path: Path) -> Iterator[Blobs]:
    """The parts of an image in a folder, or in an archive that is not packed."""
    if path.is_dir():
        yield OciFolder(path)
        return
    with open_file(path) as file:
        yield ArchiveFile(file)


def _start(path: Path) -> bytes:
    if path.is_dir():
        return b""
    with open_file(path) as file:
        return file.read(LONGEST_MAGIC)


def _streamed(path: Path, choice: str) -> Iterator[LayersReading | ImageLayers]:
    begin_s, archive = time.perf_counter(), ImageArchive(choice=choice, verify=True)
    yield from _fed(path, archive)
    image = archive.image()
    count = len({layer.diff_id for layer in image.layers if layer.diff_id})
    way = Way(ARCHIVE, count, time.perf_counter() - begin_s, verified=True)
    yield replace(image, ways=(way,))


def _fed(path: Path, archive: ImageArchive) -> Iterator[LayersReading]:
    """Unpack a file into ``archive``. Raises BadArchive when it is cut short."""
    sink = unpacking(_start(path), archive)
    total_bytes, done_bytes, reported = path.stat().st_size, 0, 0
    with open_file(path) as file, closing(whole(file)) as pieces:
        for piece in pieces:
            sink.feed(piece)
            done_bytes += len(piece)
            if done_bytes - reported >= REPORT_BYTES:
                reported = done_bytes
                yield LayersReading(done_bytes, total_bytes)
    sink.close()
    if not archive.ended:
        raise BadArchive("The archive is cut short: it has no end.")


@dataclass(frozen=True, slots=True)
class StreamContents:
    """The Contents (core/layers.py) of an image in an archive that is packed as a whole."""

    path: Path
    choice: str
    layers: Sequence[Layer]

    def read(self, wanted: Collection[Wanted], max_bytes: int) -> Iterator[tuple[Wanted, bytes]]:
        """As Contents has it."""
        return self.read_as(wanted, max_bytes, whole_body)

    def read_as(
        self, wanted: Collection[Wanted], max_bytes: int, make: Make[T]
    ) -> Iterator[tuple[Wanted, T]]:
        """As Contents has it."""
        waiting = files_wanted(self.layers, wanted)
        names = names_of(waiting)
        archive = ImageArchive(
            scanner=lambda most: ContentScanner(names, max_bytes, make, most),
            choice=self.choice,
            verify=True,
        )
        for _ in _fed(self.path, archive) if waiting else ():
            pass
        scanned = archive.scanned() if waiting else {}
        for (index, path), (_, wanting) in waiting.items():
            scanner = scanned.get(self.layers[index].diff_id)
            if isinstance(scanner, ContentScanner) and path in scanner.contents:
                for name in wanting:
                    yield name, scanner.contents[path][name[1]]

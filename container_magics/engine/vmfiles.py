"""The files of virtual machines: taken out of an image once, and kept in the state folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from container_magics.engine.client import Engine
from container_magics.engine.files import archive, forget, opened
from container_magics.engine.layerhelper import helper
from container_magics.engine.qemu import VmFiles
from container_magics.engine.statedir import state_dir
from container_magics.errors import BadArchive

INSIDE = "/vm"
"""The folder of the image."""
NAMES = frozenset({"disk", "vmlinuz", "initrd"})
BLOCK_BYTES = 64 * 1024
SCRATCH = ".new-"


def folder() -> Path:
    """Where they are kept, each under the hash of what it was made from. May not exist."""
    return state_dir(os.environ) / "vm"


def kept(digest: str) -> VmFiles | None:
    """The files of that hash; None where they were not made yet."""
    found = VmFiles(folder() / digest)
    return found if found.folder.is_dir() else None


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two notebooks that are opened at once need not both make them."""
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def take_out(engine: Engine, image: str, digest: str) -> VmFiles:
    """Copy the files out of the image and keep them under ``digest``, whole or not at all; those
    of other hashes go. Called under ``one_at_a_time``. Raises BadArchive when one is missing."""
    remove()
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=folder()))
    try:
        with (
            helper(engine, image, {}) as container,
            archive(engine, container, INSIDE) as chunks,
            opened(chunks) as (tar, _reader),
        ):
            for entry in tar:
                name, file = entry.name.rpartition("/")[2], tar.extractfile(entry)
                if file is not None and name in NAMES:
                    with_holes(file, scratch / name)
                forget(tar)
        refuse_incomplete(scratch, image)
        scratch.rename(folder() / digest)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return VmFiles(folder() / digest)


def refuse_incomplete(found: Path, image: str) -> None:
    """BadArchive when a file is missing in the folder."""
    if missing := NAMES - {path.name for path in found.iterdir()}:
        raise BadArchive(f"{image} has no {', '.join(sorted(missing))} in {INSIDE}.")


def remove() -> int:
    """Remove all that is kept; how many bytes that frees. A machine that runs keeps its own until
    it ends."""
    freed = 0
    for one in list(folder().glob("*/")):
        freed += sum(path.stat().st_blocks * 512 for path in one.iterdir())
        shutil.rmtree(one)
    return freed


def with_holes(file: IO[bytes], path: Path) -> None:
    """Write a file whose blocks of zeros take no room on the disk."""
    with path.open("wb") as written:
        while block := file.read(BLOCK_BYTES):
            if block.strip(b"\0"):
                written.write(block)
            else:
                written.seek(len(block), os.SEEK_CUR)
        written.truncate()

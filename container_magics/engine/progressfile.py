"""The progress of a student in a file beside the notebook, which two kernels may write at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from container_magics.core.progress import Progress, Record, pack, unpack
from container_magics.engine.statedir import state_dir
from container_magics.engine.userfile import replacing
from container_magics.errors import UsageError

SUFFIX = ".progress.json"
DAMAGED = ".damaged"
MAX_BYTES = 10_000_000


def progress_path(notebook: str, folder: Path) -> Path:
    """Where the progress of a notebook is kept: beside it, or in ``folder`` when its path is not
    known."""
    path = Path(notebook)
    if not notebook or path.suffix != ".ipynb":
        return folder / f"exercises{SUFFIX}"
    beside = path if path.is_absolute() else folder / path.name
    return beside.with_name(beside.stem + SUFFIX)


class ProgressFile:
    """Records of exercises in a file, or in memory alone where ``path`` is None."""

    def __init__(self, path: Path | None, report: Callable[[str], None]) -> None:
        """``report`` gets a sentence when the file was damaged."""
        self.path = path
        self._report = report
        self._memory: Progress = {}

    def read(self) -> Progress:
        """The records now; none where there is no file. One that cannot be read is put aside."""
        if self.path is None:
            return dict(self._memory)
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_BYTES)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror}.") from error
        try:
            return unpack(data.decode())
        except ValueError as error:
            self._put_aside(str(error))
            return {}

    def change(self, name: str, how: Callable[[Record], Record]) -> Record:
        """Change the record of one exercise, which is made if there is none; returns it. UsageError
        when the file cannot be written."""
        with self._alone():
            progress = self.read()
            record = progress[name] = how(progress.get(name, Record()))
            if self.path is None:
                self._memory = progress
            else:
                with replacing(self.path) as file:
                    file.write(pack(progress).encode())
        return record

    def _put_aside(self, why: str) -> None:
        assert self.path is not None  # noqa: S101 - memory is never damaged
        aside = self.path.with_name(self.path.name + DAMAGED)
        try:
            self.path.replace(aside)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read, nor put aside: {why}.") from error
        self._report(f"{self.path.name} could not be read ({why}): it is {aside.name} now.")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While the block runs no other kernel changes a record. The lock is not beside the
        notebook, where it would be one more file to wonder about."""
        folder = state_dir(os.environ)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "progress.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

"""Folders of this machine that -v names, and whether the engine sees the same ones.

An engine on another machine, or in a virtual machine that does not share the folder, makes an
empty folder of that name on its own, and says nothing.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from container_magics.core.spec import Mount
from container_magics.engine.client import Engine
from container_magics.engine.files import archive, opened, stat
from container_magics.errors import MountIsElsewhere, UsageError

PROBE = ".container-magics-probe-"
TRIES = 3
"""How often a name is looked for in a folder whose names come and go."""


def source_of(mount: Mount) -> str:
    """The engine's word for a mount's source: a volume's name, or a full path. What starts with
    . or ~ is a folder of this machine. UsageError for another relative path."""
    source = mount.source
    if source.startswith((".", "~")):
        return str(Path(source).expanduser().resolve())
    if "/" in source and not source.startswith("/"):
        raise UsageError(
            f"-v {source}: neither a volume's name nor a full path.",
            hint=f"Write ./{source} for a folder beside the notebook.",
        )
    return source


def check(engine: Engine, container: str, mounts: tuple[Mount, ...]) -> None:
    """Raise MountIsElsewhere for the first mount that lies on this machine and that the engine
    does not see. The container is created, and need not have started.

    Asks once for each such mount, by a name that lies in the folder here. A path that is not
    here is the engine's own; so is a full path under which the engine has other things.
    """
    for mount in mounts:
        here = Path(source_of(mount))
        if here.is_absolute() and here.exists() and not seen(engine, container, mount, here):
            raise MountIsElsewhere(
                f"{mount.target} would be empty: the engine runs elsewhere, "
                f"and does not see {here} of this machine.",
                hint="Bring what is needed with --put PATH=VAR (VAR a pathlib.Path), fetch with "
                "--get, or use a volume: -v NAME:PATH.",
                facts=(f"engine {engine.endpoint.url}",),
            )


def seen(engine: Engine, container: str, mount: Mount, here: Path) -> bool:
    """Whether the mount's target has in it what lies here."""
    if not here.is_dir():
        found = stat(engine, container, mount.target)
        return found is not None and not found.is_folder
    for _ in range(TRIES):
        with a_name_in(here) as name:
            if name is None or stat(engine, container, f"{mount.target.rstrip('/')}/{name}"):
                return True
            if os.path.lexists(here / name):
                break  # here it is, and there it is not
    else:
        return True
    meant_here = mount.source.startswith((".", "~"))
    return not meant_here and not is_empty(engine, container, mount.target)


@contextmanager
def a_name_in(folder: Path) -> Iterator[str | None]:
    """A name that lies in a folder: its first, or one that is made for the moment; None when
    nothing can be read or made."""
    try:
        with os.scandir(folder) as entries:
            first = next(entries, None)
    except OSError:
        first = None
    if first is not None:
        yield first.name
        return
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(tempfile.NamedTemporaryFile(dir=folder, prefix=PROBE))
        except OSError:
            yield None
            return
        yield Path(made.name).name


def is_empty(engine: Engine, container: str, path: str) -> bool:
    """Whether a folder of the container has nothing in it; read no further than its first."""
    with archive(engine, container, path.rstrip("/") + "/.") as chunks, opened(chunks) as (tar, _):
        tar.next()
        return tar.next() is None

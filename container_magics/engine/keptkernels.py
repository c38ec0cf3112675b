"""Containers of kernels that are to outlive a restart: a small file for each, by the kernel's name.

The name is made of the kernel's connection file, which a restart keeps. A file counts for as long
as the program lives that had started the kernel, such as Jupyter's server: after that nobody
restarts it, and the sweep takes the container.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from container_magics.engine.process import began, is_gone, parent_of
from container_magics.engine.statedir import state_dir


def name_of(connection_file: str) -> str:
    """The name of the kernel with that connection file."""
    return hashlib.sha256(connection_file.encode()).hexdigest()[:16]


def keep(name: str, container_id: str) -> None:
    """From now on the kernel's next life takes this container."""
    parent = parent_of(os.getpid())
    pid = parent[0] if parent else os.getpid()
    _folder().mkdir(parents=True, exist_ok=True)
    written = {"container": container_id, "pid": pid, "began": began(pid)}
    _file(name).write_text(json.dumps(written), encoding="utf-8")


def kept(name: str) -> str:
    """The ID of the container that is kept for the kernel; "" for none."""
    found = _read(_file(name))
    return str(found["container"]) if found else ""


def forget(name: str) -> None:
    """Keep it no longer."""
    _file(name).unlink(missing_ok=True)


def all_kept() -> frozenset[str]:
    """The IDs of all containers that a restart may still ask for; files of others go."""
    return frozenset(_living())


def _living() -> Iterator[str]:
    for file in _folder().glob("*.json"):
        found = _read(file)
        if found and not is_gone(int(found["pid"]), str(found["began"])):
            yield str(found["container"])
        else:
            file.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and {"container", "pid", "began"} <= found.keys()
    return found if whole else None


def _folder() -> Path:
    return state_dir(os.environ) / "kernels"


def _file(name: str) -> Path:
    return _folder() / f"{name}.json"

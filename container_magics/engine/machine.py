"""What may be wrong with the engine's machine, or a platform, once a build has failed."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from container_magics.engine.client import Engine, told
from container_magics.engine.images import inspect
from container_magics.errors import ContainerMagicsError


def free_bytes(engine: Engine) -> int | None:
    """What the disk of the engine's data has left for others than root; None where it cannot be
    seen: the engine is on another machine, or in a virtual one."""
    if not engine.endpoint.is_local:
        return None
    with suppress(ContainerMagicsError, OSError), told():
        facts: dict[str, Any] = engine.api.info()
        room = os.statvfs(facts["DockerRootDir"])
        return room.f_bavail * room.f_frsize
    return None


def engine_platform(engine: Engine) -> str:
    """The platform whose programs the engine runs, such as "linux/amd64"; "" where unknown."""
    with suppress(ContainerMagicsError), told():
        facts: dict[str, Any] = engine.api.version()
        return f"{facts['Os']}/{facts['Arch']}"
    return ""


def image_platform(engine: Engine, name: str) -> str:
    """The platform of an image that is here; "" where none is."""
    with suppress(ContainerMagicsError):
        facts = inspect(engine, name)
        return f"{facts['Os']}/{facts['Architecture']}"
    return ""

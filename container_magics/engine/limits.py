"""Limits that were asked for, at a place that sets none: refused by name before anything is made.

The engine itself says no more than a warning, and runs the container without the limit.
"""

from __future__ import annotations

from container_magics.core.spec import Limits
from container_magics.engine.client import Engine
from container_magics.engine.keptback import ELSEWHERE
from container_magics.errors import EngineDenied, EngineRefused, NotSupported

FLAGS = {"memory": "--memory", "processors": "--cpus", "processes": "--pids-limit"}
"""A limit, in capabilities' words -> docker's flag for it."""


def expect(engine: Engine, asked: Limits) -> None:
    """NotSupported where the engine says that it cannot set one of these. Nothing is asked where
    there is no limit, and nothing is refused where the engine's word is kept back."""
    words = words_of(asked)
    if not words:
        return
    try:
        lacking = [word for word in words if word in engine.facts().limits_lacking]
    except (EngineRefused, EngineDenied):
        return
    if lacking:
        raise NotSupported(
            engine.endpoint.url,
            "limits",
            f"Leave {' and '.join(FLAGS[word] for word in lacking)} out; or: {ELSEWHERE}",
            why=f"this engine sets no limit of {' and '.join(lacking)}",
        )


def words_of(asked: Limits) -> list[str]:
    """Which limits are asked for. Docker reads 0, and -1 of processes, as none."""
    values = (asked.memory_bytes, asked.nano_cpus, asked.pids)
    return [word for word, value in zip(FLAGS, values, strict=True) if value and value > 0]

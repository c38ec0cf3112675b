"""What the engine's images, containers, volumes and build cache take on its disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from container_magics.core.facts import DiskUse
from container_magics.engine.client import Engine
from container_magics.engine.volumes import MEASURE_S


def disk_use(engine: Engine) -> list[DiskUse]:
    """One line for each kind, as `docker system df` has them (API, "Get data usage
    information"). The engine walks through all of it: seconds, not milliseconds."""
    found = engine.request("GET", "/system/df", timeout_s=MEASURE_S).json()
    images, cache = found.get("Images") or (), found.get("BuildCache") or ()
    containers, volumes = found.get("Containers") or (), found.get("Volumes") or ()
    layers = int(found.get("LayersSize") or 0) or _sum(images, "Size")
    needed = {each.get("ImageID") for each in containers}
    spare = [each for each in images if each.get("Id") not in needed]
    ended = [each for each in containers if each.get("State") not in ("running", "paused")]
    measured = [each.get("UsageData") or {} for each in volumes]
    unused = [each for each in measured if not int(each.get("RefCount") or 0)]
    idle = [each for each in cache if not each.get("InUse")]
    return [
        # layers that images share are counted for each of them: so never more than the whole
        DiskUse("images", len(images), layers, min(layers, _own(spare))),
        DiskUse("containers", len(containers), _sum(containers, "SizeRw"), _sum(ended, "SizeRw")),
        DiskUse("volumes", len(volumes), _sum(measured, "Size"), _sum(unused, "Size")),
        DiskUse("build cache", len(cache), _sum(cache, "Size"), _sum(idle, "Size")),
    ]


def _sum(entries: Iterable[Mapping[str, Any]], field: str) -> int:
    """An engine writes -1 for what it cannot say."""
    return sum(max(0, int(each.get(field) or 0)) for each in entries)


def _own(images: Iterable[Mapping[str, Any]]) -> int:
    return sum(
        max(0, int(each.get("Size") or 0) - max(0, int(each.get("SharedSize") or 0)))
        for each in images
    )

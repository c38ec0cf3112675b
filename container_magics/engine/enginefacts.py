"""What an engine says of itself (Engine API, "Version" and "Info") as EngineFacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container_magics.core.machine import Attempt, EngineFacts
from container_magics.engine.endpoint import Endpoint

LIMITS = {"MemoryLimit": "memory", "CpuCfsQuota": "processors", "PidsLimit": "processes"}
"""What /info says of limits -> in words."""


def read_facts(
    endpoint: Endpoint,
    api_version: str,
    tried: tuple[Attempt, ...],
    version: dict[str, Any],
    info: dict[str, Any],
) -> EngineFacts:
    """The facts of the engine at ``endpoint``, which speaks ``api_version`` with us."""
    components = {str(part.get("Name")) for part in version.get("Components") or ()}
    options = [str(option) for option in info.get("SecurityOptions") or ()]
    return EngineFacts(
        name="Podman" if "Podman Engine" in components else "Docker",
        version=str(version.get("Version", "")),
        api_version=api_version,
        storage=str(info.get("Driver", "")),
        operating_system=str(info.get("OperatingSystem", "")),
        kernel=str(info.get("KernelVersion", "")),
        architecture=str(info.get("Architecture", "")),
        cpus=int(info.get("NCPU") or 0),
        memory_bytes=int(info.get("MemTotal") or 0),
        cgroup_version=str(info.get("CgroupVersion") or "1"),
        found_by=endpoint.found_by,
        url=endpoint.url,
        containerd_store="io.containerd.snapshotter.v1" in str(info.get("DriverStatus")),
        rootless=bool(info.get("Rootless")) or any("rootless" in option for option in options),
        data_folder=str(info.get("DockerRootDir") or ""),
        tried=tried,
        limits_lacking=lacking(info),
    )


def lacking(info: Mapping[str, Any]) -> tuple[str, ...]:
    """The limits of which an engine says that it cannot set them: an older one says nothing."""
    return tuple(words for name, words in LIMITS.items() if info.get(name) is False)

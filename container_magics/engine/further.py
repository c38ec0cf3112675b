"""The settings of a container that are wanted seldom, as the Engine API has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from docker.types import DeviceRequest

from container_magics.core.spec import ContainerSpec, Mount

SECOND_NS = 1_000_000_000


def health(spec: ContainerSpec) -> dict[str, Any] | None:
    """ "Healthcheck" of the container's settings; None leaves the image's as it is, and so does
    an empty test what it asks."""
    asked = spec.health
    if not asked.command and asked.interval_s is None:
        return None
    return {
        "Test": ["CMD-SHELL", asked.command] if asked.command else [],
        "Interval": round((asked.interval_s or 0) * SECOND_NS),
    }


def host_settings(spec: ContainerSpec) -> dict[str, Any]:
    """Keywords of the SDK's host configuration; None leaves the engine's own choice."""
    return {
        "init": spec.init or None,
        "read_only": spec.read_only or None,
        "tmpfs": dict(spec.tmpfs) or None,
        "extra_hosts": list(spec.extra_hosts) or None,
        "restart_policy": restart_policy(spec.restart),
        "device_requests": device_requests(spec.gpus),
    }


def device_requests(gpus: str) -> list[DeviceRequest] | None:
    """What ``--gpus`` asks for, in the API's words; None for none."""
    if not gpus:
        return None
    kind, _, names = gpus.partition("=")
    if names:
        return [DeviceRequest(device_ids=names.split(","), capabilities=[["gpu"]])]
    return [DeviceRequest(count=-1 if kind == "all" else int(kind), capabilities=[["gpu"]])]


def alone(mounts: Iterable[Mount]) -> list[Any] | None:
    """Folders without what is mounted in them (API, "Create a container", Mounts): docker's short
    form of -v cannot say so. None for none."""
    return [
        {
            "Type": "bind",
            "Source": mount.source,
            "Target": mount.target,
            "ReadOnly": mount.read_only,
            "BindOptions": {"NonRecursive": True},
        }
        for mount in mounts
        if mount.alone
    ] or None


def restart_policy(text: str) -> dict[str, Any] | None:
    """ "on-failure:3" in the API's words; None for none."""
    name, _, most = text.partition(":")
    return {"Name": name, "MaximumRetryCount": int(most or 0)} if name else None

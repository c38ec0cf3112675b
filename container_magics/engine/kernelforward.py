"""A kernel on an engine by ssh: its ports over there, and forwards where the front end looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from container_magics.core.spec import LOOPBACK, ContainerSpec
from container_magics.engine import run
from container_magics.engine.client import Engine
from container_magics.engine.kernelplace import PORTS
from container_magics.engine.reach import is_by_ssh


def ports_there(
    engine: Engine, spec: ContainerSpec, connection: Mapping[str, Any]
) -> ContainerSpec:
    """The spec; by ssh the engine chooses the host's ports of the kernel itself, for those that
    are free here may be taken there."""
    if not is_by_ssh(engine):
        return spec
    own = {int(connection[name]) for name in PORTS}
    ports = tuple(
        replace(port, host_port=None) if port.host_port in own else port for port in spec.ports
    )
    return replace(spec, ports=ports)


def forward(
    engine: Engine, container_id: str, spec: ContainerSpec, connection: Mapping[str, Any]
) -> None:
    """Let the ports of the connection file lead to the kernel that has just started; nothing to do
    where they do so already. NoEngine when ssh refuses, or another has the port here."""
    tunnel = engine.endpoint.tunnel
    if tunnel is None or connection["transport"] == "ipc":
        return
    published = run.inspect(engine, container_id)["NetworkSettings"]["Ports"] or {}
    for name in PORTS:
        here = there = int(connection[name])
        if spec.network != "host":
            there = int(published[f"{here}/tcp"][0]["HostPort"])
        tunnel.lead(here, LOOPBACK, there)

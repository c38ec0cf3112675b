"""Who holds a published port: our own earlier container, a stranger's, or another program."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from container_magics.core.spec import Port
from container_magics.engine.client import Engine
from container_magics.engine.ownership import Owner, may_replace
from container_magics.engine.run import containers
from container_magics.errors import PortTaken

CHOSEN_BY_ENGINE = (
    "The engine was to choose a free port: if its words say that none is left, end a container "
    "that publishes one (`%containers` shows them)."
)
"""The hint for an engine that failed at a start. What it could not do, its words alone say."""


def holders(engine: Engine, ports: Sequence[Port]) -> Iterator[tuple[Port, dict[str, Any]]]:
    """(port, container summary) for each wanted host port that a running container publishes."""
    wanted = {(port.host_port, port.protocol): port for port in ports if port.host_port}
    if not wanted:
        return
    for summary in containers(engine, everything=False):
        for published in summary["Ports"]:
            port = wanted.get((published.get("PublicPort"), published["Type"]))
            if port:
                yield port, summary


def ours(engine: Engine, ports: Sequence[Port], owner: Owner) -> list[str]:
    """IDs of the containers of this notebook that hold one of the wanted ports, each once."""
    held = {summary["Id"]: summary for _, summary in holders(engine, ports)}
    return [
        container_id
        for container_id, summary in held.items()
        if may_replace(engine, owner, summary["Labels"], summary["ImageID"])
    ]


def explain(engine: Engine, ports: Sequence[Port]) -> None:
    """PortTaken, naming the holder, when a wanted port is held; else nothing."""
    for port, summary in holders(engine, ports):
        raise PortTaken(
            f"Port {port.host_port} is published by the container {summary['Names'][0][1:]!r}, "
            "which this notebook did not make.",
            hint=f"Choose another port, or none: -p {port.container_port} lets the engine choose.",
        )
    for port in ports:
        if port.host_port and is_held(port):
            raise PortTaken(
                f"Port {port.host_port} is in use by another program on this machine.",
                hint=f"Choose another, or none: -p {port.container_port} lets the engine choose.",
            )


def is_held(port: Port) -> bool:
    """Whether this machine refuses the port; right only where the engine is on this machine."""
    family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
    kind = socket.SOCK_DGRAM if port.protocol == "udp" else socket.SOCK_STREAM
    with closing(socket.socket(family, kind)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((port.address, port.host_port))
        except OSError:
            return True
    return False

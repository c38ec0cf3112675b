"""A Compose file as Compose has read it, made ours: labelled, and published on loopback alone.

``docker compose config`` gives the file with every default and path written out; what it gives,
as a dict, comes in, and what ``up`` is to be given goes out. JSON is YAML, so nothing has to be
written as YAML. The names are those of the Compose Specification (05-services, 06-networks,
07-volumes).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from container_magics.core.spec import Port

# What both versions write on containers, and the first on networks and volumes, too
# (docker/compose, pkg/api/labels.go; 1.29: compose/const.py).
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"  # "True" for those of `docker compose run`

LOOPBACK = "127.0.0.1"
# [ADDRESS:][PUBLISHED]:TARGET[/PROTOCOL], or TARGET alone
SHORT = re.compile(
    r"(?:(?:(?P<address>\[[^\]]*\]|[^:]*):)?(?P<published>[\d-]*):)?(?P<target>[\d-]+)"
    r"(?:/(?P<protocol>\w+))?\Z"
)
Labels = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One container of a project, as the engine has it.

    ``number`` counts a service's containers from 1. ``state`` is the engine's word ("created",
    "running", "exited", ...); ``health`` "" where there is no health check, else "starting",
    "healthy" or "unhealthy". ``exit_status`` is None until it has ended. ``ports`` are (container
    port "80/tcp", "address:port") pairs.
    """

    service: str
    number: int
    name: str
    container_id: str
    state: str
    health: str = ""
    exit_status: int | None = None
    restarts: int = 0
    ports: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """A project on the engine: how many of its containers run, and of how many."""

    project: str
    running: int
    containers: int
    mine: bool


def ours(config: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    """``config`` with ``labels(kind and name)`` on every service, network and volume of its own,
    and every published port on 127.0.0.1 unless it has an address.

    External networks and volumes are another's and stay as they are.
    """
    services = {
        name: owned_service(service or {}, labels(f"service {name}"))
        for name, service in dict(config.get("services") or {}).items()
    }
    made: dict[str, Any] = {**config, "services": services}
    networks = dict(config.get("networks") or {})
    if any("networks" not in one and "network_mode" not in one for one in services.values()):
        networks.setdefault("default", None)  # version 1 does not write it out
    volumes = dict(config.get("volumes") or {})
    if networks:
        made["networks"] = {
            name: labelled(one or {}, labels(f"network {name}")) for name, one in networks.items()
        }
    if volumes:
        made["volumes"] = {
            name: labelled(one or {}, labels(f"volume {name}")) for name, one in volumes.items()
        }
    return made


def owned_service(service: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """One service, labelled, its ports in the short syntax, which every version reads."""
    made = labelled(service, labels)
    if service.get("ports"):
        made["ports"] = [short(published(port)) for port in service["ports"]]
    return made


def labelled(thing: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """The same with more labels; an external one as it is."""
    if thing.get("external"):
        return dict(thing)
    return {**thing, "labels": {**label_dict(thing.get("labels")), **escaped(labels)}}


def label_dict(labels: Any) -> dict[str, Any]:
    """Labels in either of their two forms: a mapping, or a list of NAME=VALUE."""
    if isinstance(labels, list):
        return {name: value for name, _, value in (str(one).partition("=") for one in labels)}
    return dict(labels or {})


def escaped(labels: Mapping[str, str]) -> dict[str, str]:
    """A dollar sign doubled: Compose replaces variables in what it is given."""
    return {name: value.replace("$", "$$") for name, value in labels.items()}


@dataclass(frozen=True, slots=True)
class Published:
    """A port of a service. ``published`` is "" where the engine is to choose, or "8000-8010"."""

    target: str
    published: str = ""
    protocol: str = "tcp"
    address: str = LOOPBACK


def published(port: Any) -> Published:
    """One entry of ``ports``, in the short or the long syntax."""
    if isinstance(port, Mapping):
        return Published(
            str(port.get("target", "")),
            str(port.get("published") or ""),
            str(port.get("protocol") or "tcp"),
            str(port.get("host_ip") or LOOPBACK),
        )
    match = SHORT.match(str(port))
    if match is None:  # Compose has read it, so it is no mistake: leave it to Compose
        return Published(str(port), address="")
    return Published(
        match["target"],
        match["published"] or "",
        match["protocol"] or "tcp",
        (match["address"] or LOOPBACK).strip("[]"),
    )


def short(port: Published) -> str:
    """The short syntax."""
    if not port.address:
        return port.target
    address = f"[{port.address}]" if ":" in port.address else port.address
    return f"{address}:{port.published}:{port.target}/{port.protocol}"


def wanted_ports(config: Mapping[str, Any]) -> tuple[Port, ...]:
    """The ports of this machine that the services name, in the file's order; ranges left out."""
    found = [
        published(port)
        for service in dict(config.get("services") or {}).values()
        for port in (service or {}).get("ports") or ()
    ]
    return tuple(
        Port(int(one.target), one.protocol, int(one.published), one.address)
        for one in found
        if one.published.isdecimal() and one.target.isdecimal()
    )


def service_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The services in the file's order (Compose 2 sorts them by name)."""
    return tuple(dict(config.get("services") or {}))

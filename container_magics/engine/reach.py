"""Where a port of a container can be reached from here, and whether anybody answers."""

from __future__ import annotations

import http.client
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from container_magics.core.terminal import plain
from container_magics.engine.client import Engine

LOOK_S = 2.0
"""How long one question to a program in a container may take."""
PROXY_S = 1.0
"""How soon Docker's proxy closes a connection behind which nobody listens."""
ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - what the engine writes; nothing is bound
LOOPBACK = "127.0.0.1"
LONGEST_WORDS = 200
"""How much is told of an answer that is none."""
GOOD = range(200, 400)
"""HTTP statuses that say: here it is, or there."""

Address = tuple[str, int]


def engine_host(engine: Engine) -> str:
    """The name of the engine's machine as seen from here; loopback for this machine."""
    url = urlsplit(engine.endpoint.url)
    if url.scheme in ("tcp", "http", "https", "ssh"):
        return url.hostname or LOOPBACK
    return LOOPBACK


def is_by_ssh(engine: Engine) -> bool:
    """Whether ports of the engine's machine are reached by forwards."""
    return engine.endpoint.tunnel is not None


def address_here(engine: Engine, host: str, port: int) -> Address:
    """Where this machine reaches a port of the engine's machine. By ssh:// it is a forward on
    127.0.0.1, made at the first call and there for as long as the engine is used. NoEngine when ssh
    refuses it."""
    tunnel = engine.endpoint.tunnel
    if tunnel is None:
        return (engine_host(engine) if host in ANYWHERE else host), port
    return LOOPBACK, tunnel.port(LOOPBACK if host in ANYWHERE else host, port)


def shown_address(engine: Engine, port: str, host: str, host_port: int) -> str:
    """ "address:port" of a container's port ("80/tcp") that is published at ``host:host_port``: as
    the engine has it, or where this machine reaches it by ssh."""
    if is_by_ssh(engine) and port.endswith("/tcp"):  # ssh carries no UDP
        host, host_port = address_here(engine, host, host_port)
    return f"{host}:{host_port}"


def is_here(engine: Engine) -> bool:
    """Whether the engine's loopback addresses are this machine's."""
    return not is_by_ssh(engine) and engine_host(engine) in (LOOPBACK, "localhost", "::1")


def has_loopback(engine: Engine) -> bool:
    """Whether the loopback ports of the engine's machine are reached from here."""
    return is_here(engine) or is_by_ssh(engine)


def published_addresses(engine: Engine, facts: Mapping[str, Any], port: int) -> Iterator[Address]:
    """Where a TCP port of an inspected container is published, as far as that is reached from
    here: another machine's loopback is not."""
    places = (facts["NetworkSettings"].get("Ports") or {}).get(f"{port}/tcp") or ()
    for place in places:
        host = place.get("HostIp") or ""
        if host in ANYWHERE or has_loopback(engine) or not host.startswith("127."):
            yield address_here(engine, host, int(place["HostPort"]))


def own_addresses(engine: Engine, facts: Mapping[str, Any], port: int) -> Iterator[Address]:
    """A port at the container's own addresses, which only the engine's own machine reaches, and
    only where that is Linux."""
    if not is_here(engine) or sys.platform != "linux":
        return
    networks = facts["NetworkSettings"].get("Networks") or {}
    for name, network in networks.items():
        if name == "host":
            yield LOOPBACK, port
        elif network.get("IPAddress"):
            yield network["IPAddress"], port


def takes_visitors(address: Address) -> bool | None:
    """Whether a connection is taken, and is not closed at once; None where the address is not
    reached at all, so that nobody can tell."""
    try:
        visitor = socket.create_connection(address, timeout=LOOK_S)
    except ConnectionRefusedError:
        return False
    except OSError:
        return None
    with visitor:
        visitor.settimeout(PROXY_S)
        try:
            return bool(visitor.recv(1))
        except TimeoutError:
            return True  # it waits for the visitor to speak first
        except OSError:
            return False


def http_ports(facts: Mapping[str, Any]) -> list[int]:
    """The TCP ports that a container publishes, else those that its image exposes; sorted."""
    published = facts["NetworkSettings"].get("Ports") or {}
    exposed = facts["Config"].get("ExposedPorts") or {}
    for ports in ([port for port, places in published.items() if places], list(exposed)):
        numbers = sorted(int(port.partition("/")[0]) for port in ports if port.endswith("/tcp"))
        if numbers:
            return numbers
    return []


def http_answer(address: Address, path: str) -> tuple[bool, str]:
    """(whether a page answers with a status of 200 to 399, what was seen). No redirection is
    followed, and no proxy of the environment is asked."""
    with closing(http.client.HTTPConnection(*address, timeout=LOOK_S)) as connection:
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError) as error:
            return False, plain(str(error))[:LONGEST_WORDS] or type(error).__name__
    return status in GOOD, f"HTTP status {status}"

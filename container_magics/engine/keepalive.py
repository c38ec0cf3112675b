"""Connections to an engine elsewhere: asked now and then whether the other side is still there.

A log, an attached program or the events may be silent for hours, and have no time limit. Without
these questions a firewall on the way forgets the connection, and the end of a machine that lost
its power is never heard of.
"""

from __future__ import annotations

import socket
from typing import Any

import docker
import requests
from urllib3.connection import HTTPConnection

IDLE_S = 30
"""After so long a silence, and then as often, the other side is asked; as by the docker command."""
# macOS has another name for the first, and Windows may have none
OPTIONS = tuple(
    (socket.IPPROTO_TCP, number, IDLE_S)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL")
    if (number := getattr(socket, name, None)) is not None
)


class KeepingAlive(requests.adapters.HTTPAdapter):
    """Gives each of its sockets the options; a proxy's, too."""

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        """As it is, with the options."""
        super().init_poolmanager(*sizes, **options, socket_options=socket_options())

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """As it is, with the options."""
        return super().proxy_manager_for(proxy, **options, socket_options=socket_options())


def socket_options() -> list[tuple[int, int, int]]:
    """urllib3's own, and ours."""
    keep = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return [*HTTPConnection.default_socket_options, keep, *OPTIONS]


def keep_alive(api: docker.APIClient) -> None:
    """Let the client's connections over TCP ask; those of other kinds have no need of it."""
    if api.base_url.startswith(("http://", "https://")):
        for scheme in ("http://", "https://"):
            api.mount(scheme, KeepingAlive())

"""The tunnels of this process: one for each address, shared by every engine that is found there."""

from __future__ import annotations

import threading
from dataclasses import replace

from container_magics.engine.endpoint import Endpoint
from container_magics.engine.tunnel import Tunnel, open_tunnel

_lock = threading.Lock()
_open: dict[str, tuple[Tunnel, int]] = {}
"""Address -> the tunnel, and how many use it."""


def dialled(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with a tunnel where its address is ssh://; ``hang_up`` in the end. Raises what
    ``open_tunnel`` raises. One whose ssh has ended is made anew."""
    if not endpoint.url.startswith("ssh://"):
        return endpoint
    with _lock:
        tunnel, users = _open.get(endpoint.url, (None, 0))
        if tunnel is None or not tunnel.lives:
            if tunnel is not None:
                tunnel.close()
            tunnel, users = open_tunnel(endpoint.url), 0
        _open[endpoint.url] = (tunnel, users + 1)
    return replace(endpoint, tunnel=tunnel)


def hang_up(endpoint: Endpoint) -> None:
    """Nothing is asked of this endpoint any more; the last one to say so ends the tunnel."""
    mine = endpoint.tunnel
    if mine is None:
        return
    with _lock:
        tunnel, users = _open.get(endpoint.url, (None, 0))
        if tunnel is not mine:  # it broke, and there may be another
            mine.close()
        elif users > 1:
            _open[endpoint.url] = (mine, users - 1)
        else:
            del _open[endpoint.url]
            mine.close()

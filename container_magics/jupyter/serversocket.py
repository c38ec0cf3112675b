"""What our websockets share: the door, and a page that only listens."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.websocket import WebSocketHandler

RESOURCE = "containers"
"""What a server's authorizer is asked about."""


class TellingSocket(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """A page's websocket that tells; what a page sends on it is ignored."""

    auth_resource = RESOURCE

    @ws_authenticated
    @authorized
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Upgrade the connection, once it is known whose it is."""
        await super().get(*args, **kwargs)

    def on_message(self, message: str | bytes) -> None:
        """Nothing is asked here."""

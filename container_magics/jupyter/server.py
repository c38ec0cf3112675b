"""The server extension: what the sidebar asks of the engine, behind Jupyter Server's own doors.

Every handler is authenticated and authorized by Jupyter Server, which checks XSRF tokens and
origins as for its own. A page names containers and images, and nothing else: no path and no
command.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tornado.web
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join

from container_magics.errors import ContainerMagicsError, UsageError
from container_magics.jupyter import serverengine
from container_magics.jupyter.serverengine import HeldEngine, checked, status_of, told
from container_magics.jupyter.serverfeed import Feed, FeedSocket
from container_magics.jupyter.serverlayers import checked_id, layers
from container_magics.jupyter.serverlog import LogSocket
from container_magics.jupyter.serversocket import RESOURCE
from container_magics.jupyter.serverterminal import Shells, TerminalSocket, running

if TYPE_CHECKING:
    from container_magics.engine.client import Engine

PLACE = "container-magics"
LISTS: dict[str, Callable[[Engine], Any]] = {
    "containers": serverengine.containers,
    "images": serverengine.images,
    "networks": serverengine.networks,
    "volumes": serverengine.volumes,
    "disk": serverengine.disk,
}


class EngineHandler(APIHandler):
    """What our handlers share: the engine, asked in a thread, and its errors as JSON."""

    auth_resource = RESOURCE

    def initialize(self, held: HeldEngine) -> None:
        """Take the engine that all handlers share."""
        self.held = held

    async def answer(self, question: Callable[[Engine], Any]) -> None:
        """Ask the engine, and send what it says; nothing (204) for None."""
        try:
            result = await asyncio.to_thread(self.held.ask, question)
        except ContainerMagicsError as error:
            await self.refuse(error)
            return
        if result is None:
            self.set_status(204)
            await self.finish()
            return
        await self.finish(json.dumps(result))

    async def refuse(self, error: ContainerMagicsError) -> None:
        """Send an error of ours."""
        self.set_status(status_of(error))
        await self.finish(json.dumps(told(error)))


class StateHandler(EngineHandler):
    """GET: which engine answers, or why none does."""

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Send it; the status is 200 in both cases."""
        await self.finish(json.dumps(await asyncio.to_thread(self.held.state)))


class ListHandler(EngineHandler):
    """GET: what the engine holds of one kind."""

    @tornado.web.authenticated
    @authorized
    async def get(self, kind: str) -> None:
        """Send the list."""
        await self.answer(LISTS[kind])


class VerbHandler(EngineHandler):
    """POST: start, stop or remove one container."""

    @tornado.web.authenticated
    @authorized
    async def post(self, name: str, verb: str) -> None:
        """Do it. A body {"force": true} removes one that no notebook of this user made."""
        try:
            checked(name)
            force = forced(self.request.body)
        except UsageError as error:
            await self.refuse(error)
            return
        await self.answer(lambda engine: serverengine.act(engine, name, verb, force=force))


class LayersHandler(EngineHandler):
    """GET: the layers of one image, as a view for the extension's renderer."""

    @tornado.web.authenticated
    @authorized
    async def get(self, image_id: str) -> None:
        """Send the view; a large image that was never read takes seconds."""
        try:
            checked_id(image_id)
        except UsageError as error:
            await self.refuse(error)
            return
        await self.answer(lambda engine: layers(engine, image_id))


class TerminalsHandler(EngineHandler):
    """GET: where a terminal may be opened, in the words of JupyterLab's terminal manager."""

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Send the list."""
        await self.answer(running)


def forced(body: bytes) -> bool:
    """Whether a request's JSON says so; UsageError where it is not ours."""
    if not body.strip():
        return False
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or not isinstance(asked.get("force", False), bool):
        raise UsageError('The body is to be {"force": true}, or nothing.')
    return bool(asked.get("force", False))


def handlers(base_url: str, root: str = "") -> list[Any]:
    """All of them, under the server's own base URL; ``root`` is the folder that it serves."""
    held, name = HeldEngine(root), "([^/]+)"
    engine = {"held": held}
    found: list[tuple[str, Any, dict[str, Any]]] = [
        ("state", StateHandler, engine),
        (f"({'|'.join(LISTS)})", ListHandler, engine),
        (f"containers/{name}/(start|stop|remove)", VerbHandler, engine),
        (f"images/{name}/layers", LayersHandler, engine),
        ("events", FeedSocket, {"feed": Feed(held)}),
        (f"logs/websocket/{name}", LogSocket, engine),
        ("api/terminals", TerminalsHandler, engine),
        (f"terminals/websocket/{name}", TerminalSocket, {"held": held, "shells": Shells()}),
    ]
    return [(url_path_join(base_url, PLACE, path), kind, given) for path, kind, given in found]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Add our handlers; what Jupyter Server calls when it starts."""
    app: Any = server.web_app  # tornado's method is untyped
    app.add_handlers(".*$", handlers(app.settings["base_url"], server.root_dir))

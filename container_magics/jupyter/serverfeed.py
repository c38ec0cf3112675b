"""The live feed of the sidebar: the engine's events to every open page, by one thread.

A message is a JSON object with a ``type``: "state" (which engine, or why none; the page then
reads its lists), "container" with ``id`` and the container as it is now (null where it is gone),
or "images", "networks", "volumes" for a list that is to be read again.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tornado.websocket import WebSocketClosedError
from traitlets.log import get_logger

from container_magics.errors import ContainerMagicsError
from container_magics.jupyter import serverengine
from container_magics.jupyter.serverengine import Entry, HeldEngine
from container_magics.jupyter.serversocket import TellingSocket

if TYPE_CHECKING:
    from container_magics.engine.client import Engine
    from container_magics.engine.events import HoldingEvent, Holdings

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 8.0
Listener = Callable[[str], None]


class Feed:
    """Tells its listeners what changes; its thread lives only while there are any.

    ``join`` and ``leave`` belong to the event loop's thread, and so do the listeners.
    """

    def __init__(self, held: HeldEngine) -> None:
        """Nothing is asked yet."""
        self._held = held
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._events: Holdings | None = None
        self._state = ""
        self._wake = threading.Event()

    def join(self, listener: Listener) -> None:
        """Tell it from now on, first the engine's state."""
        self._loop = asyncio.get_running_loop()
        with self._lock:
            self._listeners.add(listener)
            state = self._state
            if self._thread is None:
                self._wake.clear()
                self._thread = threading.Thread(
                    target=self._run, daemon=True, name="container-magics feed"
                )
                self._thread.start()
        if state:
            listener(state)

    def leave(self, listener: Listener) -> None:
        """Tell it no more."""
        with self._lock:
            self._listeners.discard(listener)
            events = None if self._listeners else self._events
            if not self._listeners:
                self._wake.set()
        if events is not None:
            events.close()

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._is_over():
            engine: Engine | None = None
            try:
                engine = self._held.engine()
                self._listen(engine)
                retry_s = FIRST_RETRY_S
            except Exception as error:  # noqa: BLE001 - without this thread all pages grow old
                self._say_lost(error)
                self._held.forget(engine)
                self._wake.wait(retry_s)
                retry_s = min(LAST_RETRY_S, 2 * retry_s)

    def _listen(self, engine: Engine) -> None:
        """Until the stream ends: that of an engine that is stopped, or ours when all have left."""
        from container_magics.engine.events import Holdings

        events = Holdings(engine)
        with self._lock:
            self._events = events
        try:
            self._say_state(self._held.state())
            if not self._listeners:
                return
            for event in events.events():
                self._say(self._message(engine, event))
        finally:
            with self._lock:
                self._events = None
            events.close()

    @staticmethod
    def _message(engine: Engine, event: HoldingEvent) -> Entry:
        if event.kind != "container":
            return {"type": event.kind + "s"}
        gone = event.action in ("destroy", "remove")
        now = None if gone else serverengine.container(engine, event.subject)
        return {"type": "container", "id": event.subject, "container": now}

    def _say_state(self, state: Entry) -> None:
        said = json.dumps({"type": "state", "state": state})
        with self._lock:
            self._state = said
        self._say_text(said)

    def _say_lost(self, error: Exception) -> None:
        if not isinstance(error, ContainerMagicsError):
            get_logger().error("container-magics: the feed begins anew", exc_info=error)
        self._say_state(self._held.none(error))

    def _say(self, message: Entry) -> None:
        self._say_text(json.dumps(message))

    def _say_text(self, text: str) -> None:
        def tell() -> None:
            for listener in tuple(self._listeners):
                listener(text)

        with suppress(RuntimeError):  # the loop is closed: the server ends
            if self._loop is not None:
                self._loop.call_soon_threadsafe(tell)

    def _is_over(self) -> bool:
        """Whether the thread may end; the next to join then starts another."""
        with self._lock:
            over = not self._listeners
            if over:
                self._thread = None
                self._state = ""
            return over


class FeedSocket(TellingSocket):
    """One page's websocket."""

    def initialize(self, feed: Feed) -> None:
        """Take the feed that all pages share."""
        self._feed = feed

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Begin to tell."""
        super().open(*args, **kwargs)
        self._feed.join(self._tell)

    def on_close(self) -> None:
        """The page is gone."""
        self._feed.leave(self._tell)
        super().on_close()

    def _tell(self, text: str) -> None:
        with suppress(WebSocketClosedError):
            self.write_message(text)

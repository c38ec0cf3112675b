"""How a container ends, from the engine's events: sooner than by ``wait``, and as surely."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from container_magics.core.events import Exited
from container_magics.engine.client import Answer, Engine
from container_magics.engine.jsonlines import Lines, Message, ask
from container_magics.errors import EngineError, EngineLost, NotFound

ENDS = ("die", "oom", "destroy")
"""The events by which a container's end is told."""
PODMANS = ("died", "remove")
"""Podman 4.3's own names, by which alone it filters. It tells the first as "die" all the same."""
REMOVAL_S = 10.0
"""How long a removal may take."""
LOOK_S = 0.02
"""How long the "die" event may take once the output has ended, before we look why."""
STILL_S = 3.0
"""The same for an engine that may end the output before it knows that the program has ended."""
TRIES = 3
"""How often in a row a stream of events is opened again that ends within a second."""
LONG_S = 1.0


class ExitWatch:
    """The engine's events of one container, listened to from before its start.

    The "die" event carries the exit status some 50 ms before the API's ``wait`` answers, for
    that one waits until the network is torn down too. A stream that ends too early is opened
    again, from the container's beginning: the engine keeps its last 256 events.
    """

    def __init__(self, engine: Engine, container_id: str, actions: Sequence[str] = ENDS) -> None:
        self._engine = engine
        self._id = container_id
        self._actions = list(actions)
        self._abandoned = False
        self._cut = False
        self._out_of_memory = False
        self._opened_s = time.monotonic()
        self._lines = self._open()

    def _open(self, **params: str) -> Lines:
        filters = json.dumps({"container": [self._id], "event": [*self._actions, *PODMANS]})
        params["filters"] = filters
        # the engine begins to answer at once, so its usual limit holds
        limit_s = self._engine.api.timeout
        return ask(self._engine, "GET", "/events", params=params, timeout_s=limit_s)

    def fileno(self) -> int:
        """The number of the connection, for ``select``."""
        return self._lines.fileno()

    def exited(self) -> Exited:
        """Wait for the end of the first process; to be called when its output has ended.

        EngineLost when the engine is gone, and when the program still ran after the end of the
        output: an engine ends the output only with the program, so it was cut.
        """
        over = threading.Event()
        look = threading.Timer(LOOK_S, self._look, (over,))
        look.daemon = True
        look.start()
        try:
            for event in self._seen():
                if event["Action"] == "oom":
                    self._out_of_memory = True
                elif event["Action"] == "die" and not self._cut:
                    status = int(event["Actor"]["Attributes"]["exitCode"])
                    return Exited(status, self._out_of_memory)
        finally:
            over.set()
            look.cancel()
        raise output_cut() if self._cut else went_away()

    def _look(self, over: threading.Event) -> None:
        try:
            running, in_order = self._running()
            if running and not in_order and not over.wait(STILL_S):
                running, in_order = self._running()[0], True
        except EngineError:
            return  # the events say it, or the stop button does
        if running and in_order:
            self._cut = True
            self.abandon()

    def _running(self) -> tuple[bool, bool]:
        """Whether the program runs; whether that proves that its output has not ended."""
        response = self._engine.request("GET", f"/containers/{self._id}/json")
        return bool(response.json()["State"]["Running"]), ends_in_order(response)

    def removed(self) -> None:
        """Wait until the engine has removed the container, its name and its ports; not for ever."""
        limit = threading.Timer(REMOVAL_S, self.abandon)
        limit.start()
        try:
            for event in self._seen():
                if event["Action"] in ("destroy", "remove"):
                    return
        finally:
            limit.cancel()

    def abandon(self) -> None:
        """Listen no longer; whoever waits comes to the end. May be called from any thread."""
        self._abandoned = True
        self._lines.abandon()

    def close(self) -> None:
        """Abandon it, and close the connection; for the one who waits."""
        self.abandon()
        self._lines.close()

    def _seen(self) -> Iterator[Message]:
        tries = 0
        while not self._abandoned:
            try:
                # "yield from" would close the stream with this generator, and more is read later
                for event in self._lines:  # noqa: UP028
                    yield event
            except EngineLost:
                pass  # the same as an end that nobody has asked for
            if self._abandoned:
                return
            tries = 0 if time.monotonic() - self._opened_s > LONG_S else tries + 1
            if tries > TRIES:
                raise went_away()
            yield from self._again()

    def _again(self) -> Iterator[Message]:
        """Open the stream once more; yields the end, when the engine still knows it by itself."""
        self._lines.close()
        self._opened_s = time.monotonic()
        try:
            self._lines = self._open(since="1")
            state = self._inspect()["State"]
        except NotFound:
            self._soon_over()
        except EngineLost as error:
            raise went_away() from error
        else:
            if state["Status"] in ("exited", "dead"):
                self._out_of_memory = self._out_of_memory or state["OOMKilled"]
                yield {
                    "Action": "die",
                    "Actor": {"Attributes": {"exitCode": state["ExitCode"]}},
                }

    def _soon_over(self) -> None:
        """It is removed: its end is among what comes at once, or nobody knows it any more."""
        limit = threading.Timer(STILL_S, self.abandon)
        limit.daemon = True
        limit.start()

    def _inspect(self) -> dict[str, Any]:
        path = f"/containers/{self._id}/json"
        facts: dict[str, Any] = self._engine.request("GET", path).json()
        return facts


@contextmanager
def exit_watch(
    engine: Engine, container_id: str, *, actions: Sequence[str] = ENDS
) -> Iterator[ExitWatch]:
    """Listen to a container's events while the block runs; ``actions`` are ENDS and more."""
    with closing(ExitWatch(engine, container_id, actions)) as watch:
        yield watch


def ends_in_order(answer: Answer) -> bool:
    """Whether the engine that gave this answer ends an output only when it has noted the end of
    its program. Docker does, and keeps an answer about it back until then (seen on 20.10);
    nothing is known of others.
    """
    return answer.headers.get("Server", "").startswith("Docker/")


def went_away() -> EngineLost:
    """The error of an engine that no longer tells how a container ends."""
    return EngineLost(
        "The engine went away while the container ran.",
        hint="See whether it runs again: `%engine`. Then `%container sweep` removes what is "
        "left of this cell.",
    )


def output_cut() -> EngineLost:
    """The error of a program whose output has ended before the program."""
    return EngineLost(
        "The connection to the engine broke: the output ended before the program.",
        hint="What came before is above. Run the cell again.",
    )

"""A fault that is not ours, as in an engine's odd answer, is said in the page and ends nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tornado.log import app_log

from container_magics.engine.client import Engine
from container_magics.errors import EngineLost
from container_magics.jupyter import serverfeed
from container_magics.jupyter.serverengine import HeldEngine
from container_magics.jupyter.serverfeed import Feed
from container_magics.jupyter.serverlog import Held, LogSocket, reader

PATIENCE_S = 10.0


class Odd(HeldEngine):
    """Its engine's answers cannot be read, but for the second time, when there is none."""

    asked = 0

    def engine(self) -> Engine:
        self.asked += 1
        if self.asked == 2:
            raise EngineLost("The engine went away.", hint="Start it.")
        raise KeyError("State")


def test_the_feed_says_a_fault_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serverfeed, "FIRST_RETRY_S", 0.01)

    async def heard() -> list[dict[str, Any]]:
        feed, said = Feed(Odd()), asyncio.Queue[str]()
        feed.join(said.put_nowait)
        try:
            texts = [await asyncio.wait_for(said.get(), PATIENCE_S) for _ in range(3)]
        finally:
            feed.leave(said.put_nowait)
        return [json.loads(text)["state"] for text in texts]

    states = asyncio.run(heard())
    assert [state["ok"] for state in states] == [False, False, False]
    assert [state["message"] for state in states] == [
        "The Jupyter server failed at what the engine said (KeyError).",
        "The engine went away.",
        "The Jupyter server failed at what the engine said (KeyError).",
    ]
    assert states[0]["hint"] == "Its log says where."


class Page(LogSocket):
    """What a page would be told; no connection."""

    log = app_log

    def __init__(self) -> None:
        self.initialize(Odd())
        self.said: list[Any] = []
        self.closed = False

    def get_query_argument(self, *_: Any, **__: Any) -> str:
        return "200"

    async def write_message(self, message: str) -> None:  # type: ignore[override]
        self.said.append(json.loads(message))

    def close(self, *_: Any) -> None:
        self.closed = True


def test_a_log_says_a_fault_and_ends() -> None:
    page = Page()
    asyncio.run(page._tell("box"))
    (said,) = page.said
    assert said == {
        "error": "The Jupyter server failed at what the engine said (KeyError).",
        "hint": "Its log says where.",
    }
    assert page.closed


class OddStream:
    """A log of an engine that answers oddly."""

    closed = False

    def output(self) -> Iterator[Any]:
        raise KeyError("stream")
        yield

    def close(self) -> None:
        self.closed = True


def test_a_log_that_cannot_be_read_comes_to_its_end() -> None:
    async def read(stream: Any) -> None:
        await asyncio.wait_for(reader(stream, Held()), PATIENCE_S)

    stream = OddStream()
    with pytest.raises(KeyError):
        asyncio.run(read(stream))
    assert stream.closed

"""A request whose body takes long: a thread sends it, so that how far it is can be told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue

import requests

from container_magics.core.events import ContextSent

TELL_S = 0.1
STOP_S = 2.0

Post = Callable[[Iterator[bytes]], requests.Response]


class Sending:
    """One request; ``post`` makes it with a body that it is given. Not to be used again."""

    def __init__(self, post: Post, body: Iterator[bytes]) -> None:
        """Nothing is sent yet."""
        self._post, self._body = post, body
        self._stopped = threading.Event()
        self._outcome: SimpleQueue[requests.Response | BaseException] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._work, daemon=True, name="container-magics build context"
        )

    def told(
        self, progress: Callable[[], ContextSent]
    ) -> Generator[ContextSent, None, requests.Response]:
        """Send, and say how far it is; returns the answer, of which only the head is there.

        Raises what went wrong in the sending. Closing the generator ends the connection before
        the next part of the body.
        """
        self._thread.start()
        try:
            while (outcome := self._next()) is None:
                yield progress()
        except BaseException:
            self._stop()
            raise
        self._thread.join()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _next(self) -> requests.Response | BaseException | None:
        with suppress(Empty):
            return self._outcome.get(timeout=TELL_S)
        return None

    def _work(self) -> None:
        try:
            self._outcome.put(self._post(self._parts()))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._outcome.put(error)
        if self._stopped.is_set():
            self._close()

    def _parts(self) -> Iterator[bytes]:
        for part in self._body:
            if self._stopped.is_set():
                raise ConnectionAbortedError  # which closes the connection
            yield part

    def _stop(self) -> None:
        """The thread ends by itself where the engine takes nothing more, and closes then."""
        self._stopped.set()
        self._thread.join(STOP_S)
        self._close()

    def _close(self) -> None:
        with suppress(Empty):
            outcome = self._outcome.get_nowait()
            if isinstance(outcome, requests.Response):
                outcome.close()

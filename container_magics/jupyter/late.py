"""What a container writes after its cell has ended, in that cell: batched, capped, made safe."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Protocol

from container_magics.core.events import Output, Stream
from container_magics.errors import ContainerMagicsError
from container_magics.jupyter.outlet import Outlet
from container_magics.jupyter.publish import StreamText

BATCH_S = 0.1
"""What comes within this time goes out in one message."""


class Log(Protocol):
    """What a container has written from its beginning, and writes."""

    def output(self) -> Generator[Output, None, object]:
        """Each piece as it comes, until the container ends."""

    def close(self) -> None:
        """Whoever reads comes to the end; may be called from any thread, and twice."""


class Batch:
    """Output on its way to an outlet: a message each ``BATCH_S``, and not one for each line."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._lock = threading.Lock()  # the timer draws a line that is written over
        self._text: defaultdict[Stream, StreamText] = defaultdict(StreamText)
        self._waiting: list[tuple[Stream, str]] = []
        self._timer: threading.Timer | None = None

    def write(self, stream: Stream, data: bytes) -> int:
        """Send it soon, the order of all that is written kept; returns how many characters were
        written over since the last time."""
        with self._lock:
            text = self._text[stream]
            self._wait(stream, text.feed(data))
            if self._timer is None and (self._waiting or text.is_due):
                self._timer = threading.Timer(BATCH_S, self._send)
                self._timer.daemon = True
                self._timer.start()
            return text.spared()

    def _wait(self, stream: Stream, text: str) -> None:
        if self._waiting and self._waiting[-1][0] == stream:
            text = self._waiting.pop()[1] + text
        if text:
            self._waiting.append((stream, text))

    def _send(self, *, final: bool = False) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            for stream, text in self._text.items():
                self._wait(stream, text.rest() if final else text.line())
            waiting, self._waiting = self._waiting, []
            for stream, shown in waiting:
                self._outlet.write(stream, shown)

    def finish(self) -> None:
        """Send what waits, and what was held back for its end."""
        self._send(final=True)


class LateOutput:
    """Follows one container's log to its end, in a thread of its own.

    It ends with the container, with ``close()``, when the engine goes away, and past
    ``limit_bytes``: then ``flooded`` is called once. ``ended`` is called in any case, at last.
    """

    def __init__(
        self,
        log: Log,
        outlet: Outlet,
        *,
        limit_bytes: int,
        flooded: Callable[[], None],
        ended: Callable[[LateOutput], None],
    ) -> None:
        """Take an open log; nothing is read before ``start``."""
        self._log = log
        self._outlet = outlet
        self._left_bytes = limit_bytes
        self._cut = False
        self._flooded = flooded
        self._ended = ended
        self._batch = Batch(outlet)
        self._thread = threading.Thread(
            target=self._follow, daemon=True, name="container-magics late output"
        )

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Read no more, and send no more; returns when the thread is over."""
        self._outlet.close()
        self._log.close()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _follow(self) -> None:
        try:
            with closing(self._log.output()) as written:
                for event in written:
                    if not self._take(event):
                        break
        except ContainerMagicsError:
            pass  # the engine went away: the next cell says so, and better
        finally:
            self._log.close()
            self._finish()

    def _take(self, event: Output) -> bool:
        """Hand it on; whether there is room for more."""
        data = event.data
        while data and self._left_bytes > 0:  # what is written over gives its place back
            shown, data = data[: self._left_bytes], data[self._left_bytes :]
            self._left_bytes += self._batch.write(event.stream, shown) - len(shown)
        self._cut = bool(data)
        return not self._cut

    def _finish(self) -> None:
        self._batch.finish()
        if self._cut:
            self._flooded()
        self._ended(self)

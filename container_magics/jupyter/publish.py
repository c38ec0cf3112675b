"""From events to the cell: ``play`` tells the story, a Publisher says where it is heard."""

from __future__ import annotations

import contextlib
import contextvars
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, Protocol, TypeVar

from IPython.display import DisplayHandle, display

from container_magics.core.events import Output, Stream
from container_magics.core.rewriting import Rewriting
from container_magics.core.terminal import TerminalText
from container_magics.view.bundle import bundle
from container_magics.view.model import View

REDRAW_S = 0.05
"""A live view is drawn at most this often."""
DRAWING_SHARE = 4
"""And at least this many times as long lies between two drawings as one takes."""

SILENCE_S = 0.2
"""What is written after so long a silence is sent at once. Else Jupyter gathers for as long; in
stable mode always, for then the messages do not depend on the clock."""


class Publisher(Protocol):
    """Where a story is heard: a notebook's cell, a terminal, a kernel's own messages."""

    def write(self, stream: Stream, data: bytes) -> None:
        """Output of a program, as it comes."""

    def show(self, view: View) -> None:
        """The view as it is now, in place of the last one."""

    def settle(self, view: View) -> None:
        """The view as it stays."""

    def finish(self) -> None:
        """Nothing more comes."""


class State(Protocol):
    """What a story folds into."""

    def apply(self, event: Any) -> Any:
        """The state after one more event."""


S = TypeVar("S", bound=State)


def play(
    events: Generator[Any, None, None],
    state: S,
    present: Callable[[S], View | None],
    publisher: Publisher,
) -> S:
    """Tell the whole story; returns the last state.

    ``events`` is closed in any case, so that an interrupt cleans up at once and not when the
    traceback is dropped. The last view is settled even when the story ends in an error.
    """
    drawing = Drawing(present, publisher)
    try:
        with closing(events) as story:
            for event in story:
                state = state.apply(event)
                if isinstance(event, Output):
                    publisher.write(event.stream, event.data)
                else:
                    drawing.draw(state)
    finally:
        drawing.end()
        if view := present(state):
            publisher.settle(view)
        publisher.finish()
    return state


class Drawing:
    """Shows the newest state of a story: at once, or as soon as the last drawing is old enough,
    whether anything more happens by then or not."""

    def __init__(self, present: Callable[[Any], View | None], publisher: Publisher) -> None:
        """Nothing is drawn yet."""
        self._present, self._publisher = present, publisher
        self._next_s = 0.0
        self._state: Any = None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def draw(self, state: Any) -> None:
        """Show this state, now or soon."""
        with self._lock:
            self._state, wait_s = state, self._next_s - time.monotonic()
            if wait_s <= 0:
                self._show()
            elif self._timer is None:
                # in this cell's context, by which Jupyter knows where a thread's view belongs
                context = contextvars.copy_context()
                self._timer = threading.Timer(wait_s, context.run, (self._late,))
                self._timer.daemon = True
                self._timer.start()

    def end(self) -> None:
        """Nothing is drawn from now on."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._state = None

    def _late(self) -> None:
        with self._lock:
            self._timer = None
            if self._state is not None:
                self._show()

    def _show(self) -> None:
        start_s = time.monotonic()
        if view := self._present(self._state):
            self._publisher.show(view)
            now_s = time.monotonic()
            self._next_s = now_s + max(REDRAW_S, DRAWING_SHARE * (now_s - start_s))


class CellPublisher:
    """Jupyter's own streams and displays. In stable mode only the settled view is displayed,
    for nbval understands no updates."""

    def __init__(
        self, *, stable: bool, limit_bytes: int = 0, hidden: frozenset[Stream] = frozenset()
    ) -> None:
        """Show at most ``limit_bytes`` of output; ``hidden`` streams are not shown at all."""
        self.hidden_bytes = 0
        self._stable = stable
        self._left_bytes = limit_bytes
        self._hidden = hidden
        self._sent_s = 0.0
        self._handle: DisplayHandle | None = None
        self._text: defaultdict[Stream, StreamText] = defaultdict(StreamText)
        self._lock = threading.Lock()  # a line that is written over is drawn by a timer too
        self._drawing: threading.Timer | None = None

    def write(self, stream: Stream, data: bytes) -> None:
        """Write to the cell's stream until the limit is reached; count the rest."""
        if stream in self._hidden:
            return
        with self._lock:
            while data and self._left_bytes > 0:  # what is written over gives its place back
                shown, data = data[: self._left_bytes], data[self._left_bytes :]
                self._left_bytes -= len(shown)
                self._give(stream, shown)
        self.hidden_bytes += len(data)

    def _give(self, stream: Stream, data: bytes) -> None:
        now, text = time.monotonic(), self._text[stream]
        out, written = self._out(stream), text.feed(data)
        self._left_bytes += text.spared()
        out.write(written)
        if self._stable:
            return
        if text.is_due and now - self._sent_s > SILENCE_S:
            out.write(text.line())
        elif text.is_due and self._drawing is None:
            # in this cell's context, by which Jupyter knows where to show what a thread writes
            context = contextvars.copy_context()
            self._drawing = threading.Timer(SILENCE_S, context.run, (self._draw,))
            self._drawing.daemon = True
            self._drawing.start()
        if now - self._sent_s > SILENCE_S:
            out.flush()
            self._sent_s = now

    def _draw(self) -> None:
        """Show the lines that are being written over as they look now."""
        with self._lock:
            self._drawing = None
            for stream, text in self._text.items():
                self._out(stream).write(text.line())

    def show(self, view: View) -> None:
        """Display, and then update in place."""
        if self._stable:
            return
        if self._handle is None:
            self._handle = display(bundle(view), raw=True, display_id=True)
        else:
            self._handle.update(bundle(view), raw=True)

    def settle(self, view: View) -> None:
        """Leave this view in the cell."""
        if self._handle is None:
            show(view)
        else:
            self._handle.update(bundle(view), raw=True)

    def clear(self) -> None:
        """Take the live view away: what comes next says more."""
        if self._handle is not None:
            self._handle.update({"text/plain": ""}, raw=True)

    def flush(self) -> None:
        """Send what was written so far: what comes next is to stand under it."""
        with self._lock:
            for stream in self._text:
                self._out(stream).flush()

    def finish(self) -> None:
        """Give out what was held back for its end."""
        with self._lock:
            if self._drawing:
                self._drawing.cancel()
            for stream, text in self._text.items():
                self._out(stream).write(text.rest())
                self._out(stream).flush()

    @property
    def lost_bytes(self) -> int:
        """How many bytes of what was shown were no text."""
        return sum(text.lost_bytes for text in self._text.values())

    @staticmethod
    def _out(stream: str) -> Any:
        return sys.stderr if stream == "stderr" else sys.stdout


@contextlib.contextmanager
def cleared(publisher: CellPublisher) -> Iterator[None]:
    """When the block fails, take its live view away: the error says more."""
    try:
        yield
    except BaseException:
        publisher.clear()
        raise


class StreamText:
    """What a program writes to one stream, as text for the cell."""

    def __init__(self) -> None:
        """Start empty."""
        self._safe = TerminalText(erasing=True)
        self._rewriting = Rewriting()
        self._spared = 0

    def feed(self, data: bytes) -> str:
        """What can be shown at once: all but a line that is written over."""
        return self._rewriting.feed(self._safe.feed(data))

    @property
    def is_due(self) -> bool:
        """Whether there is a line that is written over, and looks other than it was shown."""
        return self._rewriting.is_due

    def line(self) -> str:
        """That line as it looks now, in place of what was shown of it."""
        return self._rewriting.line() if self.is_due else ""

    def rest(self) -> str:
        """What was held back for its end."""
        return self._rewriting.feed(self._safe.feed(b"", final=True)) + self._rewriting.line()

    def spared(self) -> int:
        """How many characters more have been written over since this was last asked."""
        before, self._spared = self._spared, self._rewriting.spared
        return self._spared - before

    @property
    def lost_bytes(self) -> int:
        """How many bytes were no text."""
        return self._safe.lost_bytes


def show(view: View, also: dict[str, Any] | None = None) -> None:
    """Display a view once; ``also`` is in its bundle besides."""
    display({**bundle(view), **(also or {})}, raw=True)

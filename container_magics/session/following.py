"""The story of a log that is followed: over restarts, to a line, to the end, or for a time."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from container_magics.core.events import Output
from container_magics.core.loglines import Matcher, Seen
from container_magics.engine import run
from container_magics.engine.client import Engine
from container_magics.engine.logs import LogStream
from container_magics.engine.waiting import seconds, stopped_ago_s
from container_magics.errors import Conflict, EngineLost, NotFound
from container_magics.session.ending import ended_early, too_late

RESTART_S = 5.0
"""How long a container that was told to end may take to start again."""
POLL_S = 0.1
REST_LINES = 10_000
"""How many lines the engine may have written after it ended the stream: to look for them in the
whole of a long log would take as long as the log did."""
RUNNING = ("running", "paused")

Facts = dict[str, Any]
"""An inspected container (API, "Inspect a container")."""


def follow(
    engine: Engine,
    name: str,
    *,
    tail: int | None = None,
    since_ns: int = 0,
    until: re.Pattern[str] | None = None,
    timeout_s: float | None = None,
    deadline: Deadline | None = None,
) -> Generator[Output, None, str | None]:
    """What a container writes, line by line as it comes, until it ends for good; returns the
    line that matched ``until`` (which is the last one that is given), None without.

    Where it is started again, by its restart policy or by hand, its next run goes on with no
    line twice and none lost. A run that ended by itself, without such a policy, is the end at
    once; after one that somebody stopped, a restart is waited for, up to ``RESTART_S``.

    ``tail`` is how many of the lines that are there already come first, None for all.
    With ``until``: TimedOut when the time passes, ContainerFailed when the container ends
    without such a line. Without, both are just the end. To close the generator only detaches:
    the container runs on. A ``deadline`` of the caller's, in place of ``timeout_s``, lets another
    thread end it, by ``come``.
    """
    facts = run.inspect(engine, name)
    with deadline or Deadline(timeout_s) as deadline:
        log = Follower(engine, deadline, until, tail, since_ns)
        following: Facts | None = facts
        while following:
            line = yield from log.lines(following)
            if line is not None:
                return line
            facts, following = following, next_run(engine, following, deadline)
        if not deadline.passed:
            line = yield from log.rest(facts)
            if line is not None or until is None:
                return line
        if until is None:
            return None
        if deadline.passed:
            still = f"wrote no line that matches {until.pattern!r}"
            raise too_late(engine, name, still, timeout_s or 0.0)
        raise ended_early(engine, name, facts, f"it wrote a line that matches {until.pattern!r}")


class Deadline:
    """A moment at which the stream that is being read is ended; ``passed`` says whether it has
    come. With None it never comes."""

    def __init__(self, timeout_s: float | None) -> None:
        self.passed = False
        self._stream: LogStream | None = None
        self._lock = threading.Lock()
        self._timer = None if timeout_s is None else threading.Timer(timeout_s, self.come)

    def __enter__(self) -> Deadline:
        """The time begins."""
        if self._timer:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        """The time no longer matters."""
        if self._timer:
            self._timer.cancel()
            self._timer.join()

    def come(self) -> None:
        """It is now; may be called from any thread."""
        with self._lock:
            self.passed = True
            if self._stream:
                self._stream.abandon()  # its reader closes it

    @contextmanager
    def ends(self, stream: LogStream) -> Iterator[LogStream]:
        """While the block runs, the stream ends at the deadline, and then it is over, not lost.
        In the end it is closed in any case."""
        try:
            with self._lock:
                self._stream = stream
                if self.passed:
                    stream.abandon()
            yield stream
        except EngineLost:
            if not self.passed:
                raise
        finally:
            with self._lock:
                self._stream = None
                stream.close()


class Follower:
    """The lines of one container's log over all its runs, each line once."""

    def __init__(
        self,
        engine: Engine,
        deadline: Deadline,
        until: re.Pattern[str] | None,
        tail: int | None,
        since_ns: int,
    ) -> None:
        """Read from ``since_ns`` on, and of the lines that are there the last ``tail``."""
        self._engine = engine
        self._deadline = deadline
        self._matcher = Matcher(until) if until else None
        self._tail = tail
        self._only_new = tail == 0
        self._since_ns = since_ns
        self._seen = Seen()

    def lines(self, facts: Facts, *, follow: bool = True) -> Generator[Output, None, str | None]:
        """What was not given yet, until the run ends; returns the line that matched."""
        since_ns = self._seen.since_ns or self._since_ns
        if self._tail is None and self._only_new and not since_ns:
            since_ns = round(seconds(facts["State"]["FinishedAt"]) * 1e9)  # of the run before
        stream = LogStream(
            self._engine, facts, follow=follow, stamps=True, tail=self._tail, since_ns=since_ns
        )
        self._tail = None
        self._seen.again()
        with self._deadline.ends(stream):
            for line in stream.lines():
                if not self._seen.is_new(line):
                    continue
                yield line.output
                if self._matcher and (match := self._matcher.found(line.output)) is not None:
                    return match
        return None

    def rest(self, facts: Facts) -> Generator[Output, None, str | None]:
        """What the engine wrote into the log after it had ended the stream, and a last line
        without an end; nothing of a container that was removed as it ended."""
        if self._only_new and not self._seen.newest_ns:
            return None
        self._tail = REST_LINES
        with suppress(NotFound, Conflict):
            line = yield from self.lines(facts, follow=False)
            if line is not None:
                return line
        return self._matcher.left() if self._matcher else None


def next_run(engine: Engine, facts: Facts, deadline: Deadline) -> Facts | None:
    """The container when it runs again, or if its stream ended though it runs on; None when it
    has ended for good, is gone, or the deadline has passed."""
    patience_s = time.monotonic() + RESTART_S
    while not deadline.passed:
        try:
            now = run.inspect(engine, facts["Id"])
        except NotFound:
            return None
        state = now["State"]
        again = state["StartedAt"] != facts["State"]["StartedAt"]
        if state["Status"] == "restarting":
            pass  # its policy starts it again, sooner or later
        elif again:
            return now  # it may have ended again since
        elif state["Status"] in RUNNING:
            # it is about to end: its stream is over a moment before; or the stream was shortened
            if time.monotonic() > patience_s:
                return now
        else:
            ago_s = stopped_ago_s(engine, now)
            if ago_s is None or ago_s > RESTART_S:
                return None
        time.sleep(POLL_S)
    return None

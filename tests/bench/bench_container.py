"""%%container with a trivial cell, against ``docker run --rm`` of the same."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from container_magics.engine.ownership import PURPOSE, SESSION
from tests.bench import dockercommand
from tests.bench.kernel import OURS, Kernel, kernel
from tests.bench.turns import Row, in_turns, quotient

CELL = f"%%container {BASE}\necho done"
AT_MOST, FIRST_AT_MOST, WHOLE_AT_MOST = 0.80, 0.03, 0.15
GONE_S = 30.0
SETTLED_S = 0.3
"""A spare whose container runs is ready so much later at the latest."""


def rows(engine: Engine, repeats: int) -> list[Row]:
    """Without spares until the cell is done, and until its container is gone too; with a spare
    until the first byte is there, and until the cell is done.

    The docker command returns when the container is gone, so it has one time for both. No
    sample begins before the last one's container is gone and the next spare is there.
    """
    url = engine.endpoint.url
    with (
        kernel(OURS, url, CONTAINER_MAGICS_SPARES="0") as fresh,
        kernel(OURS, url, CONTAINER_MAGICS_SPARES="1") as ahead,
        removals(engine) as removed,
    ):
        ahead.run(CELL)
        samples = in_turns(
            {
                "docker": lambda: docker_run(engine),
                "fresh": lambda: cell_run(fresh, removed),
                "spare": lambda: spare_run(engine, ahead),
            },
            repeats,
        )
    first, theirs = zip(*samples["docker"], strict=True)
    idle, gone = zip(*samples["fresh"], strict=True)
    spare_first, spare_idle = zip(*samples["spare"], strict=True)
    against = "`docker run --rm IMAGE echo done`"
    return [
        quotient("`%%container IMAGE`, cell `echo done`", idle, against, theirs, AT_MOST),
        quotient("… and until its container is gone", gone, against, theirs),
        quotient(
            "… with a spare, until its first byte", spare_first, against, theirs, FIRST_AT_MOST
        ),
        quotient("… the same", spare_first, "… until its first byte", first),
        quotient("… with a spare, until it is done", spare_idle, against, theirs, WHOLE_AT_MOST),
    ]


def docker_run(engine: Engine) -> tuple[float, float]:
    """Seconds until the first byte, and until the command has ended."""
    label = ("--label", dockercommand.LABEL)
    return dockercommand.first_byte_and_end(engine, "run", "--rm", *label, BASE, "echo", "done")


def cell_run(cells: Kernel, removed: Removals) -> tuple[float, float]:
    """Seconds until the kernel is idle, and until the engine has removed the container."""
    start = time.perf_counter()
    idle_s = cells.run(CELL)
    return idle_s, max(idle_s, removed.next_of(cells.process_id) - start)


def spare_run(engine: Engine, cells: Kernel) -> tuple[float, float]:
    """Seconds until the first byte, and until the kernel is idle, in the spare that is there."""
    before = spare_of(engine, cells.process_id, but="")
    taken = cells.first_and_idle(CELL)
    spare_of(engine, cells.process_id, but=before)
    return taken


def spare_of(engine: Engine, process_id: int, *, but: str) -> str:
    """The ID of the process's spare, waited for; ``but`` is the one that was there before."""
    limit_s = time.monotonic() + GONE_S
    while time.monotonic() < limit_s:
        found = engine.api.containers(filters={"label": f"{PURPOSE}=spare"})
        ids = [one["Id"] for one in found if of(one["Labels"][SESSION]) == process_id]
        if len(ids) == 1 and ids[0] != but:
            time.sleep(SETTLED_S)
            return str(ids[0])
        time.sleep(0.02)
    raise RuntimeError("no spare was made")


def of(session: str) -> int:
    """The process of a session's label, which is "PLACE PID BEGAN"."""
    return int(session.split()[1])


class Removals:
    """The engine's "destroy" events, each with the moment at which it came."""

    def __init__(self, events: Iterator[dict[str, Any]]) -> None:
        self._seen: queue.Queue[tuple[str, float]] = queue.Queue()
        self._thread = threading.Thread(target=self._listen, args=(events,), daemon=True)
        self._thread.start()

    def _listen(self, events: Iterator[dict[str, Any]]) -> None:
        for event in events:
            session = event["Actor"]["Attributes"].get(SESSION, "")
            self._seen.put((session, time.perf_counter()))

    def next_of(self, process_id: int) -> float:
        """When the next container was removed that the process has made."""
        while True:
            session, moment = self._seen.get(timeout=GONE_S)
            if session and of(session) == process_id:
                return moment


@contextmanager
def removals(engine: Engine) -> Iterator[Removals]:
    """Listen while the block runs."""
    events = engine.api.events(filters={"event": ["destroy"]}, decode=True)
    try:
        yield Removals(events)
    finally:
        events.close()

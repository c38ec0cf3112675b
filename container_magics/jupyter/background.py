"""What goes on beside the cells of one notebook: logs that are followed, displays that live."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial

from container_magics.core.events import Output
from container_magics.engine import run
from container_magics.engine.client import Engine
from container_magics.errors import ContainerMagicsError
from container_magics.jupyter.late import LateOutput
from container_magics.jupyter.outlet import Outlet
from container_magics.jupyter.usagewatch import UsageWatch
from container_magics.jupyter.watch import Watch, Watched
from container_magics.session.following import Deadline, follow
from container_magics.view.bundle import bundle
from container_magics.view.present import box as present


class Log:
    """A container's log, over its restarts, for as long as nobody closes it."""

    def __init__(self, engine: Engine, container_id: str, *, from_now: bool) -> None:
        """Nothing is asked of the engine before ``output``."""
        self._over = Deadline(None)
        self._story = follow(
            engine, container_id, tail=0 if from_now else None, deadline=self._over
        )

    def output(self) -> Generator[Output, None, object]:
        """Each line as it comes; ends soon after ``close``."""
        return self._story

    def close(self) -> None:
        """Read no more; may be called from any thread, and twice."""
        self._over.come()


class Background:
    """All threads of that kind; ``close()`` ends them."""

    def __init__(self) -> None:
        """None yet."""
        self._lock = threading.Lock()
        self._watches: dict[Engine, Watch] = {}
        self._late: dict[str, LateOutput] = {}
        self._usage: UsageWatch | None = None

    def watch(self, engine: Engine, watched: Watched) -> None:
        """Tell it what happens to its container, until that is gone."""
        with self._lock:
            watch = self._watches.setdefault(engine, Watch(engine))
        watch.add(watched)

    def follow(
        self,
        engine: Engine,
        container_id: str,
        outlet: Outlet,
        *,
        limit_bytes: int,
        from_now: bool = False,
    ) -> None:
        """Show in the outlet's cell what the container writes, until it ends; ``from_now``
        leaves out what it has written before. A container has one such cell, the last one."""
        self.unfollow(container_id)
        with suppress(ContainerMagicsError):  # gone already
            name = run.inspect(engine, container_id)["Name"].lstrip("/")
            late = LateOutput(
                Log(engine, container_id, from_now=from_now),
                outlet,
                limit_bytes=limit_bytes,
                flooded=lambda: outlet.display(bundle(present.flooded(name))),
                ended=partial(self._forget, container_id),
            )
            with self._lock:
                self._late[container_id] = late
            late.start()

    def look(self, begun: Callable[[], UsageWatch]) -> None:
        """Show what containers use, in place of the last such cell."""
        watch = begun()
        with self._lock:
            before, self._usage = self._usage, watch
        if before:
            before.close()

    def unfollow(self, container_id: str) -> None:
        """Show no more of what a container writes; no error where nothing was shown."""
        with self._lock:
            late = self._late.pop(container_id, None)
        if late:
            late.close()

    def _forget(self, container_id: str, late: LateOutput) -> None:
        with self._lock:
            if self._late.get(container_id) is late:
                del self._late[container_id]

    def close(self) -> None:
        """End every thread; returns when they are over, or will show nothing more."""
        with self._lock:
            usage, self._usage = self._usage, None
            late, self._late = list(self._late.values()), {}
            watches, self._watches = list(self._watches.values()), {}
        if usage:
            usage.close()
        for log in late:
            log.close()
        for watch in watches:
            watch.close()

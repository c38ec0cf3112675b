"""%container stats -w: what containers use, in the cell that asked, for as long as they run.

It is one display that is updated, no widget: the last picture is what is saved.
"""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from container_magics.core.usage import Usage
from container_magics.engine.client import Engine
from container_magics.engine.run import running
from container_magics.engine.stats import stats
from container_magics.errors import Conflict, ContainerMagicsError, NotFound
from container_magics.jupyter.outlet import Outlet
from container_magics.view.bundle import bundle
from container_magics.view.present import life

LOOKS = 40
"""So many are shown of each container; a look takes one to two seconds."""


class UsageWatch:
    """Looks in a thread until all that it looks at have ended, or ``close()``."""

    def __init__(self, engine: Engine, names: Sequence[str], outlet: Outlet) -> None:
        """Look once, and show that. Without ``names`` it looks at each that runs, until none does.

        NotFound, Conflict as ``stats``.
        """
        self._engine, self._names, self._outlet = engine, names, outlet
        self._machine_bytes = engine.facts().memory_bytes
        self._display = uuid.uuid4().hex
        self._seen: dict[str, deque[Usage]] = {}
        self._over = threading.Event()
        self._look(names)
        outlet.display(self._shown(), self._display)
        thread = threading.Thread(target=self._run, daemon=True, name="container-magics stats")
        thread.start()

    def close(self) -> None:
        """Show nothing more; the last picture stays."""
        self._over.set()
        self._outlet.close()

    def _look(self, names: Sequence[str]) -> bool:
        found = stats(self._engine, names)
        for used in found:
            self._seen.setdefault(used.name, deque(maxlen=LOOKS)).append(used)
        for name in self._seen.keys() - {used.name for used in found}:
            del self._seen[name]
        return bool(found)

    def _shown(self) -> dict[str, object]:
        return bundle(life.usage_lately(list(self._seen.values()), self._machine_bytes))

    def _run(self) -> None:
        """The picture that stays is of those that ran when the last of them still did."""
        with suppress(ContainerMagicsError):
            while not self._over.is_set():
                names = [name for name in self._names if self._runs(name)]
                if (self._names and not names) or not self._look(names):
                    return
                self._outlet.update(self._shown(), self._display)

    def _runs(self, name: str) -> bool:
        try:
            running(self._engine, name)
        except (Conflict, NotFound):
            return False
        return True

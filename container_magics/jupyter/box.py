"""A Container in a notebook: shown as it is, and shown anew in place whenever that changes."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from container_magics.core.snapshot import REMOVED, Snapshot
from container_magics.core.transfer import LIMIT_BYTES
from container_magics.engine.client import Engine
from container_magics.engine.events import LifeEvent
from container_magics.engine.logs import last_lines
from container_magics.errors import ContainerMagicsError
from container_magics.jupyter.outlet import Outlet, outlet_of
from container_magics.jupyter.publish import show
from container_magics.session.container import Container
from container_magics.view.bundle import bundle
from container_magics.view.model import View
from container_magics.view.present import box as present

if TYPE_CHECKING:
    from container_magics.jupyter.background import Background

LIVE_DISPLAYS = 5
"""How many displays of one container are kept up to date, the newest."""
LOG_LINES = 5


@dataclass
class Shown:
    """One display of a container, as it was last drawn; ``brief`` as in ``present.box``."""

    outlet: Outlet
    seen: Snapshot
    brief: bool
    display_id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Box(Container):
    """What ``%%container -d`` returns.

    Where a kernel runs, and not in the stable mode, its displays follow the container's life.
    The first is brief, for it stands under the cell that says the rest.
    """

    def __init__(
        self,
        engine: Engine,
        seen: Snapshot,
        background: Background,
        *,
        stable: bool,
        kept: bool = False,
        limit_bytes: Callable[[], int] = lambda: LIMIT_BYTES,
    ) -> None:
        """Take who tells of changes; ``kept``: it ran before the cell that returns it;
        ``limit_bytes`` says what ``file_limit_bytes`` is now."""
        super().__init__(engine, seen.name, seen=seen)
        self._background = background
        self._stable = stable
        self._kept = kept
        self._first = True
        self._died = seen.exit_status
        self._limit_bytes = limit_bytes
        self._shown: deque[Shown] = deque(maxlen=LIVE_DISPLAYS)

    def hear(self, event: LifeEvent | None) -> bool:
        """Draw anew what has changed; False when there is no more to come."""
        if event and event.action in ("die", "start"):
            self._died = event.exit_status
        with suppress(ContainerMagicsError):
            seen = self.look()
            for one in tuple(self._shown):
                if seen != one.seen:
                    one.seen = seen
                    data = bundle(self._view(seen, brief=one.brief))
                    one.outlet.update(data, one.display_id)
        return self._last.state != REMOVED

    def look(self) -> Snapshot:
        """The container as it is now, and how it ended also where it is removed as it ends."""
        seen = super().look()
        if seen.ended and seen.exit_status is None:
            seen = self._last = replace(seen, exit_status=self._died)
        return seen

    @property
    def file_limit_bytes(self) -> int:
        """How large a file may be that is read, where the call names no limit: as the setting
        ``Workbench.file_limit_bytes`` has it."""
        return self._limit_bytes()

    def _ipython_display_(self) -> None:
        brief, self._first = self._first, False
        outlet = None if self._stable else outlet_of(get_ipython())
        if brief:  # as the cell left it: the engine need not be asked again
            seen = self._last
            view = self._first_view()
        else:
            seen = self.look()
            view = self._view(seen, brief=False)
        if outlet is None:
            show(view)
            return
        one = Shown(outlet, seen, brief)
        # through IPython, so that %%capture and the like have it; what follows goes past them
        display(bundle(view), raw=True, display_id=one.display_id)
        self._shown.append(one)
        if len(self._shown) == 1 and seen.state != REMOVED:
            self._background.watch(self.engine, self)
        else:
            self.hear(None)

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, object]:
        return bundle(self._view(self.look(), brief=False))

    def _first_view(self) -> View:
        if self._kept:
            return present.kept(self._last, stable=self._stable)
        return present.box(self._last, stable=self._stable, brief=True)

    def _view(self, seen: Snapshot, *, brief: bool) -> View:
        if not brief and not self._stable and seen.state != REMOVED:
            lines = last_lines(self.engine, self.id, LOG_LINES)
            seen = replace(seen, lines=lines)
        return present.box(seen, stable=self._stable, brief=brief)

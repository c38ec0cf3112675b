"""Spares, started ahead: after a cell, a fresh container of the same spec waits for the next.

A spare is made beside the reader, never beside a cell: a moment after the cell's end, in a
thread of its own, and not at all when the next cell comes before that moment is over. It goes
when nobody wants it for a while, when a newer one needs its place, and with the session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from container_magics.core.spec import ContainerSpec, Health
from container_magics.engine import spare as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import Owner
from container_magics.engine.spare import Spare

PAUSE_S = 0.1
"""How long after a cell the making of its spare begins."""
NEARLY_S = 3.0
"""How long a cell waits for a spare that is being made; making takes no longer than a run does,
and has begun."""
END_S = 15.0
"""How long the end of a session waits for a spare that is just being made."""
OPEN_NETWORKS = ("", "bridge", "none", "host")


def kind(spec: ContainerSpec) -> ContainerSpec | None:
    """What two cells have in common that can have the same spare: all but the script. None for
    a spec that gets no spare.

    None gets a name or a port, for there can be only one. A volume or a network that a spare
    uses could not be removed, and a folder could be another one by the time of its use. Who
    looks for a label would find the spare; with an init, process 1 would not be the one that
    waits; and a health check would run in it.
    """
    words = (*spec.entrypoint, *spec.command)
    bound = spec.name or spec.ports or spec.mounts or spec.files or spec.restart
    seen = spec.labels or spec.init or spec.health != Health()
    if bound or seen or not words or spec.network not in OPEN_NETWORKS:
        return None
    return replace(spec, entrypoint=(), command=words[:1])


class Spares:
    """The spares of one session: one a kind, ``most`` in all, each for ``idle_s`` seconds."""

    def __init__(self, *, most: int = 3, idle_s: float = 60.0) -> None:
        """Start without any."""
        self.most = most
        self.idle_s = idle_s
        self._lock = threading.Lock()
        self._places: dict[ContainerSpec, Place] = {}  # the longest unused first
        self._unfit: set[tuple[str, ContainerSpec]] = set()

    def take(self, engine: Engine, spec: ContainerSpec) -> Spare | None:
        """The spare for this spec, untouched and of the image as it is now; None when there is
        none. Whoever takes it has to close it."""
        wanted = kind(spec)
        with self._lock:
            place = self._places.pop(wanted, None) if wanted else None
        found = place.given() if place else None
        if found is None:
            return None
        if found.engine is engine and found.is_fresh(spec.image):
            return found
        threading.Thread(target=found.remove, daemon=True).start()
        return None

    def renew(self, engine: Engine, owner: Owner, spec: ContainerSpec) -> None:
        """Let there be a spare for the next cell like this one; returns at once."""
        wanted = kind(spec)
        if wanted is None or self.most < 1:
            return
        place = Place(lambda: self._made(engine, owner, wanted), self._left, self.idle_s)
        with self._lock:
            surplus = [self._places.pop(wanted, None)]
            while len(self._places) >= self.most:
                surplus.append(self._places.pop(next(iter(self._places))))
            self._places[wanted] = place
        for one in surplus:
            if one:
                one.leave()
        place.begin()

    def drop(self, *, wait: bool = False) -> None:
        """Remove all spares; with ``wait`` they are gone afterwards."""
        with self._lock:
            places = list(self._places.values())
            self._places.clear()
        for place in places:
            place.leave()
        for place in places if wait else ():
            place.join(END_S)

    def _made(self, engine: Engine, owner: Owner, wanted: ContainerSpec) -> Spare | None:
        # Whatever goes wrong here, the next cell goes the fresh way, and tells it if it matters.
        with suppress(Exception):
            key = (verbs.image_id_of(engine, wanted.image), wanted)
            if key not in self._unfit:
                made = verbs.make(engine, wanted, owner.labels(verbs.PURPOSE))
                if made is None:
                    self._unfit.add(key)
                return made
        return None

    def _left(self, place: Place) -> None:
        with self._lock:
            for wanted, one in list(self._places.items()):
                if one is place:
                    del self._places[wanted]


class Place:
    """Where one spare is made, waits, and is given away or removed; a thread lives for it."""

    def __init__(
        self, make: Callable[[], Spare | None], left: Callable[[Place], None], idle_s: float
    ) -> None:
        self._make = make
        self._left = left
        self._idle_s = idle_s
        self._state: Literal["pause", "making", "ready", "over"] = "pause"
        self._spare: Spare | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self._live, daemon=True, name="container-magics spare"
        )

    def begin(self) -> None:
        """Start the pause before the making."""
        self._thread.start()

    def given(self) -> Spare | None:
        """The spare, waited for when it is being made; None when there will be none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._state != "making", NEARLY_S)
            self._state = "over"
            found, self._spare = self._spare, None
            self._changed.notify_all()
            return found

    def leave(self) -> None:
        """Give the place up; its thread removes what is there. Returns at once."""
        with self._changed:
            self._state = "over"
            self._changed.notify_all()

    def join(self, limit_s: float) -> None:
        """Wait until what was here is removed."""
        self._thread.join(limit_s)

    def _live(self) -> None:
        try:
            if not self._over_within(PAUSE_S):
                self._fill()
                self._over_within(self._idle_s)
        finally:
            with self._changed:
                self._state = "over"
                unused, self._spare = self._spare, None
                self._changed.notify_all()
            self._left(self)
            if unused:
                unused.remove()

    def _fill(self) -> None:
        with self._changed:
            if self._state == "over":
                return
            self._state = "making"
        made = self._make()
        with self._changed:
            self._spare = made
            if self._state == "making":
                self._state = "ready" if made else "over"
            self._changed.notify_all()

    def _over_within(self, limit_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._state == "over", limit_s)

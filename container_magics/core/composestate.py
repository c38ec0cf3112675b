"""The grammar of a Compose project that comes up: what each service is at, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from container_magics.core.compose import ServiceFacts
from container_magics.core.composeevents import (
    ComposeEvent,
    ComposeRead,
    ComposeSeen,
    ComposeTakenDown,
    ComposeUp,
)

MOST_RESTARTS = 5
"""A service that was started again so often will not come up."""
Phase = Literal["reading", "starting", "waiting", "up", "taken down"]
Standing = Literal["waiting", "running", "ready", "failed"]


def standing(facts: ServiceFacts) -> Standing:
    """How far one container is: "running" with a health check that has not answered yet.

    One that has ended with 0 is ready: its work is done. One that the engine starts again after
    a failure gets ``MOST_RESTARTS`` chances, since many wait so for a database.
    """
    if facts.state == "running":
        return {"": "ready", "healthy": "ready", "unhealthy": "failed"}.get(  # type: ignore[return-value]  # dict.get widens the literals
            facts.health, "running"
        )
    if facts.state == "paused":
        return "ready"
    if facts.state == "restarting":
        return "failed" if facts.restarts >= MOST_RESTARTS else "waiting"
    if facts.state in ("exited", "dead"):
        return "failed" if facts.exit_status else "ready"
    return "waiting"


def failed(containers: tuple[ServiceFacts, ...]) -> ServiceFacts | None:
    """The first container that failed, one whose program ended before one that is unhealthy."""
    found = [one for one in containers if standing(one) == "failed"]
    return next((one for one in found if one.exit_status), found[0] if found else None)


@dataclass(frozen=True, slots=True)
class ComposeState:
    """A project so far. ``ready_s`` are the seconds after which each service was ready."""

    project: str
    phase: Phase = "reading"
    services: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    containers: tuple[ServiceFacts, ...] = ()
    lines: tuple[str, ...] = ()
    at_s: float = 0.0
    ready_s: Mapping[str, float] = field(default_factory=dict)

    def apply(self, event: ComposeEvent) -> ComposeState:
        """The state after one more event."""
        match event:
            case ComposeRead(services, warnings):
                return replace(self, phase="starting", services=services, warnings=warnings)
            case ComposeSeen():
                return self._seen(event)
            case ComposeUp():
                return replace(self, phase="up")
            case ComposeTakenDown():
                return replace(self, phase="taken down")
        return self

    def _seen(self, event: ComposeSeen) -> ComposeState:
        new = {name: event.at_s for name in event.ready if name not in self.ready_s}
        kept = {name: at_s for name, at_s in self.ready_s.items() if name in event.ready}
        return replace(
            self,
            phase="starting" if event.starting else "waiting",
            containers=event.containers,
            lines=event.lines,
            at_s=event.at_s,
            ready_s={**kept, **new},
        )

    def of(self, service: str) -> tuple[ServiceFacts, ...]:
        """The service's containers by number; none before Compose has made them."""
        return tuple(one for one in self.containers if one.service == service)

    def standing(self, service: str) -> Standing:
        """The service's: that of its container that is least far, "ready" when told so."""
        found = {standing(one) for one in self.of(service)}
        worst: tuple[Standing, ...] = ("failed", "waiting", "running")
        for one in worst:
            if one in found:
                return one
        return "ready" if service in self.ready_s else "running" if found else "waiting"

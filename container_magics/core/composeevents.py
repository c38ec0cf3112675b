"""The words of a Compose project that comes up, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from container_magics.core.compose import ServiceFacts


@dataclass(frozen=True, slots=True)
class ComposeRead:
    """Compose has read the file: its services in its order, and its own remarks."""

    services: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ComposeSeen:
    """A look at the project: its containers by service and number, and the last lines that
    Compose wrote. ``starting`` is whether Compose still works; ``ready`` are the services that
    need no more waiting for. ``at_s`` counts from the beginning."""

    at_s: float
    containers: tuple[ServiceFacts, ...]
    lines: tuple[str, ...] = ()
    starting: bool = True
    ready: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ComposeUp:
    """Every service runs, is healthy or has ended well."""


@dataclass(frozen=True, slots=True)
class ComposeTakenDown:
    """What was begun is gone again."""


ComposeEvent = ComposeRead | ComposeSeen | ComposeUp | ComposeTakenDown

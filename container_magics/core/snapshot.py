"""A container at one moment, as a value: what a Container object shows of itself."""

from __future__ import annotations

from dataclasses import dataclass

REMOVED = "removed"
ENDED = ("exited", "dead", "removing", REMOVED)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at a container.

    ``state`` is the engine's word ("created", "running", "paused", "exited", ...), or "removed"
    where the engine knows it no longer. ``exit_status`` is None while it runs, and where nobody
    saw the end. ``ports`` are (container port, "address:port") pairs, sorted. ``lines`` are the
    last lines of its log, oldest first.
    """

    container_id: str
    name: str
    image: str
    state: str
    exit_status: int | None = None
    ports: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether its first process runs no longer."""
        return self.state in ENDED

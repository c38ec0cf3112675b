"""The grammar of pulling and running: each event folds into a new state, in one place.

Output bytes are not kept here: they flow on to the cell, and a state stays small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from container_magics.core.events import (
    ArchiveProgress,
    Carried,
    Created,
    Exited,
    Loaded,
    LoadEvent,
    Output,
    Pulled,
    PullEvent,
    PullProgress,
    PushEvent,
    Removed,
    RunEvent,
    Saved,
    SaveEvent,
    Started,
    Stopping,
)

Phase = Literal["waiting", "pulling", "created", "running", "stopping", "exited", "removed"]


@dataclass(frozen=True, slots=True)
class PullState:
    """How far a pull or a push is. ``layers`` are by the engine's short name, in the order in
    which they were first named; each keeps its size when the engine no longer says it."""

    layers: Mapping[str, PullProgress] = field(default_factory=dict)
    image: str = ""
    digest: str = ""

    def apply(self, event: PullEvent | PushEvent) -> PullState:
        """The state after one more event; ``image`` is "" until all is done."""
        if not isinstance(event, PullProgress):
            return replace(self, image=event.image, digest=event.digest)
        before = self.layers.get(event.layer)
        if before and event.total_bytes is None:
            event = replace(event, total_bytes=before.total_bytes)
        return replace(self, layers={**self.layers, event.layer: event})


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """How far an archive of images is written or read, as in ArchiveProgress. ``saved`` is None
    until it is whole; ``loaded`` are the engine's sentences, in order."""

    done_bytes: int = 0
    total_bytes: int | None = None
    layer: str = ""
    saved: Saved | None = None
    loaded: tuple[str, ...] = ()

    def apply(self, event: SaveEvent | LoadEvent) -> ArchiveState:
        """The state after one more event."""
        match event:
            case ArchiveProgress(done_bytes, total_bytes, layer):
                return replace(self, done_bytes=done_bytes, total_bytes=total_bytes, layer=layer)
            case Saved():
                return replace(self, saved=event)
            case Loaded(sentence):
                return replace(self, loaded=(*self.loaded, sentence))


@dataclass(frozen=True, slots=True)
class RunState:
    """One container's run so far. ``exit_status`` is None until its first process has ended.

    ``ports`` are (container port "80/tcp", "address:port") pairs. The byte counts are those
    that the program wrote, shown or not. ``carried`` is the last long transfer.
    """

    phase: Phase = "waiting"
    pull: PullState = PullState()
    carried: Carried | None = None
    container_id: str = ""
    name: str = ""
    warnings: tuple[str, ...] = ()
    ports: tuple[tuple[str, str], ...] = ()
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    stopped_by: Literal["", "interrupt", "timeout"] = ""
    exit_status: int | None = None
    out_of_memory: bool = False

    def apply(self, event: RunEvent) -> RunState:
        """The state after one more event."""
        match event:
            case Output("stdout", data):
                return replace(self, stdout_bytes=self.stdout_bytes + len(data))
            case Output("stderr", data):
                return replace(self, stderr_bytes=self.stderr_bytes + len(data))
            case Created(container_id, name, warnings):
                return replace(
                    self, phase="created", container_id=container_id, name=name, warnings=warnings
                )
            case Carried():
                return replace(self, carried=event)
            case Started(_, ports):
                return replace(self, phase="running", ports=ports)
            case Stopping(why):
                return replace(self, phase="stopping", stopped_by=why)
            case Exited(exit_status, out_of_memory):
                return replace(
                    self, phase="exited", exit_status=exit_status, out_of_memory=out_of_memory
                )
            case Removed():
                return replace(self, phase="removed")
            case PullProgress() | Pulled():
                return replace(self, phase="pulling", pull=self.pull.apply(event))
        return self

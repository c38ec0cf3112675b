"""The classic builder's stream of text -> the same BuildEvents as BuildKit's trace.

Its messages are those of docker/builder/dockerfile in moby: "Step 2/4 : RUN ls" begins a step,
" ---> ..." lines are its own remarks, everything else is what the step printed; stderr is
wrapped in the colour ESC[91m. It sends no times, so whoever reads the stream says what the
clock shows. Podman's form of it is read by podmanstream.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from container_magics.core.events import (
    BuildEvent,
    BuildOutput,
    BuildProgress,
    BuildRefused,
    BuildStep,
    Built,
)

STEP = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)
REMARK = re.compile(
    r" ---> (?:[0-9a-f]{12}|Using cache|Running in [0-9a-f]{12})\n?\Z"
    r"|(?: ---> )?(?:Removing|Removed) intermediate container [0-9a-f]{12}\n?\Z"
    r"|Successfully (?:built|tagged) \S+\n?\Z"
    r"|\n\Z"
)
CACHED = re.compile(r" ---> Using cache\n?\Z")
STDERR = re.compile(r"\x1b\[91m(.*)\x1b\[0m\Z", re.DOTALL)


@dataclass(slots=True)
class ClassicStream:
    """Reads one build's messages in order. Steps have the digest "step:N", N from 1."""

    step: BuildStep | None = None
    number: int = 0
    total: int = 0
    image_id: str = ""
    refused: bool = False

    def read(self, message: Mapping[str, Any], now_s: float) -> Iterator[BuildEvent]:
        """The events of one JSON message; ``now_s`` is the time at which it came."""
        if "error" in message:
            yield from self.read_error(message, now_s)
        elif "stream" in message:
            yield from self.read_line(str(message["stream"]), now_s)
        elif "status" in message:
            yield from self.read_pull(message)
        elif isinstance(message.get("aux"), Mapping):
            # Each stage of a Dockerfile names its image; the last one is the build's.
            self.image_id = str(message["aux"].get("ID", self.image_id))

    def end(self, now_s: float) -> Iterator[BuildEvent]:
        """The events of the stream's end: nothing more when it failed or was cut."""
        if self.image_id and not self.refused and self.number == self.total:
            yield from self.finish(now_s)
            yield Built(self.image_id)

    def read_line(self, text: str, now_s: float) -> Iterator[BuildEvent]:
        """A step's beginning, a remark of the builder, or a step's output."""
        match = STEP.match(text)
        if match and int(match[1]) == self.number + 1 and self.total in (0, int(match[2])):
            yield from self.finish(now_s)
            yield self.begin(match, now_s)
        elif self.step and CACHED.match(text):
            self.step = replace(self.step, cached=True)
            yield self.step
        elif self.step and not REMARK.match(text):
            coloured = STDERR.match(text)
            data = (coloured[1] if coloured else text).encode("utf-8", "surrogatepass")
            yield BuildOutput(self.step.digest, "stderr" if coloured else "stdout", data)

    def begin(self, match: re.Match[str], now_s: float) -> BuildStep:
        """The step that "Step N/M : TEXT" announces; it waits for the one before it."""
        before = (self.step.digest,) if self.step else ()
        self.number, self.total = int(match[1]), int(match[2])
        name = f"[{self.number}/{self.total}] {match[3].strip()}"
        self.step = BuildStep(f"step:{self.number}", name, before, started_s=now_s)
        return self.step

    def finish(self, now_s: float, error: str = "") -> Iterator[BuildEvent]:
        """The running step's end, if one runs."""
        if self.step:
            self.step = replace(self.step, completed_s=now_s, error=error)
            yield self.step

    def read_pull(self, message: Mapping[str, Any]) -> Iterator[BuildEvent]:
        """A layer of the base image on its way."""
        detail = message.get("progressDetail") or {}
        if self.step and "current" in detail:
            label = f"{message.get('id', '')} {message['status']}".strip()
            total = detail.get("total")
            yield BuildProgress(self.step.digest, label, int(detail["current"]), total)

    def read_error(self, message: Mapping[str, Any], now_s: float) -> Iterator[BuildEvent]:
        """The failure of the running step, and of the build."""
        self.refused = True
        yield from self.finish(now_s, error=str(message["error"]))
        code = (message.get("errorDetail") or {}).get("code")
        yield BuildRefused(str(message["error"]), code if isinstance(code, int) else None)

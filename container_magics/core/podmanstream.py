"""Podman's stream of a build -> the same BuildEvents as BuildKit's trace.

Its text is that of buildah (imagebuildah/executor.go and stage_executor.go), seen of Podman 4.3:
"STEP 2/4: RUN ls" begins a step, after "[1/3] " where there are several stages, and each stage
counts from 1. "--> 82336d1033b" ends a step; "--> Using cache ..." stands before it where nothing
was run. A base image's ONBUILD triggers come after FROM, which did not count them. After "COMMIT"
of the last step Podman alone speaks. What a step prints comes as one stream, stderr in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from container_magics.core.classicstream import ClassicStream
from container_magics.core.events import (
    BuildEvent,
    BuildOutput,
    BuildRefused,
    BuildStep,
    BuildWarning,
)

STEP = re.compile(r"(?:\[(\d+)/(\d+)\] )?STEP (\d+)/(\d+): (.*)", re.DOTALL)
CACHED = re.compile(r"--> Using cache [0-9a-f]{64}\n\Z")
REMARK = re.compile(r"--> [0-9a-f]{11}\n\Z")
COMMIT = re.compile(r"(?:\[\d+/\d+\] )?COMMIT(?: \S+)?\n\Z")
WARNING = "[Warning] "
EXIT_STATUS = re.compile(r"while running runtime: exit status (\d+)\s*\Z")


@dataclass(slots=True)
class PodmanStream(ClassicStream):
    """Reads one build's messages in order. Steps have the digest "step:S.N", both from 1, and the
    name "[S/STAGES N/TOTAL] TEXT"."""

    stage: int = 1
    committed: bool = False

    def read_line(self, text: str, now_s: float) -> Iterator[BuildEvent]:
        """A step's beginning, a remark of Podman, or a step's output."""
        match = STEP.match(text)
        if match and self.is_next(match):
            yield from self.finish(now_s)
            yield self.begin(match, now_s)
        elif self.step and self.committed:
            if text.startswith(WARNING):
                yield BuildWarning(self.step.digest, text.removeprefix(WARNING).strip())
        elif self.step and CACHED.match(text):
            self.step = replace(self.step, cached=True)
            yield self.step
        elif self.step and COMMIT.match(text) and self.number == self.total:
            self.committed = True
        elif self.step and not REMARK.match(text):
            yield BuildOutput(self.step.digest, "stdout", text.encode("utf-8", "surrogatepass"))

    def is_next(self, match: re.Match[str]) -> bool:
        """Whether this can be a step's beginning; else a program printed it."""
        stage, number, total = int(match[1] or 1), int(match[3]), int(match[4])
        if self.step is None or stage > self.stage:
            return number == 1 and self.number == self.total
        triggered = number == 2 and total > self.total
        return (stage, number) == (self.stage, self.number + 1) and (
            total == self.total or triggered
        )

    def begin(self, match: re.Match[str], now_s: float) -> BuildStep:
        """The step that "[S/STAGES] STEP N/M: TEXT" announces; it waits for the one before it."""
        before = (self.step.digest,) if self.step else ()
        self.stage, self.number, self.total = int(match[1] or 1), int(match[3]), int(match[4])
        self.committed = False
        place = f"{self.stage}/{match[2] or 1} {self.number}/{self.total}"
        digest = f"step:{self.stage}.{self.number}"
        self.step = BuildStep(digest, f"[{place}] {match[5].strip()}", before, started_s=now_s)
        return self.step

    def end(self, now_s: float) -> Iterator[BuildEvent]:
        """As of the classic builder, if the last step was committed."""
        if self.committed:
            yield from ClassicStream.end(self, now_s)

    def read_error(self, message: Mapping[str, Any], now_s: float) -> Iterator[BuildEvent]:
        """The failure of the running step; a program's exit status stands only in its words."""
        words = str(message["error"])
        self.refused = True
        yield from self.finish(now_s, error=words)
        found = EXIT_STATUS.search(words)
        yield BuildRefused(words, int(found[1]) if found else None)

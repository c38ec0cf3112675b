"""BuildState: what is known of a build so far, folded from its events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from container_magics.core.buildsteps import instruction_of
from container_magics.core.dockerfile import Dockerfile, Instruction
from container_magics.core.events import (
    BuildChecked,
    BuildEvent,
    BuildOutput,
    BuildProgress,
    BuildReason,
    BuildRefused,
    BuildStarted,
    BuildStep,
    BuildWarning,
    Built,
    ContextSent,
)

TAIL_BYTES = 8192
EXIT_STATUS = re.compile(r"exit code: (\d+)\Z")


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step and what came with it. ``tail`` is the end of what it printed, both streams.

    ``progress`` holds the last word on each of its parts; ``instruction`` is None for the
    builder's internal steps; ``reason`` is why it is not as in the tag's last build, None for
    no reason or no such build.
    """

    step: BuildStep
    instruction: Instruction | None = None
    tail: bytes = b""
    progress: tuple[BuildProgress, ...] = ()
    reason: BuildReason | None = None

    def last_lines(self, count: int) -> tuple[str, ...]:
        """The last lines printed, fewer where there are fewer; of a line redrawn, its last form."""
        text = self.tail.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")
        lines = [line.rpartition("\r")[2] for line in text.split("\n")] if text else []
        return tuple(lines[-count:])


@dataclass(frozen=True, slots=True)
class BuildState:
    """A build of ``dockerfile``, to be called ``tag``. ``steps`` are in the order first named.

    Of ``built`` and ``refused`` at most one is set, and then the build is over. ``dockerfile``
    None leaves the steps without instructions. ``warnings`` are those of our checks, then the
    builder's, each once.
    """

    tag: str = ""
    dockerfile: Dockerfile | None = None
    builder: Literal["", "buildkit", "classic"] = ""
    records: Mapping[str, StepRecord] = field(default_factory=dict)
    built: Built | None = None
    refused: BuildRefused | None = None
    warnings: tuple[BuildWarning, ...] = ()
    context: ContextSent | None = None

    @property
    def steps(self) -> tuple[StepRecord, ...]:
        """Every step so far, internal ones included."""
        return tuple(self.records.values())

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.built is not None or self.refused is not None

    @property
    def failed(self) -> StepRecord | None:
        """The step that the build failed at; None when none did, or none is to blame.

        When one fails, BuildKit cancels the others, and they carry an error too: the one to
        blame is that whose error the builder repeats at the end, else the first to end.
        """
        if self.refused is None:
            return None
        message = self.refused.message
        wrong = sorted(
            (one for one in self.steps if one.step.error),
            key=lambda one: (one.step.error not in message, one.step.completed_s or 0.0),
        )
        return wrong[0] if wrong else None

    @property
    def exit_status(self) -> int | None:
        """Of the program that failed; None when no program did.

        BuildKit has no field for it and ends the step's error with "exit code: N".
        """
        if self.refused and self.refused.exit_status is not None:
            return self.refused.exit_status
        match = EXIT_STATUS.search(self.failed.step.error) if self.failed else None
        return int(match[1]) if match else None

    @property
    def total_s(self) -> float | None:
        """From the first step's start to the last one's end; None before any has ended."""
        starts = [one.step.started_s for one in self.steps if one.step.started_s is not None]
        ends = [one.step.completed_s for one in self.steps if one.step.completed_s is not None]
        return max(ends) - min(starts) if starts and ends else None

    def apply(self, event: BuildEvent) -> BuildState:
        """The state after ``event``; this one is left as it is."""
        match event:
            case BuildChecked():
                return replace(self, warnings=event.warnings)
            case BuildWarning():
                return self.with_warning(event)
            case BuildStarted():
                return replace(self, builder=event.builder)
            case ContextSent():
                return replace(self, context=event)
            case BuildStep():
                return self.with_record(self.step_record(event))
            case BuildOutput() | BuildProgress() | BuildReason():
                return self.with_detail(event)
            case Built():
                return replace(self, built=event)
            case BuildRefused():
                return replace(self, refused=event)

    def step_record(self, step: BuildStep) -> StepRecord:
        """The step's record with its newest form."""
        known = self.records.get(step.digest)
        if known:
            return replace(known, step=step)
        return StepRecord(step, self.find_instruction(step))

    def find_instruction(self, step: BuildStep) -> Instruction | None:
        """The instruction that the step carries out."""
        if self.dockerfile is None:
            return None
        return instruction_of(self.dockerfile, step.name, classic=self.builder == "classic")

    def with_warning(self, warning: BuildWarning) -> BuildState:
        """With one more, unless it says what another has said of the same line."""
        same = [
            one for one in self.warnings if (one.text, one.line) == (warning.text, warning.line)
        ]
        return self if same else replace(self, warnings=(*self.warnings, warning))

    def with_detail(self, event: BuildOutput | BuildProgress | BuildReason) -> BuildState:
        """What belongs to a step; dropped for a step that was never named."""
        known = self.records.get(event.digest)
        if known is None:
            return self
        if isinstance(event, BuildOutput):
            return self.with_record(replace(known, tail=(known.tail + event.data)[-TAIL_BYTES:]))
        if isinstance(event, BuildReason):
            return self.with_record(replace(known, reason=event))
        others = tuple(one for one in known.progress if one.label != event.label)
        return self.with_record(replace(known, progress=(*others, event)))

    def with_record(self, record: StepRecord) -> BuildState:
        """The state with the record in its step's place."""
        return replace(self, records={**self.records, record.step.digest: record})

"""The graph of a build: which step waits for which, where each lies in time, the longest chain.

BuildKit's trace gives each step (a vertex) the digests of its inputs. Steps of its own, such as
the loading of the context, stand between the instructions; they are looked through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from container_magics.core.buildstate import StepRecord
from container_magics.core.events import BuildStep

Records = Mapping[str, StepRecord]


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps that each waited for the one before, and the seconds that they took together."""

    digests: tuple[str, ...] = ()
    seconds: float = 0.0


def waits(records: Records, digest: str) -> tuple[StepRecord, ...]:
    """The instructions' steps that this one waits for, in the order of its inputs.

    Each once. Inputs that were never named are left out, and so is what they wait for.
    """
    found: dict[str, StepRecord] = {}
    seen = {digest}
    left = list(records[digest].step.inputs)
    while left:
        one = left.pop(0)
        if one in seen or one not in records:
            continue
        seen.add(one)
        if records[one].instruction:
            found[one] = records[one]
        else:
            left = [*records[one].step.inputs, *left]
    return tuple(found.values())


def inputs_first(records: Records) -> list[str]:
    """The digests, each after its inputs. What waits for itself, which no builder makes, is
    left out, and with it all that waits for it."""
    left = {
        digest: {one for one in record.step.inputs if one in records}
        for digest, record in records.items()
    }
    order: list[str] = []
    while ready := [digest for digest, needs in left.items() if not needs]:
        order += ready
        for digest in ready:
            del left[digest]
        for needs in left.values():
            needs.difference_update(ready)
    return order


def seconds(step: BuildStep) -> float:
    """How long a step worked; 0.0 for one that came from the cache or has not ended."""
    if step.cached or step.started_s is None or step.completed_s is None:
        return 0.0
    return max(step.completed_s - step.started_s, 0.0)


def critical_path(records: Records) -> Chain:
    """The chain of dependent steps that took the most seconds, first one first.

    The build could not have been quicker than that, with any number of processors. Steps that
    took no time are left out of it; it is empty when all came from the cache.
    """
    longest: dict[str, Chain] = {}
    for digest in inputs_first(records):
        step = records[digest].step
        before = [longest[one] for one in step.inputs if one in longest]
        best = max(before, key=lambda chain: chain.seconds, default=Chain())
        took = seconds(step)
        own = (digest,) if took else ()
        longest[digest] = Chain(best.digests + own, best.seconds + took)
    return max(longest.values(), key=lambda chain: chain.seconds, default=Chain())


def extent(records: Records, now_s: float | None = None) -> tuple[float, float] | None:
    """(first start, last end) of all steps; ``now_s`` is the end while any runs. None before
    anything has started."""
    steps = [record.step for record in records.values() if record.step.started_s is not None]
    if not steps:
        return None
    begin_s = min(step.started_s or 0.0 for step in steps)
    ends = [step.completed_s for step in steps if step.completed_s is not None]
    running = now_s is not None and len(ends) < len(steps)
    return begin_s, max([*ends, begin_s, *([now_s] if running and now_s is not None else [])])


def placed(step: BuildStep, whole: tuple[float, float] | None) -> tuple[float, float]:
    """(begin, length) of a step as shares of the whole, 0.0 to 1.0; length 0.0 for one that did
    no work, or where the whole took no time."""
    if whole is None or step.started_s is None or step.cached or whole[1] <= whole[0]:
        return 0.0, 0.0
    begin_s, end_s = whole
    last_s = end_s if step.completed_s is None else step.completed_s
    total_s = end_s - begin_s
    return (step.started_s - begin_s) / total_s, max(last_s - step.started_s, 0.0) / total_s

"""What a build's graph says of its steps: what each waits for, when it ran, which layers came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from container_magics.core.buildgraph import critical_path, extent, placed, seconds, waits
from container_magics.core.buildstate import BuildState, StepRecord
from container_magics.core.dockerfile import Instruction
from container_magics.core.events import BuiltLayer
from container_magics.core.terminal import plain
from container_magics.core.units import count, duration, size
from container_magics.view.model import Stack, StackRow, Step, StepState

NAME_CHARACTERS = 120


def waiting(state: BuildState, record: StepRecord, how: StepState) -> tuple[str, ...]:
    """What a step waits for still; once it does not, what it needs of other stages.

    That it comes after the line above it goes without saying, and so does a base image.
    """
    own = record.instruction
    if own is None:
        return ()
    before = waits(state.records, record.step.digest)
    if how == "waiting":
        left = [one for one in before if one.step.completed_s is None]
        return sentence("waits for", state, own, left)
    far = [one for one in before if stage_of(one) != own.stage and not is_base(one)]
    return sentence("after", state, own, far)


def sentence(
    words: str, state: BuildState, own: Instruction, others: Sequence[StepRecord]
) -> tuple[str, ...]:
    """The words and the places in the order of their lines; nothing for no others."""
    found = {one.instruction.lines[0]: one.instruction for one in others if one.instruction}
    places = [place(state, found[line], own) for line in sorted(found)]
    return (f"{words} {' and '.join(places)}",) if places else ()


def place(state: BuildState, one: Instruction, own: Instruction | None = None) -> str:
    """ "line 4", with its stage where that is not the own one's."""
    line = f"line {one.lines[0]}"
    stages = state.dockerfile.stages if state.dockerfile else ()
    if len(stages) < 2 or one.stage is None or (own and own.stage == one.stage):
        return line
    return f"{line} of {stages[one.stage].name}"


def stage_of(record: StepRecord) -> int | None:
    """The number of the stage that the step's instruction stands in."""
    return record.instruction.stage if record.instruction else None


def is_base(record: StepRecord) -> bool:
    """Whether the step only brings a base image, which several stages may share."""
    return record.instruction is not None and record.instruction.keyword == "FROM"


def lines_shown(state: BuildState, most: int) -> int:
    """How many of a running step's last lines there is room for: one where several steps run."""
    running = [one for one in state.steps if one.step.started_s and one.step.completed_s is None]
    return 1 if sum(1 for one in running if one.tail) > 1 else most


def in_time(
    state: BuildState, shown: Sequence[StepRecord], steps: Sequence[Step], now_s: float | None
) -> tuple[Step, ...]:
    """The steps with their places in the whole's time; at the end the critical path is marked."""
    whole = extent(state.records, None if state.over else now_s)
    marked = critical_digests(state)
    found = []
    for record, step in zip(shown, steps, strict=True):
        begin, length = placed(record.step, whole)
        critical = record.step.digest in marked
        found.append(replace(step, begin=begin, length=length, critical=critical))
    return tuple(found)


def critical_digests(state: BuildState) -> tuple[str, ...]:
    """The steps on the longest chain; none while it may change, or where all that ran are."""
    if state.built is None:
        return ()
    path = critical_path(state.records).digests
    ran = [one for one in state.steps if one.instruction and not is_base(one) and seconds(one.step)]
    return path if any(one.step.digest not in path for one in ran) else ()


def critical_fact(state: BuildState) -> tuple[str, ...]:
    """The critical path in words: its seconds and its lines."""
    path = critical_path(state.records)
    lines = [state.records[digest].instruction for digest in critical_digests(state)]
    places = dict.fromkeys(place(state, one) for one in lines if one)
    if not places:
        return ()
    return (f"◆ critical path, {duration(path.seconds)}: {', '.join(places)}",)


def layers(state: BuildState, *, stable: bool) -> tuple[Stack, ...]:
    """The image's layers by their instructions; in stable mode without sizes. Nothing where it
    is not known which instruction made which."""
    found = state.built.layers if state.built else ()
    if not found or any(one.instruction is None for one in found):
        return ()
    widest = max(one.size_bytes for one in found) or 1
    rows = tuple(row(one, widest, stable=stable) for one in found)
    total = sum(one.count for one in found)
    number = "layers" if stable else count(total, "layer")
    return (Stack(rows, f"Its {number}, newest on top"),)


def row(layer: BuiltLayer, widest: int, *, stable: bool) -> StackRow:
    """One layer, or those of the base image together."""
    label = short(layer.instruction.text if layer.instruction else "")
    if stable:
        return StackRow(label, "", 0.0)
    text = count(layer.count, "layer") if layer.count > 1 else ""
    return StackRow(label, size(layer.size_bytes), layer.size_bytes / widest, text=text)


def short(text: str) -> str:
    """A harmless line, cut where it is long."""
    text = plain(" ".join(text.split()))
    return text if len(text) <= NAME_CHARACTERS else text[: NAME_CHARACTERS - 1].rstrip() + "…"

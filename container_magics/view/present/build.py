"""BuildState -> view: the Dockerfile's steps in its own order, and what came of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from container_magics.core.buildstate import BuildState, StepRecord
from container_magics.core.buildsteps import StepName
from container_magics.core.terminal import plain
from container_magics.core.units import duration, size
from container_magics.view.model import Group, Meter, Note, Step, Steps, StepState, View
from container_magics.view.present import buildlive, buildwhy

LAST_LINES = 5
FAILED_LINES = 20
SHOWN_WARNINGS = 20
CLASSIC = "This engine has no BuildKit: its classic builder took the work, one step after another."


def build(state: BuildState, *, stable: bool, now_s: float | None = None) -> View:
    """What is worth saying of a build so far.

    ``now_s`` is the time by a clock near the engine's, for the seconds of running steps; None
    leaves them out. ``stable`` leaves out all that differs from run to run: seconds, IDs,
    sizes, and whether a step came from the cache.
    """
    shown = in_order([one for one in state.steps if worth_showing(state, one)])
    steps = tuple(step(state, one, stable=stable, now_s=now_s) for one in shown)
    if not stable:
        steps = buildlive.in_time(state, shown, steps, now_s)
    views: list[View] = [Steps(steps, caption=f"Build of {state.tag}" if state.tag else "")]
    if state.builder == "classic":
        views.insert(0, Note(CLASSIC, level="warning"))
    views.extend(warnings(state))
    views.extend(context(state))
    if state.built:
        views.append(result(state, shown, stable=stable))
        views.extend(buildlive.layers(state, stable=stable))
    return Group(tuple(views))


def warnings(state: BuildState) -> Iterator[Note]:
    """Each warning with its line and its instruction; of very many the first ones."""
    for one in state.warnings[:SHOWN_WARNINGS]:
        where = f"Line {one.line}: " if one.line else ""
        about = (one.rule and f"{one.rule}: {one.url}",)
        facts = (instruction_at(state, one.line), *one.detail, *about)
        yield Note(
            where + plain(one.text),
            level="warning",
            hint=plain(one.hint or (one.url if not one.rule else "")),
            facts=tuple(buildlive.short(fact) for fact in facts if fact),
        )
    left = len(state.warnings) - SHOWN_WARNINGS
    if left > 0:
        yield Note(f"{left} more warnings are not shown.", level="warning")


def instruction_at(state: BuildState, line: int | None) -> str:
    """The instruction that the line belongs to, "" for none."""
    instructions = state.dockerfile.instructions if state.dockerfile else ()
    place = bisect_right(instructions, line or 0, key=lambda one: one.lines[0])
    return instructions[place - 1].text if place else ""


def context(state: BuildState) -> Iterator[View]:
    """How much of the context is there, while it is sent; and what is to be known of its files."""
    sent = state.context
    if sent is None:
        return
    if sent.total_bytes and not (sent.over or state.over):
        text = f"{size(sent.sent_bytes)} of {size(sent.total_bytes)}"
        yield Meter("context", min(sent.sent_bytes / sent.total_bytes, 1.0), text)
    if sent.left_out:
        yield remark("Sockets, pipes and devices are left out of the context", sent.left_out)
    if sent.changed:
        yield remark("These were written to while they were read", sent.changed)


def remark(text: str, paths: tuple[str, ...]) -> Note:
    """A warning about files."""
    return Note(f"{text}: {plain(', '.join(paths))}.", level="warning")


def worth_showing(state: BuildState, record: StepRecord) -> bool:
    """The Dockerfile's own steps always; the builder's own while they run, and if they failed."""
    if StepName.parse(record.step.name):
        return True
    if state.over:
        return record is state.failed
    return record.step.started_s is not None and record.step.completed_s is None


def in_order(records: list[StepRecord]) -> list[StepRecord]:
    """As the Dockerfile has them: parallel stages are named in an order that varies.

    Internal steps come last: while they are shown, they are what happens now.
    """

    def place(record: StepRecord) -> tuple[bool, int]:
        instruction = record.instruction
        return instruction is None, instruction.lines[0] if instruction else 0

    return sorted(records, key=place)


def step(state: BuildState, record: StepRecord, *, stable: bool, now_s: float | None) -> Step:
    """One step, with its last lines while they matter: as it runs, and when it failed."""
    how = step_state(state, record, stable=stable)
    running = buildlive.lines_shown(state, LAST_LINES)
    count = {"running": running, "failed": FAILED_LINES}.get(how, 0)
    lines = record.last_lines(count) if count else ()
    return Step(
        name=name(record),
        state=how,
        time="" if stable else step_time(record, how, now_s),
        lines=tuple(plain(line) for line in lines) + (progress(record) if count else ()),
        group=stage(state, record),
        remarks=(
            *buildlive.waiting(state, record, how),
            *buildwhy.why(state, record, how, stable=stable),
        ),
    )


def step_state(state: BuildState, record: StepRecord, *, stable: bool) -> StepState:
    """In stable mode a cached step is "done": a notebook's second run finds what its first made.

    A step that an image did not wait for was not needed: a later one came from the cache.
    """
    seen = record.step
    skipped = state.built is not None and seen.completed_s is None
    if record is state.failed:
        return "failed"
    if seen.error:
        return "cancelled"
    if seen.cached or skipped:
        return "done" if stable else "cached"
    if seen.completed_s is not None:
        return "done"
    if state.refused:
        return "cancelled"
    return "waiting" if seen.started_s is None else "running"


def step_time(record: StepRecord, how: StepState, now_s: float | None) -> str:
    """How long the step took, or has taken; "" for one that did not run."""
    started_s, ended_s = record.step.started_s, record.step.completed_s
    if how in ("cached", "waiting") or started_s is None:
        return ""
    end_s = now_s if ended_s is None else ended_s
    return duration(max(end_s - started_s, 0.0)) if end_s is not None else ""


def progress(record: StepRecord) -> tuple[str, ...]:
    """The parts that are on their way, such as a base image's layers, and files being sent."""
    return tuple(
        f"{part.label}: {size(part.current_bytes)}"
        + (f" of {size(part.total_bytes)}" if part.total_bytes else "")
        for part in record.progress
        if part.current_bytes and part.current_bytes != part.total_bytes
    )


def name(record: StepRecord) -> str:
    """The instruction as it is written, else what the builder calls the step, on one line."""
    parsed = StepName.parse(record.step.name)
    text = parsed.text if parsed else record.step.name
    if record.instruction:
        text = record.instruction.text
    return buildlive.short(text)


def stage(state: BuildState, record: StepRecord) -> str:
    """The step's stage, where there are several."""
    stages = state.dockerfile.stages if state.dockerfile else ()
    if len(stages) < 2 or record.instruction is None or record.instruction.stage is None:
        return ""
    return stages[record.instruction.stage].name


def result(state: BuildState, shown: list[StepRecord], *, stable: bool) -> Note:
    """That the image is there, with what it cost; in stable mode only that it is there."""
    if stable or state.built is None:
        return Note(f"Built {state.tag}.", level="ok")
    cached = [step_state(state, one, stable=False) for one in shown].count("cached")
    facts = [f"image ID {state.built.image_id}"]
    if state.built.size_bytes is not None:
        facts.append(f"size {size(state.built.size_bytes)}")
    facts.append(f"{cached} of {len(shown)} steps from the cache")
    facts.extend(buildlive.critical_fact(state))
    took = f" in {duration(state.total_s)}" if state.total_s is not None else ""
    return Note(f"Built {state.tag}{took}.", level="ok", facts=tuple(facts))

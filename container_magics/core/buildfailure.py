"""A failed build's state -> the one sentence, what to do, and the lines that help to see why."""

from __future__ import annotations

import difflib

from container_magics.core.buildcauses import Scene, disk_full, hint
from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import BuildState, StepRecord
from container_magics.core.buildsteps import StepName
from container_magics.core.dockerfile import Dockerfile, Instruction, Stage
from container_magics.core.terminal import plain
from container_magics.errors import BuildFailed

LAST_LINES = 10
QUOTED_CHARACTERS = 100
EXCERPT_LINES = 8


NOTHING_SEEN = Scene()


def explain(state: BuildState, spec: BuildSpec, scene: Scene = NOTHING_SEEN) -> BuildFailed:
    """The error of a build that was refused; ``line`` counts in the Dockerfile. ``scene`` is
    what was found afterwards."""
    step = state.failed
    words = state.refused.message if state.refused else ""
    if step and step.instruction and state.dockerfile:
        return instruction_failed(state, step, step.instruction, spec, scene)
    syntax = state.dockerfile.syntax if state.dockerfile else ""
    if step and syntax and state.dockerfile and syntax in step.step.name:
        return syntax_missing(state.dockerfile, words)
    if full := disk_full(scene):
        return BuildFailed("The build failed.", line=None, hint=full, facts=facts(words))
    return BuildFailed("The builder refused this Dockerfile.", line=None, facts=facts(words))


def instruction_failed(
    state: BuildState,
    step: StepRecord,
    instruction: Instruction,
    spec: BuildSpec,
    scene: Scene,
) -> BuildFailed:
    """An instruction's own failure: what it is, where it stands, how it ended."""
    line = instruction.lines[0]
    where = f"line {line} of the Dockerfile"
    stages = state.dockerfile.stages if state.dockerfile else ()
    if len(stages) > 1 and instruction.stage is not None:
        where += f", stage {stages[instruction.stage].name}"
    status = state.exit_status
    todo = hint(instruction, status, spec, scene)
    if instruction.keyword == "COPY" and StepName.parse(step.step.name) is None:
        todo = no_such_source(instruction, stages)
    ended = "failed" if status is None else f"ended with exit code {status}"
    return BuildFailed(
        f"{quoted(instruction)} ({where}) {ended}.",
        line=line,
        hint=todo,
        facts=excerpt(instruction, spec)
        + facts(words_of(state, step) if status is None else "", step),
    )


def no_such_source(instruction: Instruction, stages: tuple[Stage, ...]) -> str:
    """``COPY --from`` took a name for an image's, for no stage has it."""
    name = dict(instruction.flags).get("from", "")
    names = [one.written_name for one in stages if one.written_name]
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"There is no stage {name!r}. Did you mean {near[0]}?"
    return f"There is no stage {name!r}, and no registry gave an image of that name."


def syntax_missing(dockerfile: Dockerfile, words: str) -> BuildFailed:
    """``# syntax=`` names an image that reads the Dockerfile; offline there is none."""
    line = next(one.line for one in dockerfile.directives if one.name == "syntax")
    return BuildFailed(
        f"# syntax={dockerfile.syntax} (line {line} of the Dockerfile) asks for a builder "
        "that no registry gave.",
        line=line,
        hint="Remove that line: the engine's own builder then reads the Dockerfile.",
        facts=facts(words),
    )


def words_of(state: BuildState, step: StepRecord) -> str:
    """What the builder said of the step, else of the build."""
    return step.step.error or (state.refused.message if state.refused else "")


def facts(words: str, step: StepRecord | None = None) -> tuple[str, ...]:
    """The engine's words, then the last lines that the step printed."""
    lines = step.last_lines(LAST_LINES) if step else ()
    return tuple(plain(line) for line in (*words.splitlines(), *lines))


def excerpt(instruction: Instruction, spec: BuildSpec) -> tuple[str, ...]:
    """The instruction as the cell has it, line by line; nothing for one of a single line, which
    the sentence quotes."""
    first, last = instruction.lines
    if first == last:
        return ()
    lines = spec.dockerfile.split("\n")[first - 1 : last]
    shown = [f"{first + at:>4} │ {plain(line)}" for at, line in enumerate(lines[:EXCERPT_LINES])]
    return (*shown, *(["     │ …"] if len(lines) > EXCERPT_LINES else []))


def quoted(instruction: Instruction) -> str:
    """The instruction on one line, cut where it is long."""
    text = instruction.text
    if len(text) <= QUOTED_CHARACTERS:
        return text
    return text[: QUOTED_CHARACTERS - 1].rstrip() + "…"

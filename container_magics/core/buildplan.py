"""Where a build failed -> the Dockerfile that ends just before, and what held there.

BuildKit gives nobody the layers of a build that failed, but it keeps them: the Dockerfile cut
off before the failing instruction is built from the cache, as an image of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import BuildState
from container_magics.core.contextpaths import mounts
from container_magics.core.dockerfile import Dockerfile, Instruction
from container_magics.core.names import ImageRef
from container_magics.errors import UsageError

NAME_END = "-debug"
STEPS = {"ADD", "COPY", "RUN", "WORKDIR"}
VARIABLE = re.compile(r"\$\{?\w")


@dataclass(frozen=True, slots=True)
class FailedBuild:
    """A build that failed in this session, as far as it came."""

    spec: BuildSpec
    state: BuildState


@dataclass(frozen=True, slots=True)
class DebugPlan:
    """What to build, and how the container of it is called. ``instruction`` is the one that
    failed, in ``stage`` ("" where there is one stage); ``environment`` are the build arguments
    in force there, which an image does not keep; ``mounted`` are folders that only a build has."""

    dockerfile: str
    name: str
    instruction: Instruction
    stage: str
    environment: tuple[tuple[str, str], ...]
    mounted: tuple[str, ...]


def plan(failed: FailedBuild) -> DebugPlan:
    """The plan for a failed build. UsageError where no layer stands before the failure."""
    state, spec = failed.state, failed.spec
    one = state.failed.instruction if state.failed else None
    if one is None or state.dockerfile is None or one.keyword == "FROM" or one.stage is None:
        raise UsageError(
            f"The build of {spec.tag} failed before its first layer: there is nothing to go into.",
            hint="Mend what the error says, and run the cell again.",
        )
    refuse_scratch(state.dockerfile, one)
    lines = spec.dockerfile.split("\n")[: one.lines[0] - 1]
    stages = state.dockerfile.stages
    return DebugPlan(
        "\n".join(lines) + "\n",
        debug_name(spec.tag),
        one,
        stages[one.stage].name if len(stages) > 1 else "",
        arguments(state.dockerfile, one, spec.build_args),
        tuple(found for mount in mounts(one) if (found := target_of(mount))),
    )


def refuse_scratch(dockerfile: Dockerfile, failed: Instruction) -> None:
    """On scratch there is no shell before something was put there."""
    stage = dockerfile.stages[failed.stage or 0]
    above = [
        one
        for one in dockerfile.instructions
        if one.stage == stage.index and one.keyword in STEPS and one.lines < failed.lines
    ]
    if stage.base == "scratch" and not above:
        raise UsageError(
            f"Line {failed.lines[0]} is the first on scratch: before it there is no file at all.",
            hint="There is nothing to go into.",
        )


def debug_name(tag: str) -> str:
    """The container's name: the image's, in a container's characters."""
    path = re.sub(r"[^a-zA-Z0-9_.-]+", "-", ImageRef.parse(tag).name).strip("-.")
    return path + NAME_END


def arguments(
    dockerfile: Dockerfile, failed: Instruction, given: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """The values of the stage's ARGs above the failure, as far as they are known: given for the
    build, else the default where it is no expression."""
    values: dict[str, str] = {}
    for one in dockerfile.instructions:
        if one.keyword != "ARG" or one.stage != failed.stage or one.lines > failed.lines:
            continue
        for word in one.words:
            name, equals, default = word.partition("=")
            known = dict(given).get(name)
            if known is not None:
                values[name] = known
            elif equals and not VARIABLE.search(default):
                values[name] = default.strip("\"'")
    return tuple(values.items())


def target_of(mount: dict[str, str]) -> str:
    """Where a mount of RUN is."""
    return next((mount[key] for key in ("target", "dst", "destination") if key in mount), "")

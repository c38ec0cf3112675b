"""Which step of a builder belongs to which instruction of the Dockerfile.

BuildKit names a step "[stage 2/5] RUN ls" (frontend/dockerfile/dockerfile2llb, prefixCommand):
the stage only where there are several, a platform before it only where several are built. It
counts FROM (unless it takes scratch or an earlier stage), ADD, COPY, RUN and WORKDIR; the rest
changes only the image's configuration and is no step. A base image's ONBUILD triggers stand
between FROM and our own. The classic builder counts every instruction. Podman counts each stage's
by themselves, with ONBUILD's after FROM, and is named "[1/3 2/5] RUN ls" here: which stage it is
of how many.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from container_magics.core.dockerfile import Dockerfile, Instruction, Stage
from container_magics.core.names import ImageRef
from container_magics.errors import UsageError

NAME = re.compile(
    r"\[(?:(?P<stage>[^\]]*) )?\s*(?P<index>\d+)/(?P<total>\d+)\] (?P<text>.*)", re.DOTALL
)
PLACE = re.compile(r"(\d+)/\d+\Z")
METADATA = "[internal] load metadata for "
PULL = "FROM "  # the image that a COPY takes files from; a stage's own base has a number before it
STEP_KEYWORDS = {"ADD", "COPY", "RUN", "WORKDIR"}


@dataclass(frozen=True, slots=True)
class StepName:
    """A step's name in parts. ``stage`` is "" where the builder names none; ``index`` from 1.

    ``place`` is the stage's among all, from 1, where the builder says that instead; else 0.
    """

    stage: str
    index: int
    total: int
    text: str
    place: int = 0

    @classmethod
    def parse(cls, name: str) -> StepName | None:
        """None for the builder's internal steps, which belong to no instruction."""
        match = NAME.match(name)
        if not match:
            return None
        words = (match["stage"] or "").split()
        stage = words[-1] if words and "/" not in words[-1] else ""
        place = PLACE.match(words[0]) if words else None
        numbers = int(match["index"]), int(match["total"])
        return cls(stage, *numbers, match["text"], int(place[1]) if place else 0)


def instruction_of(
    dockerfile: Dockerfile, name: str, *, classic: bool = False
) -> Instruction | None:
    """The instruction that a step carries out; None for an internal step or one of another's."""
    if name.startswith(METADATA):
        return base_instruction(dockerfile, name.removeprefix(METADATA))
    if name.startswith(PULL):
        return copy_from_image(dockerfile, name.removeprefix(PULL).partition("@")[0])
    step = StepName.parse(name)
    if step is None:
        return None
    if step.place:
        return podman_instruction(dockerfile, step)
    if classic:
        counted = dockerfile.instructions
        return counted[step.index - 1] if step.index <= len(counted) else None
    return buildkit_instruction(dockerfile, step)


def buildkit_instruction(dockerfile: Dockerfile, step: StepName) -> Instruction | None:
    """By the step's place, if its text agrees, else by its text.

    Equal steps of builds that run at the same time are one for BuildKit, and it has one name:
    the place may be that of another's Dockerfile. The text may differ where it has variables.
    """
    keyword, _, rest = step.text.partition(" ")
    if keyword == "FROM" and (base := base_instruction(dockerfile, rest.partition("@")[0])):
        return base
    stage = stage_called(dockerfile, step.stage)
    placed = counted_instruction(dockerfile, stage, step) if stage else None
    text = " ".join(step.text.split())
    same = [one for one in dockerfile.instructions if one.text == text]
    if same:
        return placed if placed in same else same[0]
    if placed and placed.keyword in (keyword, "FROM"):
        return placed
    return None


def podman_instruction(dockerfile: Dockerfile, step: StepName) -> Instruction | None:
    """FROM by its place, another by its text; Podman writes it as it stands, and FROM otherwise.

    A trigger's text may be one of ours too, then it is taken for ours; the labels of the request,
    which come last, are nobody's.
    """
    own = [one for one in dockerfile.instructions if one.stage == step.place - 1]
    if step.index == 1:
        return own[0] if own else None
    keyword, _, rest = " ".join(step.text.split()).partition(" ")
    same = [one for one in own if one.text == f"{keyword.upper()} {rest}".strip()]
    placed = own[step.index - 1] if step.index <= len(own) else None
    if same:
        return placed if placed in same else same[0]
    plain_count = step.total in (len(own), len(own) + 1)  # one more for labels, and no triggers
    return placed if placed and plain_count and placed.keyword == keyword.upper() else None


def stage_called(dockerfile: Dockerfile, name: str) -> Stage | None:
    """The stage of that name; the first one where the builder saw no need for a name."""
    if not name:
        return dockerfile.stages[0]
    return next((one for one in dockerfile.stages if one.name == name), None)


def counted_instruction(dockerfile: Dockerfile, stage: Stage, step: StepName) -> Instruction | None:
    """The instruction at the step's place among those that BuildKit counts in the stage."""
    keywords = STEP_KEYWORDS | ({"FROM"} if external(dockerfile, stage) else set())
    counted = [
        one
        for one in dockerfile.instructions
        if one.stage == stage.index and one.keyword in keywords
    ]
    triggers = max(step.total - len(counted), 0)
    if external(dockerfile, stage) and step.index <= 1 + triggers:
        return from_of(dockerfile, stage)
    place = step.index - 1 - triggers
    return counted[place] if place < len(counted) else None


def external(dockerfile: Dockerfile, stage: Stage) -> bool:
    """Whether the stage's base is an image of an engine or registry."""
    earlier = {one.name for one in dockerfile.stages[: stage.index]}
    return stage.base != "scratch" and stage.base.lower() not in earlier


def base_instruction(dockerfile: Dockerfile, reference: str) -> Instruction | None:
    """The first FROM whose image has this full reference, else the first COPY from it.

    Stages of the same base share one step, named after whichever of them came first. A full
    reference has its registry and its tag.
    """
    stages = [one for one in dockerfile.stages if external(dockerfile, one)]
    for stage in stages:
        if f"/{reference}".endswith(f"/{full_reference(stage.base)}"):
            return from_of(dockerfile, stage)
    if copy := copy_from_image(dockerfile, reference):
        return copy
    # The name came out of an ARG: no doubt is left only where there is one image to look for.
    return from_of(dockerfile, stages[0]) if len(stages) == 1 else None


def copy_from_image(dockerfile: Dockerfile, reference: str) -> Instruction | None:
    """The first COPY that takes files from the image of this full reference."""
    copies = (one for one in dockerfile.instructions if one.keyword == "COPY")
    for one in copies:
        image = dict(one.flags).get("from", "")
        if image and f"/{reference}".endswith(f"/{full_reference(image)}"):
            return one
    return None


def full_reference(base: str) -> str:
    """With its tag, as the builder writes it; a base that is not readable yet stays as it is."""
    try:
        return str(ImageRef.parse(base))
    except UsageError:
        return base


def from_of(dockerfile: Dockerfile, stage: Stage) -> Instruction:
    """The stage's own FROM."""
    return next(
        one for one in dockerfile.instructions if one.keyword == "FROM" and one.stage == stage.index
    )

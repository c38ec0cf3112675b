"""How a Dockerfile's stages hang together: bases, copies, and what the target needs.

``refuse_unbuildable`` finds what BuildKit finds while it turns a Dockerfile into a graph
(frontend/dockerfile/dockerfile2llb/convert.go in moby/buildkit), before any step runs.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from container_magics.core.dockerfile import KEYWORDS, Dockerfile, Stage
from container_magics.core.dockerfilemounts import mounts
from container_magics.core.dockerfilerules import refuse_wrong, wrong
from container_magics.core.dockerfilevalues import read_word, refuse_platform, refuse_unreadable
from container_magics.core.dockerfilevariables import BadWord, expand
from container_magics.core.instruction import Instruction, nested
from container_magics.core.names import ImageRef
from container_magics.errors import DockerfileError, UsageError

# The reference's "Automatic platform ARGs in the global scope"; what they hold the builder knows.
PLATFORM_ARGS = (
    "BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION", "BUILDARCH", "BUILDVARIANT",
    "TARGETPLATFORM", "TARGETOS", "TARGETOSVERSION", "TARGETARCH", "TARGETVARIANT", "TARGETSTAGE",
)  # fmt: skip

MOST_INSTRUCTIONS = 5000


@dataclass(frozen=True, slots=True)
class Source:
    """Where a COPY or a mount takes files from: ``stage`` by its index, None for an image."""

    instruction: Instruction
    name: str
    stage: int | None

    @property
    def taker(self) -> int:
        """The index of the stage that the instruction is in."""
        return self.instruction.stage or 0


def refuse_unbuildable(
    dockerfile: Dockerfile, target: str = "", build_args: Iterable[tuple[str, str]] = ()
) -> None:
    """DockerfileError at the line that makes the build of ``target`` impossible.

    ``target`` is a stage's name or number, "" for the last one.
    """
    bases = base_names(dockerfile, build_args)
    sources = tuple(sources_of(dockerfile))
    refuse_cycle(dockerfile, sources)
    wanted = needed(dockerfile, bases, sources, target)
    for source in sources:
        if source.taker in wanted:
            refuse_later(dockerfile, source)
    used = {name for index, name in enumerate(bases) if index in wanted}
    for one in dockerfile.instructions:
        if one.stage in wanted:
            refuse_unreadable(one)
        if one.stage is not None and dockerfile.stages[one.stage].name in used:
            refuse_trigger(one)


def refuse_too_many(dockerfile: Dockerfile) -> None:
    """DockerfileError for what a loop has written: no builder comes to its end, for an image has
    some 125 layers at most, and what is said of each step would fill the page."""
    if len(dockerfile.instructions) > MOST_INSTRUCTIONS:
        first = dockerfile.instructions[MOST_INSTRUCTIONS]
        raise wrong(first, f"the Dockerfile has {len(dockerfile.instructions)} instructions.",
            f"More than {MOST_INSTRUCTIONS} are not built. One RUN takes many commands, and a file "
            "that is long comes by COPY.")  # fmt: skip


def refuse_trigger(instruction: Instruction) -> None:
    """What an ONBUILD keeps is looked at when a stage builds on its stage."""
    kept = nested(instruction)
    if kept is not instruction:
        if kept.keyword not in KEYWORDS:
            raise wrong(instruction, f"ONBUILD keeps {kept.written[:40]!r}, no instruction.",
                "Write the instruction that is to wait, such as ONBUILD COPY . /app.")  # fmt: skip
        refuse_wrong(kept)


def base_names(
    dockerfile: Dockerfile, build_args: Iterable[tuple[str, str]] = ()
) -> tuple[str, ...]:
    """What each stage builds on, "" where only the builder can tell. Raises DockerfileError."""
    values = global_args(dockerfile, dict(build_args))
    froms = (one for one in dockerfile.instructions if one.keyword == "FROM")
    earlier, found = set[str](), []
    for one, stage in zip(froms, dockerfile.stages, strict=True):
        refuse_platform(one, stage.platform, values)
        found.append(base_name(one, stage, values))
        if found[-1] and found[-1] not in earlier:
            refuse_no_image(one, found[-1])
        if stage.written_name:
            earlier.add(stage.name)
    return tuple(found)


def global_args(dockerfile: Dockerfile, build_args: Mapping[str, str]) -> dict[str, str]:
    """The ARGs before the first FROM that have a value, and the builder's own, as "$NAME"."""
    values = {name: f"${name}" for name in PLATFORM_ARGS}
    for one in dockerfile.in_stage(None):
        for key, value in one.pairs:
            if key in build_args:
                values[key] = build_args[key]
            elif value is not None:
                try:
                    values[key] = expand(value, values, escape=one.escape).text
                except BadWord:  # some builders take it as it is, while no FROM uses it
                    values[key] = f"${key}"
    return values


def base_name(instruction: Instruction, stage: Stage, values: Mapping[str, str]) -> str:
    """The base with its variables replaced, "" where only the builder knows their values."""
    read = read_word(instruction, stage.base, values)
    if not read.certain or "$" in read.text:
        return ""
    if not read.text:
        raise wrong(instruction, f"the base {stage.base[:40]} comes out empty.",
            "Write ARG with a value before the first FROM, or give --build-arg.")  # fmt: skip
    return read.text


def refuse_no_image(instruction: Instruction, text: str) -> None:
    """An image's name has a form of its own, in small letters."""
    try:
        ImageRef.parse(text)
    except UsageError as error:
        raise wrong(instruction, f"{text[:80]!r} is neither a stage nor the name of an image.",
            error.hint) from error  # fmt: skip


def sources_of(dockerfile: Dockerfile) -> Iterator[Source]:
    """The stages and images that each COPY and RUN takes files from."""
    stages = {one.name: one.index for one in dockerfile.stages if one.written_name}
    for one in dockerfile.instructions:
        for name in source_names(one):
            yield find_source(dockerfile, one, name, stages)


def source_names(instruction: Instruction) -> tuple[str, ...]:
    """What ``COPY --from`` or the mounts of a RUN name."""
    if instruction.keyword != "COPY":
        return tuple(one.source for one in mounts(instruction) if one.source)
    name = dict(instruction.flags).get("from", "")
    if "$" in name:
        raise wrong(instruction, "COPY --from takes no variable.",
            "Name a stage by FROM $IMAGE AS NAME, and copy from that.")  # fmt: skip
    return (name,) if name else ()


def find_source(
    dockerfile: Dockerfile, instruction: Instruction, name: str, stages: Mapping[str, int]
) -> Source:
    """A stage by its number or its name, else an image."""
    count = len(dockerfile.stages)
    if re.fullmatch(r"[+-]?\d{1,9}", name, re.ASCII):
        if not 0 <= int(name) < count:
            raise wrong(instruction, f"there is no stage number {name}.",
                f"Stages count from 0; the last one is {count - 1}.")  # fmt: skip
        return Source(instruction, name, int(name))
    if name.lower() not in stages:
        refuse_no_image(instruction, name)
    return Source(instruction, name, stages.get(name.lower()))


def images_of(
    dockerfile: Dockerfile, build_args: Iterable[tuple[str, str]] = ()
) -> tuple[str, ...]:
    """The images that a build may fetch, each once: what its stages begin with and copy from, also
    by ONBUILD, and the builder that ``# syntax=`` or BUILDKIT_SYNTAX names. One that only the
    builder can tell is there as it is written."""
    args = dict(build_args)
    bases, found, earlier = base_names(dockerfile, args.items()), list[str](), {"scratch"}
    for name, stage in zip(bases, dockerfile.stages, strict=True):
        if name not in earlier:  # a stage may have the name of its own image
            found.append(name or stage.base)
        if stage.written_name:
            earlier.add(stage.name)
    found += [one.name for one in sources_of(dockerfile) if one.stage is None]
    found += [name for name in kept_names(dockerfile) if name.lower() not in earlier]
    found += [args.get("BUILDKIT_SYNTAX", ""), dockerfile.syntax.partition(" ")[0]]
    return tuple(dict.fromkeys(name for name in found if name and name != "scratch"))


def kept_names(dockerfile: Dockerfile) -> Iterator[str]:
    """What an ONBUILD will take files from, but a stage's number."""
    for one in dockerfile.instructions:
        try:
            names = source_names(nested(one)) if one.keyword == "ONBUILD" else ()
        except DockerfileError:  # no builder carries it out
            continue
        yield from (name for name in names if not name.isdecimal())


def refuse_cycle(dockerfile: Dockerfile, sources: Iterable[Source]) -> None:
    """No stage can wait for itself, by however many others."""
    edges = [(one.taker, one.stage) for one in sources if one.stage is not None]
    if all(giver < taker for taker, giver in edges):
        return
    turned = [(giver, taker) for taker, giver in without_ends(edges)]
    knot = {(taker, giver) for giver, taker in without_ends(turned)}
    for one in sources:
        if one.stage is not None and (one.taker, one.stage) in knot and one.stage >= one.taker:
            raise cycle(one, dockerfile.stages[one.taker].name)


def without_ends(edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The (taker, giver) pairs left when who waits for nothing is taken away, again and again."""
    waits = Counter(taker for taker, _ in edges)
    takers: defaultdict[int, list[int]] = defaultdict(list)
    for taker, giver in edges:
        takers[giver].append(taker)
    free = [giver for giver in takers if not waits[giver]]
    while free:
        for taker in takers[free.pop()]:
            waits[taker] -= 1
            if not waits[taker]:
                free.append(taker)
    return [(taker, giver) for taker, giver in edges if waits[taker] and waits[giver]]


def cycle(source: Source, name: str) -> DockerfileError:
    """The error of stages that wait for each other, or of one that waits for itself."""
    if source.stage == source.taker:
        return wrong(source.instruction, f"stage {name} copies from itself.",
            "A RUN cp does that; --from is for another stage or an image.")  # fmt: skip
    return wrong(source.instruction, f"stage {name} waits for {source.name}, which waits for it.",
        "Move what both need into a stage of its own, before the two.")  # fmt: skip


def needed(
    dockerfile: Dockerfile, bases: tuple[str, ...], sources: Iterable[Source], target: str
) -> set[int]:
    """The stages that the build of ``target`` carries out."""
    gives: defaultdict[int, set[int]] = defaultdict(set)
    for source in sources:
        if source.stage is not None:
            gives[source.taker].add(source.stage)
    by_name: dict[str, int] = {}
    for stage, name in zip(dockerfile.stages, bases, strict=True):
        if name in by_name:
            gives[stage.index].add(by_name[name])
        if stage.written_name:
            by_name[stage.name] = stage.index
    found, waiting = set[int](), [index_of(dockerfile, target)]
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting.extend(gives[index])
    return found


def index_of(dockerfile: Dockerfile, target: str) -> int:
    """The target's index; the last stage's for "", and for a target that there is not."""
    for stage in reversed(dockerfile.stages):
        if target and target.lower() in (stage.name, str(stage.index)):
            return stage.index
    return len(dockerfile.stages) - 1


def refuse_later(dockerfile: Dockerfile, source: Source) -> None:
    """A stage copies from those before it."""
    if source.stage is not None and source.stage > source.taker:
        line = dockerfile.stages[source.stage].line
        raise wrong(source.instruction, f"stage {source.name} comes only later, in line {line}.",
            "Move that stage before this one.")  # fmt: skip

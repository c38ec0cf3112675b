"""The build checks of FROM: names of stages, platforms, and the ARGs in its image."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from container_magics.core.dockerfile import Dockerfile, Stage
from container_magics.core.dockerfilestages import PLATFORM_ARGS, global_args
from container_magics.core.dockerfilevariables import BadWord, expand
from container_magics.core.instruction import Instruction
from container_magics.core.lintrules import Finding, finding
from container_magics.core.names import ImageRef
from container_magics.errors import UsageError

RESERVED = {"scratch", "context"}  # no image, and the files that COPY takes


def from_findings(
    dockerfile: Dockerfile, build_args: Iterable[tuple[str, str]]
) -> Iterator[Finding]:
    """All checks of this module, stage by stage."""
    froms = [one for one in dockerfile.instructions if one.keyword == "FROM"]
    named: dict[str, int] = {}
    declared = {key for one in dockerfile.in_stage(None) for key, _ in one.pairs}
    values = global_args(dockerfile, dict(build_args))
    defaults = global_args(dockerfile, {})
    for one, stage in zip(froms, dockerfile.stages, strict=True):
        yield from names(one, stage, named)
        yield from platforms(one, stage)
        yield from arguments(one, stage, declared, values)
        yield from without_arguments(one, stage, defaults)


def names(one: Instruction, stage: Stage, named: dict[str, int]) -> Iterator[Finding]:
    """StageNameCasing, FromAsCasing, DuplicateStageName and ReservedStageName."""
    if not stage.written_name:
        return
    word = one.words[1]
    if (word == word.lower()) != (one.written == one.written.lower()):
        yield finding("FromAsCasing", one, f"{one.written} and {word} are not written alike.",
            f"Write {'AS' if one.written == one.keyword else 'as'}.")  # fmt: skip
    if stage.written_name != stage.name:
        yield finding("StageNameCasing", one,
            f"the stage {stage.written_name[:40]} is named with capitals.",
            f"Write {stage.name[:40]}: names of stages have small letters.")  # fmt: skip
    if stage.name in RESERVED:
        yield finding("ReservedStageName", one,
            f"{stage.name} has a meaning of its own, and should name no stage.",
            "Choose another name.")  # fmt: skip
    if stage.name in named:
        yield finding("DuplicateStageName", one,
            f"the stage in line {named[stage.name]} is named {stage.name[:40]} too.",
            "Give each a name of its own: only the last can be copied from.")  # fmt: skip
    named[stage.name] = stage.line


def platforms(one: Instruction, stage: Stage) -> Iterator[Finding]:
    """RedundantTargetPlatform and FromPlatformFlagConstDisallowed.

    A stage whose name tells the platform is meant for that one.
    """
    platform = stage.platform
    if platform in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
        yield finding("RedundantTargetPlatform", one,
            f"--platform={platform} is what the builder takes anyway.",
            "Leave --platform out.")  # fmt: skip
    elif platform and "$" not in platform:
        parts = platform.lower().split("/")
        if not any(part and part in stage.name for part in parts[:2]):
            yield finding("FromPlatformFlagConstDisallowed", one,
                f"--platform={platform[:40]} ties the stage to one platform.",
                "Leave it out, or write $BUILDPLATFORM where only files are made.")  # fmt: skip


def arguments(
    one: Instruction, stage: Stage, declared: set[str], values: dict[str, str]
) -> Iterator[Finding]:
    """UndefinedArgInFrom: only an ARG before the first FROM counts there."""
    missing = set[str]()
    for word in (stage.base, stage.platform):
        try:
            missing |= expand(word, values, escape=one.escape).missing
        except BadWord:
            return
    for name in sorted(missing - declared):
        near = difflib.get_close_matches(name, sorted(declared.union(PLATFORM_ARGS)), n=1)
        yield finding("UndefinedArgInFrom", one,
            f"no ARG before the first FROM declares {name[:40]}.",
            f"Did you mean {near[0]}?" if near else
            f"Write ARG {name[:40]}=VALUE before the first FROM.")  # fmt: skip


def without_arguments(
    one: Instruction, stage: Stage, defaults: dict[str, str]
) -> Iterator[Finding]:
    """InvalidDefaultArgInFrom: what becomes of the base when nobody gives --build-arg."""
    if "$" not in stage.base:
        return
    try:
        read = expand(stage.base, defaults, escape=one.escape)
        if read.certain and "$" not in read.text:
            ImageRef.parse(read.text)
    except (BadWord, UsageError):
        yield finding("InvalidDefaultArgInFrom", one,
            f"without --build-arg, {stage.base[:60]} is no image's name.",
            "Give its ARG a value that is one.")  # fmt: skip

"""Two builds of one tag -> what has changed for each instruction, and so why it is run again.

BuildKit finds a step in its cache by what goes into it: RUN by its text, the variables and the
user in force, and the file system below; COPY and ADD by content and metadata of what they take.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from container_magics.core.buildrecord import BuildRecord, KeptLine
from container_magics.core.buildsteps import STEP_KEYWORDS, external
from container_magics.core.contextpaths import fetches, sources, stages_used, taken
from container_magics.core.dockerfile import Dockerfile, Instruction, Stage
from container_magics.core.events import ReasonKind

SETTINGS = {"ARG", "ENV", "SHELL", "USER"}
"""What changes a RUN below it without being a step of its own."""
VARIABLE = re.compile(r"\$\{?\w")


@dataclass(frozen=True, slots=True)
class Difference:
    """What has changed, and at which line of the Dockerfile of now; ``details`` say it."""

    kind: ReasonKind
    line: int
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matched:
    """How the instructions of now, by number, are found in those of before: None for a new one.

    ``removed`` are those that stood directly above one and are gone; those that ended a stage
    are nobody's.
    """

    before: Mapping[int, KeptLine | None]
    removed: Mapping[int, tuple[KeptLine, ...]] = field(default_factory=dict)


def differences(
    before: BuildRecord, now: BuildRecord, dockerfile: Dockerfile
) -> dict[int, Difference]:
    """By the first lines of the steps (RUN, COPY, ADD, WORKDIR) that differ from ``before``.

    A step that follows from one that differs has the kind "earlier", and that one's line.
    ``now`` is of ``dockerfile``.
    """
    matched = match(before.lines, now.lines)
    found: dict[int, Difference] = {}
    for number, one in enumerate(dockerfile.instructions):
        own = next(own_differences(number, before, now, matched, dockerfile), None)
        above = [found[line] for line in inputs(dockerfile, number) if line in found]
        difference = own or next(map(following, above), None)
        if difference and (one.keyword in STEP_KEYWORDS or one.keyword == "FROM"):
            found[one.lines[0]] = difference
    froms = {one.lines[0] for one in dockerfile.instructions if one.keyword == "FROM"}
    return {line: one for line, one in found.items() if line not in froms}


def following(cause: Difference) -> Difference:
    """The difference of what comes after one that differs; a base image's stays what it is."""
    if cause.kind in ("base", "earlier"):
        return cause
    return Difference("earlier", cause.line)


def own_differences(
    number: int, before: BuildRecord, now: BuildRecord, matched: Matched, dockerfile: Dockerfile
) -> Iterator[Difference]:
    """What differs at the instruction itself, most telling first."""
    one = dockerfile.instructions[number]
    line = one.lines[0]
    was = matched.before[number]
    if was is None:
        yield Difference("new", line)
    elif was.text != now.lines[number].text:
        yield Difference("instruction", line, (was.text.partition("\n")[0],))
    if files := changed_files(one, before, now):
        yield Difference("files", line, files)
    if one.keyword == "FROM" and base_changed(one, before, now, dockerfile):
        yield Difference("base", line)
    for gone in matched.removed.get(number, ()):
        if gone.keyword in STEP_KEYWORDS:
            yield Difference("removed", line, (gone.text.partition("\n")[0],))
    if one.keyword == "RUN" or VARIABLE.search(one.args):
        yield from settings_changed(number, before, now, matched, dockerfile)


def changed_files(one: Instruction, before: BuildRecord, now: BuildRecord) -> tuple[str, ...]:
    """ "app.py changed", "b is new", "c is gone": of the files that the instruction takes."""
    names = sources(one)
    if not names or before.files is None or now.files is None:
        return ()
    was, found = before.files, now.files
    told = []
    for path in taken(names, sorted({*was, *found})):
        if path not in found:
            told.append(f"{path} is gone")
        elif path not in was:
            told.append(f"{path} is new")
        elif not was[path].same(found[path]):
            told.append(f"{path} changed")
    # a folder that came or went says no more than the files in it
    return tuple(one for one in told if "/ is" not in one) or tuple(told)


def base_changed(
    one: Instruction, before: BuildRecord, now: BuildRecord, dockerfile: Dockerfile
) -> bool:
    """Whether the FROM's image is known to be another than before."""
    base = dockerfile.stages[one.stage or 0].base
    was, found = before.bases.get(base, ""), now.bases.get(base, "")
    # an ID and a digest are both known, and cannot be compared
    comparable = was.partition(":")[0] == found.partition(":")[0]
    return bool(was and found) and comparable and was != found


def settings_changed(
    number: int, before: BuildRecord, now: BuildRecord, matched: Matched, dockerfile: Dockerfile
) -> Iterator[Difference]:
    """Variables, user and shell in force at an instruction, and build arguments, that differ."""
    for above in reversed(settings_above(dockerfile, number)):
        one = dockerfile.instructions[above]
        line, was = one.lines[0], matched.before[above]
        for gone in matched.removed.get(above, ()):
            if gone.keyword in SETTINGS:
                yield Difference("removed", line, (gone.text,))
        if was is None or was.text != now.lines[above].text:
            yield Difference("settings", line, (one.text,))
        for name in arguments_of(one):
            if before.arguments.get(name) != now.arguments.get(name):
                yield Difference("argument", line, (name,))
    for gone in matched.removed.get(number, ()):
        if gone.keyword in SETTINGS:
            yield Difference("removed", dockerfile.instructions[number].lines[0], (gone.text,))


def arguments_of(one: Instruction) -> tuple[str, ...]:
    """The names that an ARG declares."""
    if one.keyword != "ARG":
        return ()
    return tuple(word.partition("=")[0] for word in one.words)


def settings_above(dockerfile: Dockerfile, number: int) -> list[int]:
    """The numbers of the instructions whose settings hold at this one, the oldest first: above
    it in its stage, in the stages that this is built on, and for FROM those before the first."""
    own = dockerfile.instructions[number]
    if own.keyword == "FROM" or own.stage is None:
        return [at for at, one in enumerate(dockerfile.instructions) if one.stage is None]
    chain = [one.index for one in stages_under(dockerfile, own.stage)]
    return [
        at
        for stage in reversed(chain)
        for at, one in enumerate(dockerfile.instructions)
        if one.stage == stage
        and one.keyword in SETTINGS
        and (at < number if stage == own.stage else one.keyword != "ARG")
    ]


def stages_under(dockerfile: Dockerfile, index: int) -> list[Stage]:
    """The stage, the one that it is built on, and so on."""
    found = [dockerfile.stages[index]]
    while below := stage_called(dockerfile, found[-1].base, before=found[-1].index):
        found.append(below)
    return found


def stage_called(dockerfile: Dockerfile, name: str, *, before: int) -> Stage | None:
    """An earlier stage by its name or its number; None for an image."""
    for stage in dockerfile.stages[:before]:
        if name.lower() in (stage.name, str(stage.index)):
            return stage
    return None


def inputs(dockerfile: Dockerfile, number: int) -> list[int]:
    """The first lines of what an instruction's file system comes from: the step above it, else
    its FROM, and the last steps of the stages that it copies from or is built on."""
    own = dockerfile.instructions[number]
    if own.stage is None:
        return []
    names = [dockerfile.stages[own.stage].base] if own.keyword == "FROM" else stages_used(own)
    found = [last_of(dockerfile, name, before=own.stage) for name in names]
    if own.keyword != "FROM":
        found.insert(0, step_above(dockerfile, number, own.stage))
    return [dockerfile.instructions[one].lines[0] for one in found if one is not None]


def last_of(dockerfile: Dockerfile, name: str, *, before: int) -> int | None:
    """The number of the last step of an earlier stage; None for an image."""
    stage = stage_called(dockerfile, name, before=before)
    if stage is None:
        return None
    return step_above(dockerfile, len(dockerfile.instructions), stage.index)


def step_above(dockerfile: Dockerfile, number: int, stage: int) -> int | None:
    """The last step of the stage before the instruction of that number; its FROM counts too."""
    found = [
        index
        for index, one in enumerate(dockerfile.instructions[:number])
        if one.stage == stage and (one.keyword in STEP_KEYWORDS or one.keyword == "FROM")
    ]
    return found[-1] if found else None


def explainable(one: Instruction, now: BuildRecord, dockerfile: Dockerfile) -> bool:
    """Whether all that may change for a step is kept: not what lies at an address or in another
    image, not too many files, and not a base image of which nothing is known."""
    if one.stage is None or fetches(one):
        return False
    stage = dockerfile.stages[one.stage]
    known = [stage_called(dockerfile, name, before=stage.index) for name in stages_used(one)]
    ground = stages_under(dockerfile, stage.index)[-1]
    unknown = external(dockerfile, ground) and not now.bases.get(ground.base)
    return all(known) and not unknown and (now.files is not None or not sources(one))


def match(before: Sequence[KeptLine], now: Sequence[KeptLine]) -> Matched:
    """Which instruction of now is which of before: stage by stage, by the longest runs of equal
    texts; between them the first with the first, where the keywords agree."""
    found: dict[int, KeptLine | None] = dict.fromkeys(range(len(now)))
    removed: dict[int, tuple[KeptLine, ...]] = {}
    for stage in dict.fromkeys(one.stage for one in now):
        old = [one for one in before if one.stage == stage]
        numbers = [index for index, one in enumerate(now) if one.stage == stage]
        matcher = difflib.SequenceMatcher(
            None, [one.text for one in old], [now[index].text for index in numbers], autojunk=False
        )
        for _, a, b, c, d in matcher.get_opcodes():
            gone = list(old[a:b])
            for index in numbers[c:d]:
                same = next((one for one in gone if one.keyword == now[index].keyword), None)
                found[index] = same
                if same:
                    gone.remove(same)
            below = numbers[d : d + 1]
            if gone and below:
                removed[below[0]] = tuple(gone)
    return Matched(found, removed)

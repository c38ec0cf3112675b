"""The build checks that look at an instruction, or at the others of its stage."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from container_magics.core.dockerfile import Dockerfile
from container_magics.core.instruction import Instruction

# By Docker's page on SecretsUsedInArgOrEnv: a name's parts that tell of a secret, and of none.
SECRET = {
    "apikey", "auth", "credential", "credentials", "key", "password", "passwd", "pword", "secret",
    "token",
}  # fmt: skip
NO_SECRET = {"public", "file", "version"}
ONLY_THE_LAST_COUNTS = {"CMD", "ENTRYPOINT", "HEALTHCHECK"}
NEEDS_A_SHELL = re.compile(r"[$&|;<>()`*?\[\]{}~\\'\"!#=]")
LONGEST_EXAMPLE = 60
ABSOLUTE = re.compile(r"[\"']?(?:/|\$|[A-Za-z]:|\\)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's find: ``text`` is one sentence, ``hint`` what to do.

    ``line`` is where to look, ``lines`` are the first and last of the instruction.
    """

    rule: str
    line: int
    text: str
    hint: str
    lines: tuple[int, int]


def finding(rule: str, instruction: Instruction, text: str, hint: str) -> Finding:
    """A find at the instruction's first line."""
    return Finding(rule, instruction.lines[0], text, hint, instruction.lines)


def instruction_findings(dockerfile: Dockerfile) -> Iterator[Finding]:
    """All of this module's checks."""
    yield from casing(dockerfile)
    yield from overruled(dockerfile)
    yield from shell_forms(dockerfile)
    yield from relative_workdirs(dockerfile)
    for one in dockerfile.instructions:
        yield from empty_lines(one)
        yield from old_forms(one)
        yield from secrets(one)
        yield from ports(one)


def casing(dockerfile: Dockerfile) -> Iterator[Finding]:
    """ConsistentInstructionCasing: as most of them are; a draw is for capitals."""
    staged = [one for one in dockerfile.instructions if one.stage is not None]
    small = sum(one.written == one.written.lower() for one in staged)
    capital = sum(one.written == one.keyword for one in staged)
    for one in staged:
        wanted = one.keyword.lower() if small > capital else one.keyword
        if one.written != wanted:
            yield finding("ConsistentInstructionCasing", one,
                f"{one.written} is not written as most instructions here are.",
                f"Write {wanted}.")  # fmt: skip


def empty_lines(one: Instruction) -> Iterator[Finding]:
    """NoEmptyContinuation, at the first empty line."""
    if one.blank_lines:
        yield Finding("NoEmptyContinuation", one.blank_lines[0],
            f"an empty line stands inside {one.keyword}; later builders will refuse that.",
            "Remove it, or make it a comment.", one.lines)  # fmt: skip


def overruled(dockerfile: Dockerfile) -> Iterator[Finding]:
    """MultipleInstructionsDisallowed, at the one that has no effect."""
    last: dict[tuple[int | None, str], Instruction] = {}
    for one in dockerfile.instructions:
        if one.keyword in ONLY_THE_LAST_COUNTS:
            before = last.get((one.stage, one.keyword))
            if before:
                yield finding("MultipleInstructionsDisallowed", before,
                    f"this {one.keyword} has no effect: line {one.lines[0]} replaces it.",
                    "Remove one of the two.")  # fmt: skip
            last[one.stage, one.keyword] = one


def shell_forms(dockerfile: Dockerfile) -> Iterator[Finding]:
    """JSONArgsRecommended; who chose a shell by SHELL wants one."""
    chosen = Counter(one.stage for one in dockerfile.instructions if one.keyword == "SHELL")
    for one in dockerfile.instructions:
        shell_form = one.keyword in ("CMD", "ENTRYPOINT") and one.body and one.json is None
        if shell_form and not chosen[one.stage]:
            yield finding("JSONArgsRecommended", one,
                f"{one.keyword} in its shell form runs under a shell, which keeps the stop signal "
                "from the program.", f"Write {as_list(one)}.")  # fmt: skip


def as_list(one: Instruction) -> str:
    """The same command as a JSON list, an example where it needs a shell."""
    plain = len(one.body) < LONGEST_EXAMPLE and not NEEDS_A_SHELL.search(one.body)
    words = one.body.split() if plain else ["program", "argument"]
    return f"{one.keyword} {json.dumps(words, ensure_ascii=False)}"


def relative_workdirs(dockerfile: Dockerfile) -> Iterator[Finding]:
    """WorkdirRelativePath: the first of a stage, where no stage under it has set one."""
    named: dict[str, int] = {}
    settled: set[int | None] = set()
    for one in dockerfile.instructions:
        if one.keyword == "FROM" and one.stage is not None:
            stage = dockerfile.stages[one.stage]
            if stage.base in named and named[stage.base] in settled:
                settled.add(one.stage)
            named[stage.name] = one.stage
        elif one.keyword == "WORKDIR":
            if one.stage not in settled and not ABSOLUTE.match(one.body):
                yield finding("WorkdirRelativePath", one,
                    f"WORKDIR {one.body[:60]} begins wherever the base image happens to be.",
                    f"Write it from the root, such as WORKDIR /{one.body[:60]}.")  # fmt: skip
            settled.add(one.stage)


def old_forms(one: Instruction) -> Iterator[Finding]:
    """MaintainerDeprecated and LegacyKeyValueFormat."""
    if one.keyword == "MAINTAINER":
        yield finding("MaintainerDeprecated", one, "MAINTAINER is out of use.",
            'Write LABEL org.opencontainers.image.authors="NAME".')  # fmt: skip
    if one.is_legacy_pair:
        key = one.pairs[0][0]
        yield finding("LegacyKeyValueFormat", one,
            f"{one.keyword} has its old form, with a blank for the '='.",
            f'Write {one.keyword} {key[:40]}="VALUE".')  # fmt: skip


def secrets(one: Instruction) -> Iterator[Finding]:
    """SecretsUsedInArgOrEnv, by the parts of the name."""
    if one.keyword not in ("ARG", "ENV") or one.stage is None:
        return
    for key, _ in one.pairs:
        parts = set(key.lower().split("_"))
        if parts & SECRET and not parts & NO_SECRET:
            yield finding("SecretsUsedInArgOrEnv", one,
                f"{key[:40]} looks like a secret, and {one.keyword} keeps it in the image.",
                "Give it to the step that needs it: RUN --mount=type=secret,id=NAME.")  # fmt: skip


def ports(one: Instruction) -> Iterator[Finding]:
    """ExposeProtoCasing and ExposeInvalidFormat."""
    for word in one.words if one.keyword == "EXPOSE" else ():
        port, _, protocol = word.partition("/")
        if protocol != protocol.lower() and "$" not in protocol:
            yield finding("ExposeProtoCasing", one, f"the protocol of {word[:40]} has capitals.",
                f"Write {port[:40]}/{protocol.lower()[:40]}.")  # fmt: skip
        if ":" in port and "$" not in port:
            yield finding("ExposeInvalidFormat", one,
                f"EXPOSE takes a port of the container and no more; {word[:40]} is more.",
                "Name the port alone; -p publishes it when a container starts.")  # fmt: skip

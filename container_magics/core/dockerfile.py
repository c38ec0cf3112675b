"""A Dockerfile's text -> its instructions, each with its lines and its stage.

The form is that of the Dockerfile reference (https://docs.docker.com/reference/dockerfile/);
where it leaves a question open, BuildKit's parser answers it. Nothing is expanded here, and
how stages hang together is settled by dockerfilestages.py, which knows the target.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from container_magics.core.dockerfilelines import (
    Directive,
    Logical,
    logical_lines,
    read_directives,
    split_lines,
)
from container_magics.core.dockerfilerules import refuse_wrong
from container_magics.core.dockerfilewords import split_keyword
from container_magics.core.instruction import Instruction as Instruction  # it belongs to the parser
from container_magics.core.instruction import nested
from container_magics.errors import DockerfileError

KEYWORDS = (
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
    "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
)  # fmt: skip
BUILDKIT_FLAGS = {
    "RUN": {"mount", "network", "security", "device"},
    "COPY": {"chmod", "link", "parents", "exclude"},
    "ADD": {"chmod", "link", "checksum", "exclude", "keep-git-dir", "unpack"},
}
PODMAN_FLAGS = {"RUN": {"mount"}, "COPY": {"chmod"}, "ADD": {"chmod"}}
"""Those of them that Podman's builder serves too (seen of 4.3: it refuses all others)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A FROM and what follows. ``name`` is in small letters, "stage-N" where none is given.

    ``written_name`` is as the file has it, "" for none; ``platform`` is that of --platform.
    """

    index: int
    name: str
    base: str
    line: int
    written_name: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile, read; ``directives`` hold only the ones that are known, in order."""

    instructions: tuple[Instruction, ...]
    stages: tuple[Stage, ...]
    directives: tuple[Directive, ...] = ()

    def directive(self, name: str) -> Directive | None:
        """The directive of that name, None where there is none."""
        return next((one for one in self.directives if one.name == name), None)

    @property
    def syntax(self) -> str:
        """The frontend that ``# syntax=`` asks for, "" for the builder's own."""
        found = self.directive("syntax")
        return found.value if found else ""

    def in_stage(self, index: int | None) -> tuple[Instruction, ...]:
        """The stage's instructions, its FROM first; None gives the ARGs before the first FROM."""
        return tuple(one for one in self.instructions if one.stage == index)


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile; DockerfileError with the line for what no builder would accept."""
    lines = split_lines(text)
    directives = read_directives(lines)
    escape = next((one.value for one in directives if one.name == "escape"), "\\")
    other = any(one.name == "syntax" for one in directives)
    found = tuple(read_instructions(lines, escape, other_frontend=other))
    if not any(one.keyword == "FROM" for one in found):
        raise DockerfileError("The Dockerfile has no FROM.", line=1,
            hint="Begin with the image to build on, such as FROM python:3.12.")  # fmt: skip
    return Dockerfile(found, stages_of(found), directives)


def read_instructions(
    lines: list[str], escape: str, *, other_frontend: bool
) -> Iterator[Instruction]:
    """The instructions in order; DockerfileError at the first one that is wrong by itself."""
    stage: int | None = None
    for logical in logical_lines(lines, escape):
        written, args = split_keyword(logical.text)
        keyword = known_keyword(written, logical)
        if keyword == "FROM":
            stage = 0 if stage is None else stage + 1
        elif stage is None and keyword != "ARG":
            line = logical.lines[0]
            raise DockerfileError(f"Line {line}: {keyword} comes before the first FROM.",
                line=line, hint="Begin with FROM; only ARG may stand before it.")  # fmt: skip
        one = Instruction(
            keyword, args, logical.lines, stage, logical.heredocs, written,
            logical.blank_lines, escape,
        )  # fmt: skip
        refuse_wrong(one, other_frontend=other_frontend)
        yield one


def known_keyword(written: str, logical: Logical) -> str:
    """The keyword in capitals; DockerfileError for one that there is not."""
    keyword, line = written.upper(), logical.lines[0]
    if keyword not in KEYWORDS:
        near = difflib.get_close_matches(keyword[:40], KEYWORDS, n=1)
        raise DockerfileError(
            f"Line {line}: there is no instruction {written[:40]!r}.", line=line,
            hint=f"Did you mean {near[0]}?" if near else
            "A command belongs after RUN; a long one goes on after a \\ at the line's end.",
            facts=(logical.text[:200],),
        )  # fmt: skip
    return keyword


def needs_buildkit(
    instructions: Iterable[Instruction], *, podman: bool = False
) -> Instruction | None:
    """The first instruction that the classic builder (or Podman's) cannot do, or does wrongly;
    None for none."""
    for one in instructions:
        inner = nested(one)
        own = BUILDKIT_FLAGS.get(inner.keyword, set())
        own = own - PODMAN_FLAGS.get(inner.keyword, set()) if podman else own
        if one.heredocs or any(name in own for name, _ in inner.flags):
            return one
    return None


def stages_of(instructions: tuple[Instruction, ...]) -> tuple[Stage, ...]:
    """The stages in order."""
    froms = [one for one in instructions if one.keyword == "FROM"]
    return tuple(read_from(index, one) for index, one in enumerate(froms))


def read_from(index: int, instruction: Instruction) -> Stage:
    """``FROM [--platform=P] BASE [AS NAME]``, which refuse_wrong has looked at."""
    words = instruction.words
    written = words[2] if len(words) == 3 else ""
    platform = dict(instruction.flags).get("platform", "")
    name = written.lower() or f"stage-{index}"
    return Stage(index, name, words[0], instruction.lines[0], written, platform)

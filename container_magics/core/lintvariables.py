"""The build check UndefinedVar: a variable that nothing sets comes out empty, without a word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from container_magics.core.dockerfile import Dockerfile
from container_magics.core.dockerfilestages import base_names
from container_magics.core.dockerfilevalues import EXPANDED, expanded_words
from container_magics.core.dockerfilevariables import BadWord, expand
from container_magics.core.instruction import Instruction
from container_magics.core.lintrules import Finding, finding
from container_magics.errors import DockerfileError

Known = dict[str, str]


def bases_in_question(
    dockerfile: Dockerfile, build_args: Iterable[tuple[str, str]] = ()
) -> tuple[str, ...]:
    """The base images whose environment decides whether a variable is set; () for none."""
    if not any(uses_variables(one) for one in dockerfile.instructions):
        return ()
    stages = {one.name for one in dockerfile.stages} | {"scratch", ""}
    return tuple(dict.fromkeys(one for one in bases(dockerfile, build_args) if one not in stages))


def uses_variables(one: Instruction) -> bool:
    """Whether the builder replaces a variable in it."""
    return one.keyword in EXPANDED and (
        "$" in one.args or any("$" in each.text for each in one.heredocs)
    )


def bases(dockerfile: Dockerfile, build_args: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """What the stages build on; "" for each where that cannot be told."""
    try:
        return base_names(dockerfile, build_args)
    except DockerfileError:
        return ("",) * len(dockerfile.stages)


def undefined_variables(
    dockerfile: Dockerfile,
    build_args: Iterable[tuple[str, str]],
    environments: Mapping[str, frozenset[str]],
) -> Iterator[Finding]:
    """The findings, in the order of the lines. Of a base that is not known nothing is said."""
    found = bases(dockerfile, build_args)
    by_name: dict[str, Known | None] = {"scratch": {"PATH": ""}}
    by_name |= {name: dict.fromkeys(each | {"PATH"}, "") for name, each in environments.items()}
    known: Known | None = None
    for one in dockerfile.instructions:
        if one.keyword == "FROM" and one.stage is not None:
            below = by_name.get(found[one.stage])
            known = dict(below) if below is not None else None
            # By reference: a later stage builds on what this one has set by its end.
            by_name[dockerfile.stages[one.stage].name] = known
        elif one.stage is not None and known is not None:
            yield from undefined(one, known)
            if one.keyword in ("ARG", "ENV"):
                known.update((key.strip("\"'"), "") for key, _ in one.pairs)


def undefined(one: Instruction, known: Known) -> Iterator[Finding]:
    """One finding for each name, with the nearest that is set."""
    if not uses_variables(one):
        return
    for name in sorted(missing(one, known)):
        near = difflib.get_close_matches(name, known, n=1)
        yield finding("UndefinedVar", one, f"${name[:40]} is not set here, and comes out empty.",
            f"Did you mean ${near[0]}?" if near else
            "Set it by ARG or ENV before, or write \\$ for a plain $.")  # fmt: skip


def missing(one: Instruction, known: Known) -> set[str]:
    """The names without a value in its words, and in the heredocs of COPY and ADD."""
    names = set[str]()
    try:
        for word in expanded_words(one):
            names |= expand(word, known, escape=one.escape).missing
        for each in one.heredocs:
            if each.expand:
                names |= expand(each.text, known, quotes=False).missing
    except BadWord:
        return set()
    return names

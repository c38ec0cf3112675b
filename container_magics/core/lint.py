"""Docker's build checks: what is odd about a Dockerfile that can be built all the same.

The rules and their names are those of https://docs.docker.com/reference/build-checks/ ; the
sentences are ours, and we check on every engine, also on those that have no checks of their own.
Not here are InvalidBaseImagePlatform and CopyIgnoredFile, which need the image and the context,
and InvalidDefinitionDescription, an experiment that is off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from container_magics.core.dockerfile import Dockerfile
from container_magics.core.events import BuildWarning
from container_magics.core.lintfrom import from_findings
from container_magics.core.lintrules import Finding, instruction_findings
from container_magics.core.lintvariables import undefined_variables
from container_magics.errors import DockerfileError

RULES = (
    "StageNameCasing", "FromAsCasing", "NoEmptyContinuation", "ConsistentInstructionCasing",
    "DuplicateStageName", "ReservedStageName", "JSONArgsRecommended", "MaintainerDeprecated",
    "UndefinedArgInFrom", "WorkdirRelativePath", "UndefinedVar", "MultipleInstructionsDisallowed",
    "LegacyKeyValueFormat", "RedundantTargetPlatform", "SecretsUsedInArgOrEnv",
    "InvalidDefaultArgInFrom", "FromPlatformFlagConstDisallowed", "ExposeProtoCasing",
    "ExposeInvalidFormat",
)  # fmt: skip
PAGE = "https://docs.docker.com/go/dockerfile/rule/"
# BuildKit warned of it before the rules had pages.
FIRST_WARNING = ("https://github.com/moby/moby/pull/33719", "NoEmptyContinuation")
OPTION = re.compile(r"\s*(skip|error|experimental)\s*=\s*(.*?)\s*\Z")


@dataclass(frozen=True, slots=True)
class Options:
    """What ``# check=`` asks for. ``skip`` holds names of rules, "all" for every one."""

    skip: frozenset[str] = frozenset()
    error: bool = False
    line: int = 1


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, in the order of the lines, but for what ``options`` skip."""

    findings: tuple[Finding, ...]
    options: Options = Options()

    @property
    def warnings(self) -> tuple[BuildWarning, ...]:
        """The findings as events of a build."""
        return tuple(
            BuildWarning("", one.text, page(one.rule), line=one.line, rule=one.rule, hint=one.hint)
            for one in self.findings
        )

    def covers(self, warning: BuildWarning) -> bool:
        """Whether a warning of the builder says what we have said, or were told not to say.

        The builder names some line of the instruction, its first or its last.
        """
        rule = rule_of(warning.url)
        if not rule:
            return False
        if self.options.skip & {rule, "all"}:
            return True
        return any(
            one.rule == rule
            and (warning.line is None or one.lines[0] <= warning.line <= one.lines[1])
            for one in self.findings
        )


def lint(
    dockerfile: Dockerfile,
    build_args: Iterable[tuple[str, str]] = (),
    environments: Mapping[str, frozenset[str]] | None = None,
) -> Checked:
    """Check a Dockerfile, all its stages.

    ``environments`` are the names of the variables that base images set, by the images' names
    (see lintvariables.bases_in_question); of an image that is missing there nothing is said
    about variables. Raises DockerfileError for a ``# check=`` that cannot be read.
    """
    options = read_options(dockerfile)
    found = [
        *from_findings(dockerfile, build_args),
        *instruction_findings(dockerfile),
        *undefined_variables(dockerfile, build_args, environments or {}),
    ]
    kept = (one for one in found if not options.skip & {one.rule, "all"})
    return Checked(
        tuple(sorted(set(kept), key=lambda one: (one.line, RULES.index(one.rule), one.text))),
        options,
    )


def read_options(dockerfile: Dockerfile) -> Options:
    """``# check=skip=RULE,RULE;error=true``."""
    directive = dockerfile.directive("check")
    if directive is None:
        return Options()
    given: dict[str, str] = {}
    for part in directive.value.split(";"):
        match = OPTION.match(part)
        if not match or (
            match[1] == "error" and match[2].lower() not in ("true", "false", "1", "0")
        ):
            raise DockerfileError(
                f"Line {directive.line}: # check= has no option {part.strip()[:40]!r}.",
                line=directive.line, hint="Such as # check=skip=JSONArgsRecommended;error=true .",
            )  # fmt: skip
        given[match[1]] = match[2]
    skip = frozenset(one.strip() for one in given.get("skip", "").split(",") if one.strip())
    return Options(skip, given.get("error", "").lower() in ("true", "1"), directive.line)


def refuse_findings(checked: Checked) -> None:
    """DockerfileError at the first finding where ``# check=error=true`` makes them errors."""
    if not checked.options.error or not checked.findings:
        return
    first, count = checked.findings[0], len(checked.findings)
    more = f" ({count - 1} more below)" if count > 1 else ""
    raise DockerfileError(
        f"Line {first.line}: {first.text}{more}", line=first.line,
        hint=f"{first.hint} # check=error=true in line {checked.options.line} makes it an error.",
        facts=tuple(f"line {one.line}: {one.rule}: {one.text}" for one in checked.findings[:20]),
    )  # fmt: skip


def page(rule: str) -> str:
    """Where Docker describes the rule."""
    return f"{PAGE}{slug(rule)}/"


def slug(rule: str) -> str:
    """``JSONArgsRecommended`` -> ``json-args-recommended``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", rule).lower()


def rule_of(url: str) -> str:
    """The rule whose page this is, "" for any other."""
    if url == FIRST_WARNING[0]:
        return FIRST_WARNING[1]
    last = url.rstrip("/").rpartition("/")[2]
    return next((rule for rule in RULES if slug(rule) == last), "")

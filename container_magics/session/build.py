"""The story of a build: read the Dockerfile, build it, say what happens, explain a failure."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import replace

from container_magics.core.buildfailure import explain
from container_magics.core.buildredaction import BuildRedaction
from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import BuildState
from container_magics.core.dockerfile import Dockerfile, Instruction, needs_buildkit, parse
from container_magics.core.dockerfilestages import images_of, refuse_too_many, refuse_unbuildable
from container_magics.core.events import (
    BuildChecked,
    BuildEvent,
    BuildStarted,
    BuildWarning,
    Built,
)
from container_magics.core.history import built_layers
from container_magics.core.lint import Checked, lint, refuse_findings
from container_magics.core.lintvariables import bases_in_question
from container_magics.core.names import ImageRef
from container_magics.engine import build as verbs
from container_magics.engine import buildx, images, policyfile, registry
from container_magics.engine.buildrecords import BuildRecords
from container_magics.engine.buildstream import BUILDKIT, CLASSIC, Version
from container_magics.engine.client import Engine
from container_magics.engine.credentials import login
from container_magics.engine.secrets import secret_values
from container_magics.errors import (
    BuildFailed,
    DockerfileError,
    NotFound,
    UsageError,
)
from container_magics.session.buildscene import scene_of
from container_magics.session.cachewatch import CacheWatch


def build(
    engine: Engine,
    spec: BuildSpec,
    *,
    version: Version = BUILDKIT,
    records: BuildRecords | None = None,
) -> Generator[BuildEvent, None, None]:
    """Build ``spec``: BuildStarted first, Built last, with the image's size.

    Before BuildStarted comes BuildChecked where the Dockerfile is odd, and of the builder's
    warnings only those which that has not said.
    Closing the generator, or an interrupt while it works, cancels the build on the engine.
    ``version`` 1 asks for the classic builder. With ``records`` each step that is not as in the
    tag's last build comes with a BuildReason, and this build is kept as the last.

    Raises DockerfileError or UsageError before anything is sent, BuildFailed after the
    BuildRefused event, and EngineError.
    """
    dockerfile = parse(spec.dockerfile)
    refuse_too_many(dockerfile)
    spec = replace(spec, target=written_target(dockerfile, spec.target))
    refuse_unbuildable(dockerfile, spec.target, spec.build_args)
    policyfile.refuse_build(images_of(dockerfile, spec.build_args), spec.network)
    refuse_heredocs(engine, dockerfile)
    buildx.refuse(engine, spec)
    if version == CLASSIC:
        refuse_classic(engine, dockerfile)
    checked = check(engine, dockerfile, spec)
    state = BuildState(spec.tag, dockerfile)
    watch = CacheWatch(engine, spec, dockerfile, records)
    if checked.warnings:
        yield BuildChecked(checked.warnings)
    with closing(redacted(verbs.build(engine, spec, version=version), spec)) as events:
        for event in events:
            if event == BuildStarted("classic"):
                refuse_classic(engine, dockerfile)
            if isinstance(event, BuildWarning) and checked.covers(event):
                continue
            told = with_layers(engine, spec, event) if isinstance(event, Built) else event
            for one in watch.around(state, told):
                state = state.apply(one)
                yield one
    if state.refused:
        failed = explain(state, spec, scene_of(engine, spec, state))
        raise with_registry(engine, failed, state)


def with_registry(engine: Engine, failed: BuildFailed, state: BuildState) -> BuildFailed:
    """The same; where a FROM got no image, with what its registry wants for it."""
    step = state.failed.instruction if state.failed else None
    if step is None or step.keyword != "FROM" or step.stage is None or not state.dockerfile:
        return failed
    with suppress(UsageError):  # an argument's value, or no name at all
        reference = ImageRef.parse(state.dockerfile.stages[step.stage].base)
        known = login(reference.registry)
        if told := registry.refusal(engine, reference, known, failed):
            failed.hint = f"{told}\n{told.hint}"
    return failed


def check(engine: Engine, dockerfile: Dockerfile, spec: BuildSpec) -> Checked:
    """What Docker's build checks find; DockerfileError where the Dockerfile makes it an error."""
    environments = {}
    for image in bases_in_question(dockerfile, spec.build_args):
        variables = verbs.image_variables(engine, image)
        if variables is not None:
            environments[image] = variables
    checked = lint(dockerfile, spec.build_args, environments)
    refuse_findings(checked)
    return checked


def begin(spec: BuildSpec) -> BuildState:
    """The state to fold the events of ``build(engine, spec)`` into; raises DockerfileError."""
    return BuildState(spec.tag, parse(spec.dockerfile))


def redacted(
    events: Generator[BuildEvent, None, None], spec: BuildSpec
) -> Generator[BuildEvent, None, None]:
    """The same events without the values of the build's secrets, whatever prints them."""
    hiding = BuildRedaction(secret_values(spec.secrets).values())
    with closing(events):
        for event in events:
            yield from hiding.feed(event)


def remove_nameless(engine: Engine, image_id: str) -> None:
    """Remove an image that has lost its last name. Nothing happens where it has one or is gone;
    Conflict where a container needs it."""
    with suppress(NotFound):
        if not images.inspect(engine, image_id)["RepoTags"]:
            images.remove(engine, image_id)


def with_layers(engine: Engine, spec: BuildSpec, event: Built) -> Built:
    """The same with the image's size, and its layers with the instructions that made them."""
    facts = images.inspect(engine, event.image_id)
    try:
        lines = images.lines_of(engine, event.image_id)
    except NotFound:  # containerd's store may have no snapshot of a layer that it has
        return replace(event, size_bytes=int(facts["Size"]))
    layers = len(facts["RootFS"].get("Layers") or ())
    found = built_layers(parse(spec.dockerfile), spec.target, lines, layers)
    return replace(event, size_bytes=int(facts["Size"]), layers=found)


def written_target(dockerfile: Dockerfile, target: str) -> str:
    """--target takes a stage's name in any case, or its number from 0: the name as the Dockerfile
    writes it, else the number. Podman knows a stage by that alone."""
    stages = dockerfile.stages
    if not target:
        return ""
    stage = next((one for one in stages if target.lower() in (one.name, str(one.index))), None)
    if stage is None:
        raise UsageError(
            f"--target {target}: the Dockerfile has no such stage.",
            hint=f"It has {', '.join(one.name for one in stages)}.",
        )
    return stage.written_name or str(stage.index)


def refuse_heredocs(engine: Engine, dockerfile: Dockerfile) -> None:
    """An older BuildKit, or Podman, would take a heredoc's lines for instructions; say so
    beforehand. Podman has no use for a ``# syntax=`` line, which brings a newer BuildKit."""
    first = next((one for one in dockerfile.instructions if one.heredocs), None)
    if first is None or verbs.reads_heredocs(engine):
        return
    if not dockerfile.syntax or verbs.is_podman(engine):
        raise refused(
            first,
            f"<<{first.heredocs[0].name} needs the BuildKit of Docker 23 or newer.",
            "Join the commands by && and end each line with \\ .",
        )


def refuse_classic(engine: Engine, dockerfile: Dockerfile) -> None:
    """The classic builder does some instructions wrongly and says nothing: never let it. Podman's
    does more of them, and fails at the others."""
    podman = verbs.is_podman(engine)
    first = needs_buildkit(dockerfile.instructions, podman=podman)
    if first is not None:
        raise refused(
            first,
            f"it needs BuildKit, and {'Podman' if podman else 'this engine'} builds without.",
            "Use another engine (`%engine`), or write it without "
            f"{'this flag' if podman else 'heredocs and --mount'}.",
        )


def refused(instruction: Instruction, why: str, hint: str) -> DockerfileError:
    """The error at the instruction's line."""
    line = instruction.lines[0]
    return DockerfileError(f"Line {line}: {why}", line=line, hint=hint, facts=(instruction.text,))

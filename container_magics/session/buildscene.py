"""What is looked at when a build has failed, so that its cause can be said."""

from __future__ import annotations

from dataclasses import replace

from container_magics.core.buildcauses import Scene
from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import BuildState
from container_magics.core.contextpaths import sources
from container_magics.core.dockerfile import Dockerfile, Instruction
from container_magics.engine import contextfiles, machine
from container_magics.engine.client import Engine


def scene_of(engine: Engine, spec: BuildSpec, state: BuildState) -> Scene:
    """The scene of the state's failure; the disk alone where no instruction failed."""
    failed = state.failed.instruction if state.failed else None
    disk = Scene(
        free_bytes=machine.free_bytes(engine),
        sent_bytes=state.context.sent_bytes if state.context else 0,
    )
    if failed is None or state.dockerfile is None:
        return disk
    return replace(
        with_context(disk, spec, failed),
        engine_platform=machine.engine_platform(engine),
        base_platform=machine.image_platform(engine, base_of(state.dockerfile, failed)),
    )


def with_context(scene: Scene, spec: BuildSpec, failed: Instruction) -> Scene:
    """The same, with what the context has; as it is for an instruction that takes nothing of it."""
    names = sources(failed)
    if failed.keyword == "RUN" or not names:
        return scene
    return replace(
        scene,
        paths=contextfiles.listed(spec),
        ignored=contextfiles.in_folder(spec, names),
        astray=contextfiles.astray(spec, names),
    )


def base_of(dockerfile: Dockerfile, failed: Instruction) -> str:
    """The image under the stage in which the instruction stands; "" for scratch and none."""
    if failed.stage is None:
        return ""
    stage = dockerfile.stages[failed.stage]
    earlier = {one.name: one for one in dockerfile.stages[: stage.index]}
    while stage.base.lower() in earlier:
        stage = earlier.pop(stage.base.lower())
    return "" if stage.base == "scratch" else stage.base

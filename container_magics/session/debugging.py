"""The story of going into a failed build: the layers before the failure, and a container of them.

The image has no name, and labels by which it is found; it goes with the session, as its container.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from container_magics.core.buildplan import DebugPlan, FailedBuild, plan
from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import BuildRefused, Built, Exited
from container_magics.core.spec import ContainerSpec
from container_magics.engine import build as builds
from container_magics.engine.buildstream import BUILDKIT, CLASSIC, Version
from container_magics.engine.client import Engine
from container_magics.engine.machine import engine_platform
from container_magics.engine.ownership import DEBUG, PURPOSE, USER, Owner
from container_magics.errors import (
    BuildFailed,
    ContainerFailed,
    NameTaken,
    NotSupported,
)
from container_magics.session.detached import run_detached
from container_magics.session.keptimages import remove_images
from container_magics.session.making import remove_ours
from container_magics.session.stopper import Stopper

COMMAND = ("/bin/sh", "-c", 'trap "exit 0" TERM INT; while sleep 3600 & wait $!; do :; done')
"""A shell that does nothing, and ends at once when it is told to, or has no sleep."""


def go_in(
    engine: Engine, failed: FailedBuild, owner: Owner, *, stopper: Stopper | None = None
) -> DebugPlan:
    """Leave a container running as the failing instruction found it; returns what was done.

    A container of an earlier call is replaced, and its image goes. After an interrupt the engine
    may finish the image all the same: it goes at the next call, or with the session. UsageError
    where there is no layer to go into, NotSupported on Podman, BuildFailed where the layers cannot
    be had again, NameTaken.
    """
    if builds.is_podman(engine):
        raise NotSupported(
            "Podman",
            "%image debug",
            "Use another engine (`%engine use`), or build the lines before with --target.",
            why="it needs Docker: Podman's failed builds leave nothing that could be told from its "
            "other images",
        )
    found = plan(failed)
    try:
        image = built(engine, failed, found, owner)
        network = failed.spec.network if failed.spec.network != "default" else ""
        spec = ContainerSpec(
            image, COMMAND, name=found.name, environment=found.environment, network=network
        )
        stay(engine, spec, owner, stopper or Stopper())
    finally:
        # the one before this; and this one, if its container could not be started
        remove_images(engine, owner, lambda session: session == owner.session, (DEBUG,))
    return found


def stay(engine: Engine, spec: ContainerSpec, owner: Owner, stopper: Stopper) -> None:
    """Start the container and leave it; ContainerFailed, and it is gone, where it ends at once."""
    try:
        with closing(run_detached(engine, spec, owner, purpose="debug", stopper=stopper)) as story:
            ended = [event for event in story if isinstance(event, Exited)]
    except NameTaken as taken:
        taken.hint = f"`%container rename {spec.name} OTHER` makes room for ours."
        raise
    if ended:
        remove_ours(engine, spec.name, owner)
        raise ContainerFailed(
            "What stands there cannot be gone into: a shell ended at once.",
            exit_status=ended[0].exit_status,
            hint="An image without `sh` and `sleep` can be looked at with `%layers`.",
        )


def by_the_engine(engine: Engine, spec: BuildSpec) -> BuildSpec:
    """The same build without docker buildx, which gives no image that has no name: its steps are
    in the engine's own cache. Of several platforms it is the engine's, where that is among them."""
    platforms = spec.platforms
    if len(platforms) > 1:
        own = engine_platform(engine)
        platforms = (own if own in platforms else platforms[0],)
    kept = tuple(one for one in spec.cache_from if "=" not in one)
    return replace(spec, platforms=platforms, cache_from=kept, cache_to=())


def built(engine: Engine, failed: FailedBuild, found: DebugPlan, owner: Owner) -> str:
    """The ID of the image of all before the failure; it comes from the cache."""
    labels = (*failed.spec.labels, (PURPOSE, "debug"), (DEBUG, owner.session), (USER, owner.user))
    spec = replace(
        by_the_engine(engine, failed.spec), dockerfile=found.dockerfile, tag="", target="",
        labels=labels, no_cache=False, pull=False,
    )  # fmt: skip
    classic = failed.state.builder == "classic"
    version: Version = CLASSIC if classic else BUILDKIT
    with closing(builds.build(engine, spec, version=version)) as events:
        for event in events:
            if isinstance(event, Built):
                return event.image_id
            if isinstance(event, BuildRefused):
                break
    raise BuildFailed(
        f"What stands before line {found.instruction.lines[0]} could not be built again.",
        line=None,
        hint="Run the cell again, and then this one.",
        facts=tuple(event.message.splitlines()) if isinstance(event, BuildRefused) else (),
    )

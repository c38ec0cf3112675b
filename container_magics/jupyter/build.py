"""Build an image and show it: for %%image, and for magics that need an image of their own."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial

from container_magics.core.buildplan import FailedBuild
from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import BuildState
from container_magics.engine.build import is_podman
from container_magics.errors import BuildFailed, ContainerMagicsError, UsageError
from container_magics.jupyter.patience import unhindered
from container_magics.jupyter.publish import CellPublisher, play, show
from container_magics.jupyter.stop import stop_button
from container_magics.jupyter.workbench import Workbench
from container_magics.session.build import begin, build, remove_nameless
from container_magics.session.debugging import go_in
from container_magics.session.stopper import Stopper
from container_magics.view.model import View
from container_magics.view.present import build as present
from container_magics.view.present.debug import debug

MOST_FAILED = 8
"""How many failed builds are kept to go into: each has what the cell added to its context."""
WAY_IN = "`%image debug` starts a container as this line found it."


def play_build(bench: Workbench, spec: BuildSpec, *, quiet: bool = False) -> None:
    """Tell the build's story in the cell; ``quiet`` shows the result alone."""
    last = begin(spec)

    def view(state: BuildState) -> View | None:
        nonlocal last
        last = state
        if quiet and not state.built:
            return None
        return present.build(state, stable=bench.stable, now_s=time.time())

    publisher = CellPublisher(stable=bench.stable)
    bench.failed_builds.pop(spec.tag, None)
    try:
        state = play(build(bench.engine, spec, records=bench.build_records), last, view, publisher)
    except BuildFailed as error:
        keep_failed(bench, FailedBuild(spec, last), error)
        raise
    if state.built:
        replace_built(bench, spec.tag, state.built.image_id)


def replace_built(bench: Workbench, tag: str, image_id: str) -> None:
    """Note what a tag is, and remove what this session had built for it before, if nobody has
    given it another name or runs it: a cell that is run often leaves one image, not many
    without a name."""
    before = bench.built_images.get(tag)
    bench.built_images[tag] = image_id
    if before not in (None, image_id):
        with suppress(ContainerMagicsError):
            unhindered(bench, partial(remove_nameless, bench.engine, before))


def keep_failed(bench: Workbench, failed: FailedBuild, error: BuildFailed) -> None:
    """Keep what ``%image debug`` needs, the newest last, and say so where there is a way in."""
    bench.failed_builds[failed.spec.tag] = failed
    for oldest in list(bench.failed_builds)[:-MOST_FAILED]:
        del bench.failed_builds[oldest]
    at = failed.state.failed.instruction if failed.state.failed else None
    if at and at.keyword != "FROM" and not is_podman(bench.engine):
        error.hint = f"{error.hint} {WAY_IN}".strip()


def debug_build(bench: Workbench, tag: str) -> None:
    """Go into the failed build of ``tag``, or into the last one for ""."""
    failed = bench.failed_builds
    wanted = tag or next(reversed(failed), "")
    if wanted not in failed:
        raise UsageError(
            f"No build{f' of {tag}' if tag else ''} has failed in this session.",
            hint="Run its %%image cell first.",
        )
    stopper = Stopper()
    with stop_button(stopper):
        found = go_in(bench.engine, failed[wanted], bench.owner, stopper=stopper)
    show(debug(found))

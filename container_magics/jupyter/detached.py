"""%%container -d: start it, show where it is, and let it write into its cell from then on."""

from __future__ import annotations

from container_magics.core.snapshot import Snapshot
from container_magics.core.spec import CellOptions, ContainerSpec
from container_magics.core.states import RunState
from container_magics.core.transfer import Transfer
from container_magics.jupyter.box import Box
from container_magics.jupyter.outlet import outlet_of
from container_magics.jupyter.publish import CellPublisher, play
from container_magics.jupyter.stop import stop_button
from container_magics.jupyter.workbench import Workbench
from container_magics.session.detached import run_detached, running_already
from container_magics.session.stopper import Stopper
from container_magics.view.present import run as present


def detach(bench: Workbench, spec: ContainerSpec, options: CellOptions, transfer: Transfer) -> Box:
    """Start a container that stays, or with --reuse take the one that runs already; returned,
    not shown: IPython shows what a cell returns."""
    kept = None
    if options.reuse:
        kept = running_already(
            bench.engine, spec, bench.owner, auto_remove=options.auto_remove, transfer=transfer
        )
    seen = kept or made(bench, spec, options, transfer)
    box = Box(
        bench.engine,
        seen,
        bench.background,
        stable=bench.stable,
        kept=kept is not None,
        limit_bytes=lambda: bench.file_limit_bytes,
    )
    follow(bench, box, from_now=kept is not None)
    if options.box:
        bench.keep(options.box, box)
    return box


def made(
    bench: Workbench, spec: ContainerSpec, options: CellOptions, transfer: Transfer
) -> Snapshot:
    """Start it, with what there is to say of it on the way."""
    stopper = Stopper()
    events = run_detached(
        bench.engine,
        spec,
        bench.owner,
        auto_remove=options.auto_remove,
        stopper=stopper,
        transfer=transfer,
    )
    with stop_button(stopper):
        state = play(
            events,
            RunState(),
            lambda state: present.run(state, stable=bench.stable),
            CellPublisher(stable=bench.stable),
        )
    return seen_in(state, spec.image)


def seen_in(state: RunState, image: str) -> Snapshot:
    """What the story has told of its container."""
    return Snapshot(
        state.container_id,
        state.name,
        image,
        "running" if state.exit_status is None else "exited",
        state.exit_status,
        state.ports,
    )


def follow(bench: Workbench, box: Box, *, from_now: bool) -> None:
    """Let the container write into this cell, where that is wanted and there is a kernel.

    Not in the stable mode: a saved notebook could not be compared.
    """
    outlet = outlet_of(bench.shell) if bench.late_output and not bench.stable else None
    if outlet:
        bench.background.follow(
            box.engine,
            box.id,
            outlet,
            limit_bytes=bench.output_limit_bytes,
            from_now=from_now,
        )

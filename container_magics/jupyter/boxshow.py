"""Practice boxes that are up, as a cell shows them; and what the notebook keeps of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from container_magics.core.sshflags import BOX
from container_magics.jupyter.publish import show
from container_magics.jupyter.shelloutput import terminal_in
from container_magics.practice.box import Box
from container_magics.view.present import sshbox as present

if TYPE_CHECKING:
    from container_magics.jupyter.workbench import Workbench


def shown_together(bench: Workbench, boxes: Sequence[Box]) -> None:
    """A crowd of boxes in one table."""
    for box in boxes:
        _keep(bench, box)
    shown = [
        present.UpRow(
            box.name, f"{box.address.host}:{box.address.port}", box.fingerprint, box.line,
            box.container,
        )
        for box in boxes
    ]  # fmt: skip
    show(present.crowd(shown, stable=bench.stable))


def _keep(bench: Workbench, box: Box) -> None:
    bench.keep(BOX, box)
    if box.container not in ("", box.name):
        bench.box_containers[box.name] = box.container


def shown(bench: Workbench, box: Box) -> None:
    """Where the box is, and how to log in."""
    _keep(bench, box)
    joined = box.name in bench.joined
    via = None if joined else box.address.via
    # a class's gateway is no box of the reader's: it is where the box is
    door = box.address.via if joined and box.address.via else box.address
    container = box.container or box.name
    view = present.box(
        box.name,
        address=f"{door.host}:{door.port}",
        user=box.address.user,
        fingerprint=box.fingerprint,
        line=box.line,
        stable=bench.stable,
        via=via.box if via else "",
        container=container,
    )
    here = not joined and not bench.stable  # what is saved in stable mode is the view alone
    show(view, terminal_in(container, under_view=True) if here else None)

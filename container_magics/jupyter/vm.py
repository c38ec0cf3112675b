"""The verbs of %vm, as a cell shows them."""

from __future__ import annotations

from collections.abc import Callable, Generator

from container_magics.core.vm import Comparison, Kvm, VmEvent, VmRequest
from container_magics.engine import qemu, vmfiles
from container_magics.jupyter.publish import CellPublisher, play, show
from container_magics.jupyter.workbench import Workbench
from container_magics.practice import vm
from container_magics.view.present import vm as present

COMPARISON = "comparison"
"""The Python variable that holds what was compared last."""


def compare(bench: Workbench, request: VmRequest) -> None:
    """Measure both and show them; without QEMU, say so and show the last figures."""
    if not qemu.is_installed():
        last = vm.last_figures()
        show(present.without_qemu(f"Install it: {qemu.INSTALL}", last))
        bench.keep(COMPARISON, last)
        return
    state = play(
        vm.compare(bench.engine, bench.owner, request),
        Comparison(),
        lambda now: present.comparison(now, stable=bench.stable),
        CellPublisher(stable=bench.stable),
    )
    bench.keep(COMPARISON, state)


def probe(bench: Workbench, _request: VmRequest) -> None:
    """Show whether KVM works here."""
    vm.refuse_without_qemu()
    found: list[Kvm] = []

    def story() -> Generator[VmEvent, None, None]:
        found.append((yield from vm.probed(bench.engine)))

    publisher = CellPublisher(stable=bench.stable)
    play(
        story(),
        Comparison(),
        lambda now: (
            present.probe(found[0], stable=bench.stable)
            if found
            else present.comparison(now, stable=bench.stable)
        ),
        publisher,
    )


def rm(bench: Workbench, _request: VmRequest) -> None:
    """Remove the disk that is kept."""
    with vmfiles.one_at_a_time():  # another notebook may be making it
        freed = vmfiles.remove()
    show(present.removed(freed, stable=bench.stable))


VERBS: dict[str, Callable[[Workbench, VmRequest], None]] = {
    "compare": compare, "probe": probe, "rm": rm,
}  # fmt: skip

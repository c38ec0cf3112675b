"""A practice box beside a virtual machine, each from its start to the first login."""

from __future__ import annotations

import platform
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from container_magics.core.vm import Accelerator, Comparison, First, Measured, Side, packed
from container_magics.engine import qemu
from container_magics.engine.client import Engine
from container_magics.engine.ownership import owner
from container_magics.engine.qemu import VmFiles
from container_magics.practice import vm
from tests.bench.turns import Row, in_turns, quotient

MOST = 5
"""A virtual machine under emulation takes ten seconds: more samples would say little more."""
FIGURES = Path(vm.__file__).with_name(vm.FIGURES)


def rows(engine: Engine, repeats: int) -> list[Row]:
    """The box against the machine with systemd and the small one; the last of each are kept in the
    package, for those who have no QEMU. EngineError where there is none here."""
    vm.refuse_without_qemu()
    files = files_of(engine)
    how: Accelerator = "kvm" if qemu.probe(files).works else "tcg"

    def booted(first: First) -> Side:
        return vm.measured_vm(files, how, first)

    samples = in_turns(
        {
            "box": lambda: vm.measured_box(engine, owner()),
            "systemd": lambda: booted("systemd"),
            "small": lambda: booted("small"),
        },
        max(2, min(MOST, repeats // 4)),
    )
    keep(engine, samples["box"][-1], samples["systemd"][-1])
    return [
        row
        for first in ("systemd", "small")
        for row in against(samples["box"], samples[first], f"a VM with {first}, {how.upper()}")
    ]


def files_of(engine: Engine) -> VmFiles:
    """What virtual machines start from, made now if they were never made."""
    story: Generator[Any, None, VmFiles] = vm.prepared(engine)
    with closing(story):
        while True:
            try:
                next(story)
            except StopIteration as end:
                found: VmFiles = end.value
                return found


def against(boxes: Sequence[Side], machines: Sequence[Side], what: str) -> list[Row]:
    """Time, memory and disk."""
    memory = [(box.memory_bytes + (box.helper_bytes or 0)) / 1e6 for box in boxes]
    theirs = [machine.memory_bytes / 1e6 for machine in machines]
    disk = boxes[-1].shared_bytes / 1e6, machines[-1].own_bytes / 1e6
    return [
        quotient(
            "a practice box, from start to first login", [box.login_s for box in boxes],
            what, [machine.login_s for machine in machines],
        ),
        Row(
            "… its memory, with the engine's helper", f"{max(memory):.0f} MB", "… its memory",
            f"{max(theirs):.0f} MB", f"× {max(memory) / max(theirs):.3f}",
        ),
        Row(
            "… its disk: an image that all share", f"{disk[0]:.0f} MB", "… its disk, for each",
            f"{disk[1]:.0f} MB", "",
        ),
    ]  # fmt: skip


def keep(engine: Engine, box: Side, machine: Side) -> None:
    """Write the figures that are shown where there is no QEMU, with day and machine."""
    facts = engine.facts()
    measured = (
        Comparison().apply(Measured(box, facts.kernel)).apply(Measured(machine, facts.kernel))
    )
    where = f"{facts.operating_system}, {facts.cpus} processors, {platform.machine()}"
    day = f"{datetime.now(UTC):%d %B %Y}"
    FIGURES.write_text(packed(replace(measured, day=day, machine=where)), encoding="utf-8")

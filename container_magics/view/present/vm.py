"""A container beside a virtual machine: a table of what was measured, and bars to see it."""

from __future__ import annotations

from collections.abc import Callable

from container_magics.core.units import count, duration, size
from container_magics.core.vm import Comparison, Kvm, Side
from container_magics.view.model import Column, Group, Meter, Note, Table, View

VARIES = "VARIES"
"""Stands for a figure of this run in the stable mode."""
HARDWARE = "the processor (KVM)"
EMULATED = "a program that emulates a processor (TCG)"
IS_SLOWER = (
    "This machine's processor did not carry the virtual machine (no KVM): QEMU emulated a "
    "processor. That is many times slower than a virtual machine usually is: its time says little "
    "about virtual machines in general. Memory, disk and kernel hold all the same."
)


def comparison(state: Comparison, *, stable: bool) -> View | None:
    """The comparison as it is now; None before it has begun. In the stable mode the figures that
    vary have a name in their place, and which is the larger is said in words; how the processor
    was virtualised, which differs from machine to machine, is not told then."""
    box, vm = state.container, state.vm
    doing = (Meter(f"{state.doing} …", None),) if state.doing else ()
    if box is None or vm is None:
        return doing[0] if doing else None
    views: list[View] = [table(box, vm, state, stable=stable)]
    if stable:
        views.append(Table((Column("which is more"), Column("")), larger(box, vm)))
    else:
        views += [bars(box, vm, *each) for each in BARS]
        if vm.accelerator == "tcg":
            views.append(Note(IS_SLOWER, "warning"))
    return Group(tuple(views), title=titled(state))


def titled(state: Comparison) -> str:
    """When and where it was measured."""
    if state.day:
        return f"Measured on {state.day}: {state.machine}"
    return "Measured now, on this machine"


def table(box: Side, vm: Side, state: Comparison, *, stable: bool) -> View:
    """Line by line, the container's column and the virtual machine's."""

    def told(figure: str) -> str:
        return VARIES if stable else figure

    rows = [
        ("from start to first login", *(told(duration(each.login_s)) for each in (box, vm))),
        ("memory on the host", told(with_helper(box)), told(size(vm.memory_bytes))),
        ("disk that others share", told(size(box.shared_bytes)), size(vm.shared_bytes)),
        ("disk of its own", told(size(box.own_bytes)), told(size(vm.own_bytes))),
        ("kernel inside", *(kernel(each, state.host_kernel, stable=stable) for each in (box, vm))),
        ("process 1 inside", box.inside.first, vm.inside.first),
        (
            "processes inside, during a login",
            *(told(str(each.inside.processes)) for each in (box, vm)),
        ),
        ("the kernel's own threads", *(threads(each, stable=stable) for each in (box, vm))),
        ("what the host sees, after it", *(seen(each, stable=stable) for each in (box, vm))),
        (
            "the wall is made by",
            "the kernel",
            "a processor, real or emulated" if stable else wall(vm),
        ),
    ]
    return Table((Column(""), Column(box.name), Column(vm.name)), tuple(rows))


def with_helper(box: Side) -> str:
    """The container's memory, and that of the engine's process beside it where it is known."""
    more = f" + {size(box.helper_bytes)} of the engine's" if box.helper_bytes else ""
    return size(box.memory_bytes) + more


def kernel(side: Side, host: str, *, stable: bool) -> str:
    """Whose kernel it is."""
    whose = "the host's" if side.inside.kernel == host else "its own"
    return whose if stable else f"{side.inside.kernel}, {whose}"


def threads(side: Side, *, stable: bool) -> str:
    """How many of the kernel's threads one sees inside."""
    if stable:
        return "some" if side.inside.kernel_threads else "none"
    return str(side.inside.kernel_threads) if side.inside.kernel_threads else "none"


def seen(side: Side, *, stable: bool) -> str:
    """The host's view: each program, or in the stable mode its name alone."""
    names = [line.split()[0].rpartition("/")[2].rstrip(":") for line in side.seen if line.split()]
    if stable:
        return ", ".join(dict.fromkeys(names))
    return f"{count(len(side.seen), 'process', 'processes')}: {', '.join(names)}"


def wall(vm: Side) -> str:
    """What keeps the virtual machine inside."""
    return HARDWARE if vm.accelerator == "kvm" else EMULATED


def login_s(side: Side) -> float:
    """Seconds, for the bars."""
    return side.login_s


def memory_bytes(side: Side) -> float:
    """All of its memory on the host, that of the engine's process too."""
    return side.memory_bytes + (side.helper_bytes or 0)


def own_bytes(side: Side) -> float:
    """Disk that it has for itself."""
    return side.own_bytes


Value = Callable[[Side], float]
BARS: tuple[tuple[str, Value, Callable[[float], str]], ...] = (
    ("From start to first login", login_s, duration),
    ("Memory on the host", memory_bytes, lambda value: size(int(value))),
    ("Disk of its own", own_bytes, lambda value: size(int(value))),
)


def bars(box: Side, vm: Side, caption: str, value: Value, told: Callable[[float], str]) -> View:
    """One figure of both as bars, whose lengths are in proportion."""
    most = max(value(box), value(vm)) or 1.0
    meters = tuple(Meter(s.name, value(s) / most, told(value(s))) for s in (box, vm))
    return Group(meters, title=caption)


def larger(box: Side, vm: Side) -> tuple[tuple[str, str], ...]:
    """Which of the two takes more of each."""
    return tuple((caption, max((box, vm), key=value).name) for caption, value, _told in BARS)


def without_qemu(hint: str, last: Comparison | None) -> View:
    """That nothing can be measured here, how to get what is missing, and the last figures."""
    note = Note("QEMU is not installed here, so no virtual machine was started.", "warning", hint)
    shown = comparison(last, stable=False) if last else None
    return Group((note, shown)) if shown else note


def probe(kvm: Kvm, *, stable: bool) -> View:
    """Whether KVM works. Whether it does differs from machine to machine: in the stable mode it is
    said only that it was tried."""
    if stable:
        return Note("It was tried whether this machine's processor can carry a virtual one.", "ok")
    if kvm.works:
        return Note(
            f"KVM works here: it carried a kernel in {duration(kvm.seconds)}. "
            "A virtual machine runs on the processor itself.", "ok",
        )  # fmt: skip
    return Note(
        "KVM does not work here, so a virtual machine's processor is emulated by a program: it is "
        "many times slower.",
        "warning",
        facts=(kvm.why,),
    )


def removed(freed_bytes: int, *, stable: bool) -> View:
    """That the kept disk is gone."""
    how_much = VARIES if stable else size(freed_bytes)
    return Note(f"The virtual machine's disk is gone; it took {how_much}.", "ok")

"""A practice box and a virtual machine, measured side by side: the words, and how they add up."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Literal

from container_magics.core.argparser import FlagParser
from container_magics.errors import UsageError

Accelerator = Literal["kvm", "tcg"]
First = Literal["systemd", "small"]
VERBS = {
    "compare": "start a practice box and a virtual machine, and measure both (the default)",
    "probe": "say whether this machine's processor can carry a virtual one",
    "rm": "remove the disk that is kept for the next virtual machine",
}
KERNEL_THREADS = "kthreadd"
"""The parent of the kernel's own threads, process 2 (kthreads in kernel/kthread.c of Linux)."""

FACTS = "uname -r; cat /proc/1/comm; ps -e -o pid= -o ppid= -o comm="
"""What is asked inside, over SSH; ``inside`` reads the answer."""


@dataclass(frozen=True, slots=True)
class VmRequest:
    """What to do (a key of VERBS). ``first`` is the virtual machine's first process; ``emulated``
    asks for software emulation also where the processor could do it."""

    verb: str
    first: First = "systemd"
    emulated: bool = False


@dataclass(frozen=True, slots=True)
class Inside:
    """What one finds inside: the kernel's release, the first process's name, how many processes
    there are, and how many threads of the kernel's own beside them. Those that asked count."""

    kernel: str
    first: str
    processes: int
    kernel_threads: int


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two, as it was measured.

    ``login_s`` is from the start to the first login. ``memory_bytes`` is what the host gives for
    it; ``helper_bytes`` that of the engine's own process beside it, None where it cannot be seen
    or there is none. ``shared_bytes`` is disk that others of its kind use too, ``own_bytes`` what
    it has for itself. ``seen`` are its processes as the host lists them. ``accelerator`` is "" for
    a container.
    """

    name: str
    login_s: float
    memory_bytes: int
    helper_bytes: int | None
    shared_bytes: int
    own_bytes: int
    inside: Inside
    seen: tuple[str, ...]
    accelerator: Accelerator | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class VmStep:
    """Something is being done now."""

    doing: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One side is measured, and gone again. ``host_kernel`` is the release of the host's."""

    side: Side
    host_kernel: str


VmEvent = VmStep | Measured


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured so far. ``container`` and ``vm`` are None until they are; ``day`` and
    ``machine`` are those of figures that were kept, "" for those of now."""

    container: Side | None = None
    vm: Side | None = None
    host_kernel: str = ""
    doing: str = ""
    day: str = ""
    machine: str = ""

    def apply(self, event: VmEvent) -> Comparison:
        """The comparison after one more event."""
        if isinstance(event, VmStep):
            return replace(self, doing=event.doing)
        now = replace(self, doing="", host_kernel=event.host_kernel)
        if event.side.accelerator:
            return replace(now, vm=event.side)
        return replace(now, container=event.side)


@dataclass(frozen=True, slots=True)
class Kvm:
    """What the probe found: whether KVM carried a kernel, how long that took, and why not."""

    works: bool
    seconds: float
    why: str = ""


def vm_parser() -> FlagParser:
    """%vm."""
    lines = [f"  {verb:<8} {meaning}" for verb, meaning in VERBS.items()]
    parser = FlagParser(
        "%vm",
        description="\n".join(("A real virtual machine beside a practice box.", "", *lines)),
        epilog="The virtual machine is started by QEMU, which has to be installed. Its disk is\n"
        "made from the practice box's image, systemd and Debian's kernel for clouds. It is gone\n"
        "after the cell; its disk is kept for the next time.",
    )
    parser.after[""] = "|".join(VERBS)
    add = parser.add_argument
    add("verb", metavar="VERB", nargs="?", default="compare", choices=list(VERBS), help="see above")
    add("--first", metavar="PROCESS", default="systemd", choices=["systemd", "small"],
        help="the virtual machine's first process: systemd, or small for a script that starts "
        "sshd alone")  # fmt: skip
    add("--emulated", action="store_true", help="compare: emulate the processor by a program, "
        "also where KVM works")  # fmt: skip
    add("--debug", action="store_true", help="show the Python traceback of an error")
    return parser


def parse_vm(line: str) -> VmRequest:
    """Read the text after %vm; raises UsageError."""
    words = vm_parser().parse(line)
    if words.verb != "compare" and (words.emulated or words.first != "systemd"):
        raise UsageError("--first and --emulated go with compare alone.")
    return VmRequest(words.verb, words.first, words.emulated)


def inside(answer: str) -> Inside:
    """What FACTS has answered: release, name of process 1, then a line for each process (pid,
    parent, name). ValueError for anything else."""
    kernel, first, *rows = answer.splitlines()
    table = [row.split(None, 2) for row in rows]
    own = {pid for pid, _parent, name in table if pid == "2" and name == KERNEL_THREADS}
    threads = sum(1 for pid, parent, _name in table if pid in own or parent in own)
    return Inside(kernel.strip(), first.strip(), len(table) - threads, threads)


def packed(comparison: Comparison) -> str:
    """As JSON text, to be kept."""
    return json.dumps(asdict(comparison), indent=1) + "\n"


def unpacked(text: str) -> Comparison:
    """What ``packed`` packed. ValueError, KeyError or TypeError for anything else."""
    kept = json.loads(text)
    box, vm = (_side(kept.pop(name)) for name in ("container", "vm"))
    return Comparison(box, vm, **kept)


def _side(kept: dict[str, object] | None) -> Side | None:
    if kept is None:
        return None
    within, seen = kept.pop("inside"), kept.pop("seen")
    if not isinstance(within, dict) or not isinstance(seen, Iterable):
        raise TypeError("no figures of a side")
    return Side(**kept, inside=Inside(**within), seen=tuple(map(str, seen)))  # type: ignore[arg-type]  # what asdict made

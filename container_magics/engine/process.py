"""Which process it is: its number alone is given again, so when it began is kept with it.

The hour of that beginning is no help on Linux: it is counted from the boot, and the boot's own hour
moves whenever the clock is set (a machine that wakes up, NTP). So there it is kept as the kernel
keeps it: which boot, and how many clock ticks after it.
"""

from __future__ import annotations

import hashlib
import platform
import uuid
from functools import cache
from pathlib import Path

import psutil

CLOCK_STEP_S = 60.0
"""How far the clock may have been set, where the kernel gives only the hour."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_ID = Path("/etc/machine-id")
_NAMESPACE = Path("/proc/self/ns/pid")
_FIRST_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, linux/proc_ns.h


def began(pid: int) -> str:
    """What tells a process from all others that have its number, before it or after it.

    "BOOT-ID/TICKS" on Linux (random(4); field 22 of /proc/PID/stat, proc(5)), else the hour of
    its start in seconds. "" when there is no such process.
    """
    boot = _boot_id()
    try:
        if not boot:
            return f"{psutil.Process(pid).create_time():.0f}"
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return ""
    after_name = stat.rpartition(")")[2].split()  # a program's name may hold spaces and brackets
    return f"{boot}/{after_name[22 - 3]}"


def is_gone(pid: int, beginning: str) -> bool:
    """Whether the process that began so is known to have ended; False where nobody can tell."""
    try:
        now = began(pid)
    except (psutil.Error, OSError):
        return False
    if not now:
        return True
    if "/" in now and "/" in beginning:
        return now != beginning
    try:
        return abs(float(now) - float(beginning)) > CLOCK_STEP_S
    except ValueError:  # written by an earlier version, or by nobody of ours
        return False


def parent_of(pid: int) -> tuple[int, str] | None:
    """The number and name of a process's parent; None where it has none that we may know of."""
    try:
        parent = psutil.Process(pid).parent()
        return (parent.pid, parent.name()) if parent else None
    except psutil.Error:
        return None


@cache
def place() -> str:
    """The machine and the process namespace: where a process number means this process.

    Two machines may have the same name, so its machine-id(5) stands beside it. In a namespace
    other than the machine's first, which lasts for one boot at most, and in which a machine-id may
    be missing or the image's own, it is the boot's ID. Without /proc, a network card's address.
    Only a hash of it is shown: a machine-id is confidential, and labels are read by others.
    """
    space = _NAMESPACE.stat().st_ino if _NAMESPACE.exists() else 0
    machine = _text(_MACHINE_ID) if space == _FIRST_NAMESPACE else ""
    known = machine if len(machine) == 32 else _boot_id() or f"{uuid.getnode():012x}"
    digest = hashlib.sha256(f"container-magics {known}".encode()).hexdigest()[:16]
    return f"{platform.node()}/{digest}/{space}"


@cache
def _boot_id() -> str:
    return _text(_BOOT_ID)


def _text(path: Path) -> str:
    """A small file's text, without the newline; "" where there is no such file."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""

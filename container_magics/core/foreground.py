"""Who has a container's terminal, and whether it waits for the reader: read from proc(5).

A line for each process of the container: its ``stat``, and after a bar what it waits in
(``wchan``, a function of the kernel) and the system call it is in (``syscall``: number, then
arguments), as far as the kernel tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

LOOK = r"""
for d in /proc/[0-9]*; do
    IFS= read -r s <"$d/stat" || continue
    w=; c=; IFS= read -r w <"$d/wchan"; read -r c a b r <"$d/syscall"
    printf '%s|%s|%s %s\n' "$s" "$w" "$c" "$a"
done
"""
"""A script for a POSIX shell that writes those lines, by what is built into it."""

READS = ("n_tty_read",)
"""In this function a process waits for a terminal's line and for nothing else."""
PERHAPS = ("wait_woken",)
"""In this one it may wait for a socket as well; then the system call has to tell."""
READ_CALLS = ("0", "63")
"""read(2) on x86-64 and on aarch64."""
SELECT_CALLS = ("23", "270", "72")
"""select(2) and pselect6(2) on x86-64, pselect6(2) on aarch64."""
POLL_CALLS = ("7", "271", "73")
"""poll(2) and ppoll(2) on x86-64, ppoll(2) on aarch64."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process. ``foreground`` is the process group that has its terminal, -1 for none."""

    pid: int
    group: int
    foreground: int
    waits_in: str
    call: str
    argument: str


def processes(answer: str) -> Iterator[Process]:
    """Those that ``LOOK`` has written of."""
    for line in answer.splitlines():
        stat, _, rest = line.rpartition(")")
        fields, (pid, _, _) = rest.split("|"), stat.partition(" ")
        after = fields[0].split()
        if len(fields) == 3 and len(after) > 5 and pid.isdecimal():
            call, _, argument = fields[2].partition(" ")
            yield Process(int(pid), int(after[2]), int(after[5]), fields[1], call, argument)


def foreground_of(pid: int, found: list[Process]) -> int | None:
    """The process group that has the terminal of process ``pid``; None where it is not there."""
    return next((each.foreground for each in found if each.pid == pid), None)


def reads_terminal(pid: int, found: list[Process]) -> bool:
    """Whether a process that has the terminal of process ``pid`` waits for what is typed."""
    group = foreground_of(pid, found)
    return any(each.group == group and reads(each, pid) for each in found)


def is_idle(pid: int, found: list[Process]) -> bool:
    """Whether the shell ``pid`` itself waits for a line, whoever has its terminal."""
    return any(each.pid == pid and reads(each, pid) for each in found)


def reads(process: Process, shell: int) -> bool:
    """Whether a process waits for a line. A shell's own ``read`` may poll its one input."""
    if process.waits_in in READS:
        return True
    if process.call in READ_CALLS:
        return process.waits_in in PERHAPS and process.argument == "0x0"
    if process.call in SELECT_CALLS:
        return process.argument == "0x1"  # of one descriptor: the first, which is stdin
    if process.call in POLL_CALLS:
        return process.pid == shell
    return process.waits_in in PERHAPS and not process.call

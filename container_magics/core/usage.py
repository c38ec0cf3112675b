"""What a container uses, from two frames of the engine's statistics.

The frames are those of the Engine API's "Get container stats based on resource usage"; the
formulas are the ones that docker's documentation of ``docker container stats`` and that part of
the API describe: the processor's share from the difference of two frames, the memory without
the cache that the kernel can take back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Frame = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """What one container uses. The network and block counts are since its start.

    ``cpu_fraction`` is in processors: 1.0 is one of them busy all the time, 2.0 two.
    ``memory_limit_bytes`` is the machine's memory where the container has no limit.
    """

    name: str
    cpu_fraction: float
    memory_bytes: int
    memory_limit_bytes: int
    network_in_bytes: int
    network_out_bytes: int
    block_in_bytes: int
    block_out_bytes: int
    processes: int


def usage(name: str, first: Frame, second: Frame) -> Usage:
    """What ``name`` uses between two frames of its statistics, in the order they came.

    What an engine leaves out counts as 0: a container without a network, a kernel that does
    not count blocks.
    """
    network_in, network_out = network_bytes(second)
    block_in, block_out = block_bytes(second)
    memory = second.get("memory_stats") or {}
    return Usage(
        name=name,
        cpu_fraction=cpu_fraction(first, second),
        memory_bytes=memory_bytes(memory),
        memory_limit_bytes=int(memory.get("limit") or 0),
        network_in_bytes=network_in,
        network_out_bytes=network_out,
        block_in_bytes=block_in,
        block_out_bytes=block_out,
        processes=int((second.get("pids_stats") or {}).get("current") or 0),
    )


def cpu_fraction(first: Frame, second: Frame) -> float:
    """How many processors were busy for the container between the frames.

    Its processor time over the machine's, times the number of processors: the machine's time
    is the sum over all of them. 0.0 where either did not grow, as after a restart.
    """
    before, after = first.get("cpu_stats") or {}, second.get("cpu_stats") or {}
    used = processor_time(after) - processor_time(before)
    machine = int(after.get("system_cpu_usage") or 0) - int(before.get("system_cpu_usage") or 0)
    if used <= 0 or machine <= 0:
        return 0.0
    per_processor = (after.get("cpu_usage") or {}).get("percpu_usage") or ()
    return used / machine * (int(after.get("online_cpus") or 0) or len(per_processor) or 1)


def processor_time(cpu_stats: Frame) -> int:
    """Nanoseconds of processor time since the container's start, over all processors."""
    return int((cpu_stats.get("cpu_usage") or {}).get("total_usage") or 0)


def memory_bytes(memory_stats: Frame) -> int:
    """Bytes in use without the inactive part of the page cache.

    The kernel's name for that part is ``total_inactive_file`` under cgroup 1 (the container's
    and its children's) and ``inactive_file`` under cgroup 2.
    """
    used = int(memory_stats.get("usage") or 0)
    details = memory_stats.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file")) or 0
    return used - int(cache) if cache < used else used


def network_bytes(frame: Frame) -> tuple[int, int]:
    """(received, sent) over all interfaces."""
    interfaces = (frame.get("networks") or {}).values()
    received = sum(int(each.get("rx_bytes") or 0) for each in interfaces)
    return received, sum(int(each.get("tx_bytes") or 0) for each in interfaces)


def block_bytes(frame: Frame) -> tuple[int, int]:
    """(read, written) over all devices; engines write the words large or small."""
    entries = (frame.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()
    counted = {"read": 0, "write": 0}
    for entry in entries:
        word = str(entry.get("op", "")).lower()
        if word in counted:
            counted[word] += int(entry.get("value") or 0)
    return counted["read"], counted["write"]

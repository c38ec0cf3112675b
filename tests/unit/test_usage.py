"""Two frames of the engine's statistics become what a container uses."""

from __future__ import annotations

from typing import Any

import pytest

from container_magics.core.usage import memory_bytes, usage


def frame(used_ns: int, machine_ns: int, **more: Any) -> dict[str, Any]:
    """A frame as the engine sends it, with the container's and the machine's processor time."""
    cpu = {"cpu_usage": {"total_usage": used_ns}, "system_cpu_usage": machine_ns, "online_cpus": 2}
    return {"cpu_stats": cpu, **more}


def test_the_processor_s_share_is_the_difference_of_the_frames() -> None:
    # in a second of two processors, 2 s of machine time, the container had half a second
    used = usage("box", frame(10_000, 5_000), frame(500_010_000, 2_000_005_000))
    assert used.cpu_fraction == pytest.approx(0.5)


def test_all_processors_busy_count_each() -> None:
    used = usage("box", frame(0, 0), frame(2_000_000_000, 2_000_000_000))
    assert used.cpu_fraction == pytest.approx(2.0)


def test_an_older_engine_counts_processors_one_by_one() -> None:
    first, second = frame(0, 0), frame(1_000, 4_000)
    del second["cpu_stats"]["online_cpus"]
    second["cpu_stats"]["cpu_usage"]["percpu_usage"] = [250, 250, 250, 250]
    assert usage("box", first, second).cpu_fraction == pytest.approx(1.0)


@pytest.mark.parametrize(("used_ns", "machine_ns"), [(5, 10), (4, 20), (5, 5)])
def test_a_counter_that_did_not_grow_is_no_use(used_ns: int, machine_ns: int) -> None:
    assert usage("box", frame(5, 10), frame(used_ns, machine_ns)).cpu_fraction == 0.0


def test_memory_is_without_the_cache_that_can_be_taken_back() -> None:
    first_version = {"usage": 1000, "stats": {"total_inactive_file": 300, "inactive_file": 7}}
    assert memory_bytes(first_version) == 700
    assert memory_bytes({"usage": 1000, "stats": {"inactive_file": 200}}) == 800
    assert memory_bytes({"usage": 100, "stats": {"inactive_file": 200}}) == 100
    assert memory_bytes({"usage": 100}) == 100


def test_networks_and_disks_are_summed() -> None:
    second = frame(
        0,
        0,
        networks={"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}},
        blkio_stats={
            "io_service_bytes_recursive": [
                {"op": "Read", "value": 5},
                {"op": "write", "value": 6},
                {"op": "Total", "value": 11},
                {"op": "read", "value": 50},
            ]
        },
        pids_stats={"current": 3},
        memory_stats={"usage": 9, "limit": 99},
    )
    used = usage("box", frame(0, 0), second)
    assert (used.network_in_bytes, used.network_out_bytes) == (11, 22)
    assert (used.block_in_bytes, used.block_out_bytes) == (55, 6)
    assert (used.processes, used.memory_bytes, used.memory_limit_bytes) == (3, 9, 99)


def test_what_an_engine_leaves_out_is_nothing() -> None:
    used = usage("box", {}, {"networks": None, "blkio_stats": {"io_service_bytes_recursive": None}})
    assert (used.cpu_fraction, used.memory_bytes, used.network_in_bytes, used.processes) == (
        *(0.0, 0, 0, 0),
    )

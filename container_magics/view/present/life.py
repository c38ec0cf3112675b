"""What is worth saying of a container's life: what it uses, what was waited for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from container_magics.core.sparkline import sparkline
from container_magics.core.units import percent, size
from container_magics.core.usage import Usage
from container_magics.core.waits import Condition
from container_magics.view.model import Column, Group, Note, Table, View
from container_magics.view.present import lists

USAGE_COLUMNS = (
    Column("name"),
    Column("processor", "right"),
    Column("memory", "right"),
    Column("memory limit", "right"),
    Column("network in / out", "right"),
    Column("disk in / out", "right"),
    Column("processes", "right"),
)
LATELY_COLUMNS = (
    Column("name"),
    Column("processor", "right"),
    Column("lately"),
    Column("memory", "right"),
    Column("lately"),
    Column("memory limit", "right"),
    Column("processes", "right"),
)
ANONYMOUS = re.compile(r"[0-9a-f]{64}\Z")
VARIES = ("PROCESSOR", "MEMORY", "NETWORK", "DISK", "PROCESSES")


def terminal(name: str) -> View:
    """The way into a container, for a page that cannot open one."""
    return Note(f"A terminal in {name}", facts=(f"docker exec -it {name} sh",))


def usage(found: Sequence[Usage], *, machine_bytes: int, stable: bool) -> View:
    """A row a container; 100 % is one processor busy. A limit of ``machine_bytes`` or more is
    none. In stable mode names and limits alone: the rest is another at each look."""
    rows = []
    for each in found:
        processor, memory, network, disk, processes = VARIES if stable else amounts(each)
        limit = limited(each.memory_limit_bytes, machine_bytes)
        rows.append((each.name, processor, memory, limit, network, disk, processes))
    return Table(USAGE_COLUMNS, tuple(rows), empty="no container runs")


def usage_lately(histories: Sequence[Sequence[Usage]], machine_bytes: int) -> View:
    """A row a container, of what it used at one look after the other, oldest first.

    The blocks of the processor reach up to one processor, or to the most that was seen; those of
    the memory to the limit or, without one, to the most that was seen.
    """
    return Table(
        LATELY_COLUMNS,
        tuple(lately(each, machine_bytes) for each in histories if each),
        empty="no container runs",
    )


def lately(history: Sequence[Usage], machine_bytes: int) -> tuple[str, ...]:
    """A row of that table."""
    now = history[-1]
    processor, memory, _, _, processes = amounts(now)
    busy, used = [each.cpu_fraction for each in history], [each.memory_bytes for each in history]
    is_limited = 0 < now.memory_limit_bytes < machine_bytes
    top = now.memory_limit_bytes if is_limited else max(used)
    return (
        now.name,
        processor,
        sparkline(busy, max(1.0, *busy)),
        memory,
        sparkline(used, top),
        limited(now.memory_limit_bytes, machine_bytes),
        processes,
    )


def amounts(used: Usage) -> tuple[str, str, str, str, str]:
    """What stands in place of VARIES where it may vary."""
    return (
        percent(used.cpu_fraction),
        size(used.memory_bytes),
        f"{size(used.network_in_bytes)} / {size(used.network_out_bytes)}",
        f"{size(used.block_in_bytes)} / {size(used.block_out_bytes)}",
        str(used.processes),
    )


def limited(limit_bytes: int, machine_bytes: int) -> str:
    """A limit on memory."""
    return size(limit_bytes) if 0 < limit_bytes < machine_bytes else "none"


def met(name: str, condition: Condition, *, exit_status: int | None = None, line: str = "") -> View:
    """That a container is what was waited for."""
    match condition.kind:
        case "exit":
            return Note(f"{name} has ended with status {exit_status}.", "ok")
        case "log":
            return Note(
                f"{name} wrote a line that matches {condition.pattern!r}.", "ok", "", (line,)
            )
        case "port":
            return Note(f"{name} listens on port {condition.port}.", "ok")
        case "http":
            return Note(f"{name} answers at {condition}.", "ok")
        case "healthy":
            return Note(f"{name} is healthy.", "ok")
    return Note(f"{name} runs.", "ok")


def inspected(facts: Mapping[str, Any], *, stable: bool) -> View:
    """What matters most of an inspected container, and then what not every container has."""
    state, host = facts["State"], facts["HostConfig"]
    policy = (host.get("RestartPolicy") or {}).get("Name") or "no"
    health = (state.get("Health") or {}).get("Status", "")
    more = [
        ("health", "" if health == "none" else health),
        ("restart policy", "" if policy == "no" else policy),
        ("mounts", ", ".join(mount(each, stable=stable) for each in facts.get("Mounts") or ())),
        ("could not start", state.get("Error") or ""),
    ]
    rows = lists.facts_table(more)
    table = lists.container(facts, stable=stable)
    if not isinstance(table, Table) or not isinstance(rows, Table):
        return Group((table, rows))
    return replace(table, rows=table.rows + rows.rows)


def mount(facts: Mapping[str, Any], *, stable: bool) -> str:
    """ "source → target"; in stable mode a volume whose name the engine chose is VOLUME."""
    source = str(facts.get("Name") or facts.get("Source") or facts.get("Type", ""))
    if stable and ANONYMOUS.match(source):
        source = "VOLUME"
    return f"{source} → {facts['Destination']}" + ("" if facts.get("RW", True) else ", read only")


def detached(name: str) -> View:
    """That a log is no longer followed."""
    return Note(f"Stopped following {name}; the container was left as it is.")


def cut(hidden_bytes: int) -> View:
    """That a part of a log is not in the cell."""
    return Note(
        f"{size(hidden_bytes)} more of the log is not shown.",
        "warning",
        hint="--tail N shows the last lines, --since 10m the newest.",
    )

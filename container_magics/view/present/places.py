"""Networks and volumes as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from container_magics.core.facts import NetworkFacts, VolumeFacts
from container_magics.core.units import count, size
from container_magics.view.model import Column, Table, View
from container_magics.view.present.lists import facts_table, short

MOST_NAMES = 3


def networks(found: Sequence[NetworkFacts], *, stable: bool) -> View:
    """Name, driver, reach, subnets and containers; in stable mode no subnets, for the engine
    chooses them."""
    rows = tuple(
        (
            facts.name,
            facts.driver,
            f"{facts.scope}, internal" if facts.internal else facts.scope,
            "SUBNET" if stable and facts.subnets else ", ".join(facts.subnets),
            named(facts.containers),
            "✓" if facts.mine else "",
        )
        for facts in found
    )
    names = ("name", "driver", "scope", "subnet", "containers", "made here")
    return Table(tuple(Column(name) for name in names), rows, empty="no networks")


def volumes(found: Sequence[VolumeFacts], *, stable: bool, sizes: bool = False) -> View:
    """Name, driver and the containers that have it; with ``sizes`` also its bytes, which are
    SIZE in stable mode."""
    rows = tuple(
        (
            facts.name,
            facts.driver,
            named(facts.containers),
            *([measured(facts.size_bytes, stable=stable)] if sizes else []),
            "✓" if facts.mine else "",
        )
        for facts in found
    )
    names = ("name", "driver", "used by", *(["size"] if sizes else []), "made here")
    columns = (Column(name, "right" if name == "size" else "left") for name in names)
    return Table(tuple(columns), rows, empty="no volumes")


def network(facts: Mapping[str, Any], *, stable: bool) -> View:
    """What matters most of an inspected network (API, "Inspect a network"); in stable mode
    neither its ID nor addresses."""
    pools = (facts.get("IPAM") or {}).get("Config") or ()
    on_it = sorted(
        (each["Name"], "ADDRESS" if stable else each["IPv4Address"].partition("/")[0])
        for each in (facts.get("Containers") or {}).values()
    )
    rows = [
        ("name", facts["Name"]),
        ("ID", "ID" if stable else short(facts["Id"])),
        ("driver", facts["Driver"]),
        ("scope", facts["Scope"]),
        ("way out", "none: it is internal" if facts["Internal"] else "yes"),
        *(("subnet", "SUBNET" if stable else pool.get("Subnet", "")) for pool in pools),
        *(("gateway", "ADDRESS" if stable else pool.get("Gateway", "")) for pool in pools),
        *((f"container {name}", address) for name, address in on_it),
    ]
    return facts_table(rows)


def volume(facts: Mapping[str, Any], containers: Sequence[str], *, stable: bool) -> View:
    """What matters most of an inspected volume (API, "Inspect a volume"), and who has it; in
    stable mode not where it is."""
    rows = [
        ("name", facts["Name"]),
        ("driver", facts["Driver"]),
        ("scope", facts["Scope"]),
        ("folder", "FOLDER" if stable else facts["Mountpoint"]),
        ("used by", ", ".join(containers)),
    ]
    return facts_table(rows)


def named(containers: Sequence[str]) -> str:
    """A few names, or how many there are and a few of them; "" for none."""
    shown = ", ".join(containers[:MOST_NAMES])
    if len(containers) <= MOST_NAMES:
        return shown
    return f"{count(len(containers), 'container')}: {shown}, …"


def measured(size_bytes: int | None, *, stable: bool) -> str:
    """A size, or "unknown"."""
    if size_bytes is None:
        return "unknown"
    return "SIZE" if stable else size(size_bytes)

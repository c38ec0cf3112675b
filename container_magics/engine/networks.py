"""What the engine says of networks, and the verbs of their life."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from docker.types import IPAMConfig, IPAMPool

from container_magics.core.facts import NetworkFacts
from container_magics.engine import run
from container_magics.engine.client import Engine, told
from container_magics.engine.containers import is_spare
from container_magics.engine.names import shown_name
from container_magics.engine.ownership import SESSION, USER, Owner
from container_magics.errors import Conflict, NameTaken, NotFound

MODES = ("", "default", "bridge", "host", "none", "private", "pasta", "slirp4netns")
"""What may be written for a network and is none, in Docker or in Podman; or has a ``:`` in it."""
REMOVAL_S = 30.0
"""How long the engine may take to take a network down."""


def listed(
    engine: Engine, owner: Owner, *, mine: bool = False, without: Collection[str] = ()
) -> list[NetworkFacts]:
    """Networks by name, in two calls: all, or those of this session. ``without`` are the IDs of
    containers that count as gone."""
    labels = (f"{SESSION}={owner.session}",) if mine else ()
    found = summaries(engine, *labels)
    attached = containers_on(engine, without)
    facts = [
        summarised(each, attached[each["Id"]] | attached[each["Name"]], owner) for each in found
    ]
    return sorted(facts, key=lambda one: one.name)


def summaries(engine: Engine, *labels: str) -> list[dict[str, Any]]:
    """The engine's list (API, "List networks") of those with all these labels."""
    with told():
        found: list[dict[str, Any]] = engine.api.networks(
            filters={"label": list(labels)} if labels else None
        )
    return found


def create(
    engine: Engine,
    owner: Owner,
    name: str,
    *,
    driver: str = "",
    internal: bool = False,
    subnet: str = "",
) -> bool:
    """Make a network; False when this session has made the same already, which is kept.

    Another one that is ours is replaced; Conflict when a container is on it. NameTaken when it
    is a stranger's. "" leaves the driver ("bridge") and the subnet to the engine.
    """
    found = named(engine, name)
    if found is not None:
        if not owner.may_take(found["Labels"]):
            raise taken(found)
        if owner.session == found["Labels"][SESSION] and (
            (driver or "bridge", internal) == (found["Driver"], found["Internal"])
            and (not subnet or subnet in subnets(found))
        ):
            return False
        discard(engine, found)
    with told():
        engine.api.create_network(
            name,
            driver=driver or "bridge",
            internal=internal,
            ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)]) if subnet else None,
            labels=owner.labels("network"),
        )
    return True


def named(engine: Engine, name: str) -> dict[str, Any] | None:
    """What the engine knows of the network with exactly this name; None if there is none."""
    try:
        with told():
            found: dict[str, Any] = engine.api.inspect_network(name)
    except NotFound:
        return None
    return found if found["Name"] == name else None


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """Everything the engine knows of a network; NotFound when there is none."""
    found = named(engine, name)
    if found is None:
        raise missing(name)
    return found


def missing(name: str) -> NotFound:
    """The error for a network that is not here."""
    return NotFound(f"There is no network {name!r} here.", hint="`%networks` lists those here.")


def see(engine: Engine, network: str) -> None:
    """NotFound when no container can be put on what --network names: a network by its name or
    ID, or a word that stands for none."""
    if network in MODES or ":" in network:
        return
    try:
        with told():
            engine.api.inspect_network(network)
    except NotFound as error:
        raise missing(network) from error


def taken(network: dict[str, Any]) -> NameTaken:
    """The error of a stranger's network."""
    return NameTaken(
        f"The network {network['Name']} was not made in a notebook of yours.",
        hint="It is left as it is. `%networks` says which are yours.",
        facts=(f"driver {network['Driver']}", f"made {network['Created'][:19]}"),
    )


def remove_own(engine: Engine, owner: Owner, name: str) -> None:
    """Remove a network that a notebook of this user made; NameTaken when it is a stranger's,
    Conflict when a container is on it."""
    found = inspect(engine, name)
    labels = found["Labels"] or {}
    if not (labels.get(SESSION) and labels.get(USER) == owner.user):
        raise taken(found)
    discard(engine, found)


def discard(engine: Engine, network: dict[str, Any]) -> None:
    """Remove a network; Conflict, which names them, when containers are on it."""
    on_it = sorted(each["Name"] for each in (network.get("Containers") or {}).values())
    if on_it:
        raise Conflict(
            f"The network {network['Name']} is in use.",
            hint=f"Take its containers off it: %network disconnect {network['Name']} {on_it[0]}",
            facts=tuple(on_it),
        )
    remove(engine, network["Id"])


def connect(engine: Engine, network: str, container: str, aliases: Collection[str] = ()) -> None:
    """Put a container on a network, running or not; EngineRefused when it is on it already."""
    inspect(engine, network)
    with told():
        engine.api.connect_container_to_network(container, network, aliases=list(aliases) or None)


def disconnect(engine: Engine, network: str, container: str) -> None:
    """Take a container off a network; EngineRefused when it is not on it."""
    inspect(engine, network)
    with told():
        engine.api.disconnect_container_from_network(container, network)


def remove(engine: Engine, network_id: str) -> bool:
    """Remove a network; False when it is gone already, EngineRefused when a container is on it."""
    with suppress(NotFound):
        engine.request("DELETE", f"/networks/{network_id}", timeout_s=REMOVAL_S)
        return True
    return False


def containers_on(engine: Engine, without: Collection[str]) -> defaultdict[str, set[str]]:
    """Network's ID (its name on Podman) -> the names of the containers that run on it. The engine's
    own list of networks leaves them out; the list of containers has them. Spares do not count."""
    attached: defaultdict[str, set[str]] = defaultdict(set)
    for container in run.containers(engine, everything=False):
        if container["Id"] not in without and not is_spare(container):
            for name, endpoint in container["NetworkSettings"]["Networks"].items():
                attached[endpoint.get("NetworkID") or name].add(shown_name(container))
    return attached


def summarised(network: dict[str, Any], containers: Collection[str], owner: Owner) -> NetworkFacts:
    """An entry of the engine's list, with the containers on it."""
    return NetworkFacts(
        network_id=network["Id"],
        name=network["Name"],
        driver=network["Driver"],
        scope=network["Scope"],
        internal=bool(network["Internal"]),
        subnets=subnets(network),
        containers=tuple(sorted(containers)),
        labels=network["Labels"] or {},
        mine=owner.made(network["Labels"]),
    )


def subnets(network: dict[str, Any]) -> tuple[str, ...]:
    """The addresses of a network, as ADDRESS/BITS; empty for one without any."""
    pools = (network.get("IPAM") or {}).get("Config") or ()
    return tuple(pool["Subnet"] for pool in pools if pool.get("Subnet"))

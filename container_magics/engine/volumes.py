"""What the engine says of volumes, and the verbs of their life."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from container_magics.core.facts import VolumeFacts
from container_magics.engine import run
from container_magics.engine.client import Engine, told
from container_magics.engine.containers import is_spare
from container_magics.engine.names import shown_name
from container_magics.engine.ownership import SESSION, USER, Owner
from container_magics.errors import Conflict, NameTaken, NotFound

REMOVAL_S = 60.0
"""How long the engine may take to remove all that is in a volume."""
MEASURE_S = 300.0
"""How long the engine may take to count every byte of every volume."""


def listed(
    engine: Engine,
    owner: Owner,
    *,
    mine: bool = False,
    sizes: bool = False,
    without: Collection[str] = (),
) -> list[VolumeFacts]:
    """Volumes by name, in two calls: all, or those of this session. ``sizes`` is a third, slow
    one. ``without`` are the IDs of containers that count as gone."""
    labels = (f"{SESSION}={owner.session}",) if mine else ()
    found = summaries(engine, *labels)
    users = containers_with(engine, without)
    measured = sizes_bytes(engine) if sizes else {}
    facts = [summarised(each, users[each["Name"]], measured, owner) for each in found]
    return sorted(facts, key=lambda one: one.name)


def summaries(engine: Engine, *labels: str) -> list[dict[str, Any]]:
    """The engine's list (API, "List volumes") of those with all these labels."""
    with told():
        answer = engine.api.volumes(filters={"label": list(labels)} if labels else None)
    return answer["Volumes"] or []


def create(engine: Engine, owner: Owner, name: str, *, driver: str = "") -> bool:
    """Make a volume; False when this session has made it already: it is kept, and what is in
    it. One that a dead session of ours left is replaced. NameTaken when it is a stranger's."""
    found = named(engine, name)
    if found is not None:
        if not owner.may_take(found["Labels"]):
            raise taken(found)
        if found["Labels"][SESSION] == owner.session:
            return False
        remove(engine, name)
    with told():
        engine.api.create_volume(name, driver=driver or None, labels=owner.labels("volume"))
    return True


def named(engine: Engine, name: str) -> dict[str, Any] | None:
    """What the engine knows of a volume; None if there is none."""
    try:
        with told():
            found: dict[str, Any] = engine.api.inspect_volume(name)
    except NotFound:
        return None
    return found


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """Everything the engine knows of a volume; NotFound when there is none."""
    found = named(engine, name)
    if found is None:
        raise NotFound(f"There is no volume {name!r} here.", hint="`%volumes` lists those here.")
    return found


def taken(volume: dict[str, Any]) -> NameTaken:
    """The error of a stranger's volume."""
    return NameTaken(
        f"The volume {volume['Name']} was not made in a notebook of yours.",
        hint="It is left as it is. `%volumes` says which are yours.",
        facts=(f"driver {volume['Driver']}",),
    )


def remove_own(engine: Engine, owner: Owner, name: str) -> None:
    """Remove a volume that a notebook of this user made; NameTaken when it is a stranger's,
    Conflict when a container has it."""
    found = inspect(engine, name)
    labels = found["Labels"] or {}
    if not (labels.get(SESSION) and labels.get(USER) == owner.user):
        raise taken(found)
    users = sorted(containers_with(engine, ())[name])
    if users:
        raise Conflict(
            f"The volume {name} is in use.",
            hint=f"Remove its containers first: %container rm {' '.join(users)}",
            facts=tuple(users),
        )
    remove(engine, name)


def remove(engine: Engine, name: str) -> bool:
    """Remove a volume and all that is in it; False when it is gone already, Conflict when a
    container has it."""
    with suppress(NotFound):
        engine.request("DELETE", f"/volumes/{name}", timeout_s=REMOVAL_S)
        return True
    return False


def containers_with(engine: Engine, without: Collection[str]) -> defaultdict[str, set[str]]:
    """Volume -> the names of the containers that have it, running or not, but for spares."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for container in run.containers(engine):
        if container["Id"] not in without and not is_spare(container):
            for mount in container["Mounts"]:
                if mount["Type"] == "volume":
                    users[mount["Name"]].add(shown_name(container))
    return users


def sizes_bytes(engine: Engine) -> dict[str, int]:
    """Volume -> its bytes. The engine walks through all of them: seconds, not milliseconds."""
    answer = engine.request(
        "GET", "/system/df", params={"type": "volume"}, timeout_s=MEASURE_S
    ).json()
    usage = {each["Name"]: (each.get("UsageData") or {}) for each in answer["Volumes"] or ()}
    return {name: used["Size"] for name, used in usage.items() if used.get("Size", -1) >= 0}


def summarised(
    volume: dict[str, Any], containers: Collection[str], sizes: Mapping[str, int], owner: Owner
) -> VolumeFacts:
    """An entry of the engine's list, with the containers that have it."""
    return VolumeFacts(
        name=volume["Name"],
        driver=volume["Driver"],
        containers=tuple(sorted(containers)),
        labels=volume["Labels"] or {},
        mine=owner.made(volume["Labels"]),
        size_bytes=sizes.get(volume["Name"]),
    )

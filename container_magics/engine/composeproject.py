"""A Compose project on the engine, found by the labels that Compose writes: no program needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Literal

from container_magics.core.compose import (
    NUMBER,
    ONE_OFF,
    PROJECT,
    SERVICE,
    ProjectFacts,
    ServiceFacts,
)
from container_magics.core.spec import Port
from container_magics.engine import networks, ports, run, volumes
from container_magics.engine.client import Engine
from container_magics.engine.containers import STOP_S
from container_magics.engine.logs import LogStream
from container_magics.engine.ownership import SESSION, USER, Owner, is_dead, is_inherited
from container_magics.errors import ContainerMagicsError, NotFound, PortTaken

STOPPERS = 8
"""How many containers are stopped at the same time."""
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 -- compared with, never bound
STOP_ANSWER_S = STOP_S + 15.0


@dataclass(frozen=True, slots=True)
class Things:
    """What a project has on the engine: summaries as the API's lists give them."""

    containers: tuple[dict[str, Any], ...]
    networks: tuple[dict[str, Any], ...]
    volumes: tuple[dict[str, Any], ...]

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.containers or self.networks or self.volumes)

    def all(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """("container web_1", summary) for each."""
        return (
            *((f"container {one['Names'][0][1:]}", one) for one in self.containers),
            *((f"network {one['Name']}", one) for one in self.networks),
            *((f"volume {one['Name']}", one) for one in self.volumes),
        )


def things(engine: Engine, project: str) -> Things:
    """All that carries the project's label, its volumes by name."""
    label = f"{PROJECT}={project}"
    named = sorted(volumes.summaries(engine, label), key=lambda one: str(one["Name"]))
    return Things(
        tuple(run.containers(engine, label)), tuple(networks.summaries(engine, label)), tuple(named)
    )


def services(engine: Engine, project: str) -> tuple[ServiceFacts, ...]:
    """The project's containers by service and number; empty when there are none."""
    found = []
    for summary in run.containers(engine, f"{PROJECT}={project}"):
        if summary["Labels"].get(ONE_OFF) != "True":
            with suppress(NotFound):  # Compose may just have replaced it
                found.append(facts_of(engine, run.inspect(engine, summary["Id"])))
    return tuple(sorted(found, key=lambda one: (one.service, one.number)))


def facts_of(engine: Engine, inspected: dict[str, Any]) -> ServiceFacts:
    """An inspected container as one of a service (API, "Inspect a container")."""
    labels, state = inspected["Config"]["Labels"] or {}, inspected["State"]
    health = (state.get("Health") or {}).get("Status", "")
    number = str(labels.get(NUMBER, "1"))
    return ServiceFacts(
        service=str(labels.get(SERVICE, "")),
        number=int(number) if number.isdecimal() else 1,
        name=inspected["Name"].lstrip("/"),
        container_id=inspected["Id"],
        state=state["Status"],
        health="" if health == "none" else health,
        exit_status=state["ExitCode"] if state["Status"] in ("exited", "dead") else None,
        restarts=inspected.get("RestartCount") or 0,
        ports=run.published(engine, inspected),
    )


def projects(engine: Engine, owner: Owner) -> list[ProjectFacts]:
    """Every project that has a container, by name; ``mine``: this notebook made all of it."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for summary in run.containers(engine, PROJECT):
        found[summary["Labels"][PROJECT]].append(summary)
    return [
        ProjectFacts(
            name,
            sum(one["State"] == "running" for one in found[name]),
            len(found[name]),
            all(owner.made(one["Labels"]) for one in found[name]),
        )
        for name in sorted(found)
    ]


def stranger(
    engine: Engine, owner: Owner, found: Things, *, whose: Literal["notebook", "user"]
) -> str:
    """The name of a thing of the project that is not this notebook's (or not this user's); ""
    where all is. What a session of this user left that is dead counts as this notebook's, for
    the sweep would take it."""
    for name, thing in found.all():
        labels = thing["Labels"] or {}
        mine = labels.get(USER) == owner.user and bool(labels.get(SESSION))
        if whose == "notebook":
            mine = owner.made(labels) or (mine and is_dead(labels[SESSION]))
        inherited = "ImageID" in thing and is_inherited(engine, labels, thing["ImageID"])
        if not mine or inherited:
            return name
    return ""


def leftover(owner: Owner, found: Things) -> bool:
    """Whether something of the project is of a session before this one."""
    return any((thing["Labels"] or {}).get(SESSION) != owner.session for _, thing in found.all())


def remove(engine: Engine, found: Things, *, kept_volumes: Collection[str] = ()) -> None:
    """Stop and remove containers, then networks, then volumes but those kept. What is gone
    already is no error."""
    with ThreadPoolExecutor(STOPPERS) as pool:
        for outcome in [pool.submit(end, engine, one["Id"]) for one in found.containers]:
            outcome.result()
    for network in found.networks:
        networks.remove(engine, network["Id"])
    for volume in found.volumes:
        if volume["Name"] not in kept_volumes:
            volumes.remove(engine, volume["Name"])


def end(engine: Engine, container_id: str) -> None:
    """Let its program end by itself for a second, and remove it."""
    with suppress(ContainerMagicsError):  # the removal tells what is wrong, and kills
        engine.request(
            "POST", f"/containers/{container_id}/stop", params={"t": str(STOP_S)},
            timeout_s=STOP_ANSWER_S,
        )  # fmt: skip
    run.remove(engine, container_id)


def logs(engine: Engine, container_id: str, *, tail: int = 0, most_bytes: int = 1_000_000) -> bytes:
    """What a container has written, both streams in order; its last ``tail`` lines, 0 for all.

    At most ``most_bytes`` and one more: more than that says that there is more.
    """
    found = bytearray()
    facts = run.inspect(engine, container_id)
    with closing(LogStream(engine, facts, tail=tail or None)) as log:
        for output in log.output():
            found += output.data
            if len(found) > most_bytes:
                break
    return bytes(found[: most_bytes + 1])


def free_ports(engine: Engine, owner: Owner, wanted: Sequence[Port], project: str) -> None:
    """Make room for the wanted ports: this notebook's own containers that hold one are removed,
    but those of the project itself, which Compose sees to. PortTaken when another container
    holds one."""
    held = [(port, one) for port, one in others(engine, wanted, project) if collides(port, one)]
    ours = ports.ours(engine, [port for port, _ in held], owner)
    for _, one in held:
        if one["Id"] in ours:
            run.remove(engine, one["Id"])
    explain_ports(engine, [port for port, one in held if one["Id"] not in ours], project)


def others(
    engine: Engine, wanted: Sequence[Port], project: str
) -> list[tuple[Port, dict[str, Any]]]:
    """Wanted ports that a container publishes which is not of the project, with its summary."""
    return [
        (port, summary)
        for port, summary in ports.holders(engine, wanted)
        if summary["Labels"].get(PROJECT) != project
    ]


def collides(port: Port, summary: dict[str, Any]) -> bool:
    """Whether a container publishes the port on the same address, or one of both on all."""
    return any(
        one["IP"] in (port.address, *EVERYWHERE) or port.address in EVERYWHERE
        for one in summary["Ports"]
        if one.get("PublicPort") == port.host_port and one["Type"] == port.protocol
    )


def explain_ports(engine: Engine, wanted: Sequence[Port], project: str) -> None:
    """PortTaken, naming the holder, when another than the project holds a wanted port."""
    own = [
        port
        for port, summary in ports.holders(engine, wanted)
        if summary["Labels"].get(PROJECT) == project
    ]
    try:
        ports.explain(engine, [port for port in wanted if port not in own])
    except PortTaken as taken:
        taken.hint = 'Publish another in the file, or none: "80" lets the engine choose.'
        raise

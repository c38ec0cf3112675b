"""What there is of a class on the swarm at the moment when a verb begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from container_magics.classroom.room import Room
from container_magics.engine import swarm

Facts = dict[str, Any]


@dataclass
class Scene:
    """What was there when start began, in as many calls whatever the number of students."""

    services: dict[str, Facts]
    networks: dict[str, Facts]
    secrets: dict[str, Facts]
    configs: dict[str, Facts]
    nodes: dict[str, Facts]
    tasks: dict[str, Facts]
    gate: str = ""
    on: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, room: Room) -> Scene:
        """Look; NameTaken when the class is another teacher's."""

        def named(kind: swarm.Kind) -> dict[str, Facts]:
            found = swarm.listed(room.engine, kind, room.label)
            return {swarm.name_of(one): one for one in found}

        nodes = {node["ID"]: node for node in swarm.nodes(room.engine)}
        tasks = newest(swarm.listed(room.engine, "tasks", room.label))
        return cls(
            services=named("services"),
            networks=named("networks"),
            secrets=named("secrets"),
            configs=named("configs"),
            nodes=nodes,
            tasks=tasks,
        )


def newest(tasks: list[Facts]) -> dict[str, Facts]:
    """The newest task of each service, by the service's ID; one that shall run before others."""
    found: dict[str, Facts] = {}
    for task in sorted(tasks, key=lambda one: (one["DesiredState"] == "running", one["CreatedAt"])):
        found[task["ServiceID"]] = task
    return found

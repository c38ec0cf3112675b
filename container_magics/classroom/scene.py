"""What there is of a class on the swarm at the moment when a verb begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from container_magics.classroom.room import Room
from container_magics.core.classplan import prefetch_name
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
    login: Mapping[str, str]
    gate: str = ""
    on: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, room: Room) -> Scene:
        """Look; NameTaken when the class is another teacher's."""

        def named(kind: swarm.Kind) -> dict[str, Facts]:
            found = {swarm.name_of(one): one for one in swarm.listed(room.engine, kind, room.label)}
            found.pop(prefetch_name(room.name), None)  # of one that was killed; stop removes it
            return found

        nodes = {node["ID"]: node for node in swarm.nodes(room.engine)}
        tasks = newest(swarm.listed(room.engine, "tasks", room.label))
        return cls(
            services=named("services"),
            networks=named("networks"),
            secrets=named("secrets"),
            configs=named("configs"),
            nodes=nodes,
            tasks=tasks,
            login=room.login,
        )


def newest(tasks: list[Facts]) -> dict[str, Facts]:
    """The newest task of each service, by the service's ID; one that shall run before others."""
    found: dict[str, Facts] = {}
    for task in sorted(tasks, key=lambda one: (one["DesiredState"] == "running", one["CreatedAt"])):
        found[task["ServiceID"]] = task
    return found

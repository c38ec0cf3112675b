"""Status: how each student's box is, in a number of calls that does not grow with the class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from container_magics.classroom import gate
from container_magics.classroom.room import (
    NO_NODE,
    Room,
    away_words,
    expect_own,
    host_of,
    how_away,
    takes_boxes,
)
from container_magics.classroom.scene import newest
from container_magics.core.classplan import HOME, object_name
from container_magics.core.terminal import plain
from container_magics.engine import swarm

Facts = dict[str, Any]
RUNNING = "running"


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """One line. ``node`` is the host name, "" for none yet. ``state`` is the task's (Docker's
    words), "none" for a student without a box, "node down" while its node is away. ``since`` is
    ISO 8601 in UTC, "" for unknown; ``check`` what the last grading found, "" for none; ``why``
    what keeps a box from running, "" for nothing."""

    student: str
    node: str
    state: str
    since: str
    check: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class ClassStatus:
    """Lines in the roster's order; whether the gateway lets anybody in, when the door closes
    (seconds since 1970; None before the first start), and whether that time has passed."""

    boxes: tuple[BoxStatus, ...]
    open: bool
    ends_s: float | None
    over: bool = False

    @property
    def running(self) -> int:
        """How many boxes run."""
        return sum(one.state == RUNNING for one in self.boxes)


def status(room: Room) -> ClassStatus:
    """Look: four calls. EngineError, NameTaken."""
    services = {
        swarm.name_of(one): one for one in swarm.listed(room.engine, "services", room.label)
    }
    expect_own(room, services_as_claims(room, services))
    listed = swarm.listed(room.engine, "tasks", room.label)
    tasks, wrong = newest(listed), troubles(listed)
    nodes = {node["ID"]: node for node in swarm.nodes(room.engine)}
    way = gate.found(room.engine, room.name, room.folder.identity)
    checks, lines = room.folder.checks, list[BoxStatus]()
    for student in room.students:
        service = services.get(object_name(room.name, student.key))
        check = checks.get(student.key, "")
        if service is None:
            lines.append(BoxStatus(student.name, "", "none", "", check, "no box: run start"))
            continue
        task = tasks.get(swarm.id_of(service))
        why = wrong.get(swarm.id_of(service), "")
        lines.append(line(student.name, service, task, nodes, check, why))
    runs, ends_s, over = bool(way and way["State"]["Running"]), room.folder.ends_s, room.over
    return ClassStatus(tuple(lines), runs and not over, ends_s, over)


def troubles(tasks: Sequence[Facts]) -> dict[str, str]:
    """Service's ID -> what its last task that went wrong has said. A node whose disk is full can
    refuse a task, and then not even say so of the next."""
    ended = sorted(tasks, key=lambda task: task["CreatedAt"])
    return {
        task["ServiceID"]: plain(task["Status"]["Err"])
        for task in ended
        if task["Status"].get("Err")
    }


def services_as_claims(room: Room, services: Mapping[str, Facts]) -> list[Facts]:
    """Services in the form of configs, so that the claim need not be asked for."""
    claim = f"{room.name}_class"
    return [{"Name": claim, "Labels": swarm.labels_of(one)} for one in services.values()]


def line(
    name: str, service: Facts, task: Facts | None, nodes: Mapping[str, Facts], check: str, why: str
) -> BoxStatus:
    """What is to be said of one box; ``why`` is the last thing that was wrong with it."""
    home, _, host = swarm.labels_of(service).get(HOME, "").partition(" ")
    where = (task or {}).get("NodeID") or home
    node = nodes.get(where)
    host = host_of(node) if node else host
    if task is None:
        return BoxStatus(name, host, "new", service["UpdatedAt"][:19], check)
    state, since = task["Status"]["State"], task["Status"]["Timestamp"][:19]
    if home and (home not in nodes or not takes_boxes(nodes[home])):
        kind = how_away(nodes.get(home, NO_NODE))
        return BoxStatus(name, host, f"node {kind}", since, check, away_words(host, kind))
    return BoxStatus(name, host, state, since, check, "" if state == RUNNING else why)

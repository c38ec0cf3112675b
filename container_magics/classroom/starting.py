"""Start: whatever is there of a class becomes what was asked for, and nothing more is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from container_magics.classroom import gate
from container_magics.classroom.bulk import Report
from container_magics.classroom.room import (
    NO_NODE,
    Room,
    away_words,
    host_of,
    how_away,
    node_id,
    takes_boxes,
)
from container_magics.classroom.scene import Scene
from container_magics.core import classplan
from container_magics.core.classplan import HOME, KEY, SPEC, BoxKeys, Placed
from container_magics.core.roster import Student
from container_magics.core.spec import Limits
from container_magics.engine import images, policyfile, swarm
from container_magics.engine import run as verbs
from container_magics.engine.keys import public_key
from container_magics.engine.swarm import NO_LOGIN
from container_magics.errors import (
    Conflict,
    EngineError,
    EngineRefused,
    ImageNotFound,
    UsageError,
)

Facts = dict[str, Any]
SETTLE_S = 30.0
SETTLE_LOOK_S = 0.3
ENDED = ("complete", "shutdown", "failed", "rejected", "orphaned", "remove")


def start(room: Room, *, move: bool = False) -> Report:
    """Make every student's box, and the gateway, as asked for. A box that is as it should be is
    left alone. ``move``: a box whose node is away gets a fresh home on another one.

    EngineError without a manager, ImageNotFound, NameTaken, PolicyDenied, UsageError when the time
    is over; what fails for one student is in the report. Boxes of students who have left the roster
    go; their volumes stay until stop.
    """
    swarm.expect_manager(room.engine)
    room.settings = replace(room.settings, limits=allowed_limits(room))
    room.claim()
    expect_image(room)
    if room.over:
        raise UsageError(
            f"The time of the class {room.name} is over: nobody would be let in.",
            hint=f"`%class extend {room.name} 2h` opens the door again.",
        )
    scene = Scene.of(room)
    ends_s = room.folder.ends_s or time.time() + room.settings.ttl_s
    room.folder.end_at(ends_s)
    scene.gate = gate.ensure(room.engine, room.folder, room.settings.image, room.asked, ends_s)
    gate_facts = verbs.inspect(room.engine, scene.gate)
    scene.on = gate.networks_of(gate_facts)
    expect_joinable(room, scene)
    door = gate.reached_at(room.engine, gate_facts, room.asked)
    allow(room, scene.gate)
    places = homes(room, scene, move=move)
    lock = threading.Lock()

    def one(student: Student) -> str:
        room.folder.hand_out(student, door)
        return box(room, scene, student, places.get(student.key, ""), lock)

    report = room.each("start", room.students, one)
    leave_others(room, scene)
    return report


def allowed_limits(room: Room) -> Limits:
    """The limits of each box; PolicyDenied where this machine's policy is against the class."""
    asked, ends_s = room.settings, room.folder.ends_s
    lasts_s = asked.ttl_s if ends_s is None else ends_s - time.time()
    return policyfile.allowed_boxes(asked.image, asked.limits, len(room.students), lasts_s)


def expect_image(room: Room) -> None:
    """ImageNotFound when the manager has it not, which may well run the gateway from it."""
    try:
        images.inspect(room.engine, room.settings.image)
    except ImageNotFound as error:
        raise ImageNotFound(
            f"The swarm's manager has no image {room.settings.image}.",
            hint="Build it there first: `%sshbox` builds the usual one. Then prefetch.",
        ) from error


def expect_joinable(room: Room, scene: Scene) -> None:
    """EngineError when the gateway could not come to the networks of new boxes: Swarm gives none
    to a node that takes no boxes, and the engine would wait for each in vain."""
    manager = scene.nodes.get(node_id(room.engine), NO_NODE)
    wanted = {classplan.object_name(room.name, one.key) for one in room.students}
    if takes_boxes(manager) or wanted <= scene.on:
        return
    host, kind = host_of(manager), how_away(manager)
    raise EngineError(
        f"The swarm's manager {host} is {kind}: the gateway cannot come to the boxes' networks.",
        hint=f"`docker node update --availability active {host}`",
    )


def allow(room: Room, container: str) -> None:
    """Let every student's key in, to their own box alone, and the teacher's to all."""
    entries: list[tuple[bytes, list[str]]] = []
    for student in room.students:
        box_name = classplan.object_name(room.name, student.key)
        entries.append((public_key(room.folder.student_key(student)), [box_name]))
    everyone = [classplan.object_name(room.name, one.key) for one in room.students]
    entries.append((public_key(room.folder.teacher_key), everyone))
    gate.allow(room.engine, container, classplan.gate_keys(entries))


def homes(room: Room, scene: Scene, *, move: bool) -> dict[str, str]:
    """Student's key -> the ID of the node of their home; {} where homes go with the boxes.

    Where a box is, there it stays. EngineError when no node takes boxes.
    """
    if not room.settings.files:
        return {}
    up = sorted(filter(takes_boxes, scene.nodes.values()), key=host_of)
    loads = {node["ID"]: 0 for node in up}
    if not loads:
        raise EngineError("No node of the swarm takes boxes.", hint="See `docker node ls`.")
    known, found = room.folder.homes, dict[str, str]()
    for service in scene.services.values():
        marks = swarm.labels_of(service)
        known[marks[KEY]] = marks.get(HOME, "")
    room.folder.keep_homes(known)  # before some are moved: the volumes there are the class's still
    for key, home in known.items():
        where = still(home, scene.nodes, up)
        if where in loads or (where and not move):
            found[key] = where
            loads[where] = loads.get(where, 0) + 1
    new = [one.key for one in room.students if one.key not in found]
    usable = {node: count for node, count in loads.items() if node in {one["ID"] for one in up}}
    found |= dict(zip(new, classplan.spread(usable, len(new)), strict=True))
    # of a node that has left the swarm the name is known from before alone
    here = {key: home_of(node, scene) for key, node in found.items() if node in scene.nodes}
    room.folder.keep_homes(known | here)
    return found


def home_of(node: str, scene: Scene) -> str:
    """What a label of HOME says of a node of the swarm: "ID HOST"; "" for none."""
    return f"{node} {host_of(scene.nodes[node])}" if node else ""


def still(home: str, nodes: Mapping[str, Facts], up: list[Facts]) -> str:
    """The ID of the node that a label of HOME ("ID HOST") means: one that left the swarm and
    joined it again has another. "" for none."""
    identity, _, host = home.partition(" ")
    if identity in nodes and nodes[identity]["Status"]["State"] == "ready":
        return identity
    again = [node["ID"] for node in up if host and host_of(node) == host]
    return again[0] if len(again) == 1 else identity


def box(room: Room, scene: Scene, student: Student, node: str, lock: threading.Lock) -> str:
    """Make one student's box as it should be; returns what was done."""
    name = classplan.object_name(room.name, student.key)
    if node and not takes_boxes(scene.nodes.get(node, NO_NODE)):
        raise away(scene, name, node)
    marks = classplan.labels(room.name, room.folder.identity, student)
    there = scene.networks.get(name)
    # by its ID: for some seconds a node still knows one of the same name that was removed
    network = there["Id"] if there else made(room, "networks", classplan.network(name, marks))
    authorized = public_key(room.folder.student_key(student)) + public_key(room.folder.teacher_key)
    keys = BoxKeys(room.folder.host_key(student.key).read_bytes(), authorized)
    secret = stored(room, scene, "secrets", name, keys.host, marks)
    config = stored(room, scene, "configs", name, keys.authorized, marks)
    placed = Placed(secret, config, node)
    body = classplan.service(
        room.name, room.folder.identity, student, room.settings, placed, gate.part("start-box")
    )
    body["Labels"][HOME] = home_of(node, scene)
    try:
        what = changed(room, scene, name, body)
        if name not in scene.on:
            with lock:  # the engine puts a container on one network after the other
                gate.join(room.engine, scene.gate, network, name)
    except EngineRefused:
        scene.networks.pop(name, None)  # it may be one that is gone: the next try looks anew
        raise
    return what


def away(scene: Scene, name: str, node: str) -> Conflict:
    """The error for a box whose home is on a node that takes no boxes now."""
    service, there = scene.services.get(name), scene.nodes.get(node, NO_NODE)
    home = swarm.labels_of(service).get(HOME, "") if service else ""
    words = away_words(home.partition(" ")[2] or host_of(there), how_away(there))
    return Conflict(f"The box is not up: {words}.")


def made(room: Room, kind: swarm.Kind, body: Facts, login: Mapping[str, str] = NO_LOGIN) -> str:
    """Make a thing that is not there; of two who do so at once both have it. Returns its ID."""
    try:
        return swarm.create(room.engine, kind, body, login)
    except Conflict:
        for facts in swarm.listed(room.engine, kind, room.label):
            if swarm.name_of(facts) == swarm.name_of({"Spec": body}):
                return swarm.id_of(facts)
        raise


def stored(
    room: Room, scene: Scene, kind: swarm.Kind, name: str, content: bytes, marks: dict[str, str]
) -> tuple[str, str]:
    """(ID, name) of the secret or config with this content."""
    full = classplan.versioned(name, content)
    there = (scene.secrets if kind == "secrets" else scene.configs).get(full)
    if there:
        return swarm.id_of(there), full
    return made(room, kind, classplan.stored(full, content, marks)), full


def changed(room: Room, scene: Scene, name: str, body: Facts) -> str:
    """Make the service, or make it fit, or run it again where it has come to an end."""
    service = scene.services.get(name)
    if service is None:
        made(room, "services", body, scene.login)
        return "made"
    marks = swarm.labels_of(service)
    counter = int(service["Spec"]["TaskTemplate"].get("ForceUpdate") or 0)
    task = scene.tasks.get(swarm.id_of(service))
    if marks.get(SPEC) != body["Labels"][SPEC]:
        renew(room, service, classplan.again(body, counter + 1), scene.login)
        settle(room, service, task, scene.nodes)
        return "changed"
    if task is None or task["Status"]["State"] in ENDED:
        renew(room, service, classplan.again(body, counter + 1), scene.login)
        settle(room, service, task, scene.nodes)
        return "run again"
    return "as it was"


def renew(room: Room, service: Facts, body: Facts, login: Mapping[str, str] = NO_LOGIN) -> None:
    """Change a service as it is now, not as it was listed: the swarm itself counts versions."""
    path = f"/services/{swarm.id_of(service)}"
    now = room.engine.request("GET", path, timeout_s=swarm.ANSWER_S).json()
    swarm.update(room.engine, now, body, login)


def settle(room: Room, service: Facts, old: Facts | None, nodes: Mapping[str, Facts]) -> None:
    """Wait until a box newer than ``old`` is under way and every earlier one has ended: who logs
    in comes to the new one. Nothing more is waited for after SETTLE_S, for the first login says
    what is wrong."""
    end_s = time.monotonic() + SETTLE_S
    while old and time.monotonic() < end_s:
        tasks = swarm.tasks_of(room.engine, swarm.name_of(service))
        *earlier, last = sorted(tasks, key=lambda one: str(one["CreatedAt"])) or [old]
        if last["ID"] != old["ID"] and not any(holds_out(task, nodes) for task in earlier):
            return
        time.sleep(SETTLE_LOOK_S)


def holds_out(task: Facts, nodes: Mapping[str, Facts]) -> bool:
    """Whether a task's box may answer still: that of a drained node does so for some seconds, while
    the swarm counts another task, without a node, as the service's newest."""
    node = nodes.get(task.get("NodeID", ""), NO_NODE)
    return task["Status"]["State"] not in ENDED and node["Status"]["State"] == "ready"


def leave_others(room: Room, scene: Scene) -> None:
    """Take away the boxes of those who are no longer in the roster."""
    wanted = {classplan.object_name(room.name, one.key) for one in room.students}
    for name, service in scene.services.items():
        if name not in wanted:
            swarm.remove(room.engine, "services", swarm.id_of(service))
            gate.leave(room.engine, scene.gate, name)

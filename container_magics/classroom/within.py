"""What a teacher does inside the boxes, over SSH through the gateway: with no node's engine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from container_magics.classroom import gate
from container_magics.classroom.bulk import Report
from container_magics.classroom.room import Room
from container_magics.classroom.scene import newest
from container_magics.classroom.starting import renew, settle
from container_magics.core import classplan
from container_magics.core.roster import Student
from container_magics.core.terminal import plain
from container_magics.engine import policyfile, swarm
from container_magics.engine.deadline import at_most
from container_magics.engine.sshclient import Login, login
from container_magics.errors import Conflict, SshFailed, UsageError

READY_S = 60.0
LOOK_S = 20.0
ASK_S = 2.0
COMMAND_S = 60.0
CLEAR = "find ~ -mindepth 1 -delete; cp -rT /etc/skel ~"
TELL = """text=$(cat)
printf '%s  %s\\n' "$(date '+%F %R')" "$text" >> ~/messages
for screen in /dev/pts/[0-9]*; do
  [ -O "$screen" ] && printf '\\r\\n*** Your teacher: %s\\r\\n' "$text" > "$screen"
done
true"""


def door_of(room: Room) -> tuple[str, int]:
    """Where the gateway is reached; SshFailed when there is none."""
    facts = gate.found(room.engine, room.name, room.folder.identity)
    if facts is None:
        raise SshFailed(f"The class {room.name} has no gateway.", hint="Run start first.")
    return gate.reached_at(room.engine, facts, room.asked)


@contextmanager
def within(
    room: Room, door: tuple[str, int], student: Student, patience_s: float = 0.0
) -> Iterator[Login]:
    """A login to a student's box with the teacher's key; while it does not answer, the swarm is
    asked now and then whether it ever will."""
    looked_s, answered = time.monotonic(), False

    def expect_hope() -> None:
        nonlocal looked_s
        if room.calls.over:
            raise SshFailed("It was interrupted.")
        if time.monotonic() - looked_s > ASK_S:
            looked_s = time.monotonic()
            expect_no_refusal(room, student)

    address = room.folder.address(student, door)
    try:
        with (
            login(address, patience_s=patience_s, meanwhile=expect_hope) as made,
            room.calls.holding(made),
        ):
            answered = True
            yield made
    except SshFailed as error:
        words = str(error) if answered else f"The box does not answer: {error}"
        raise SshFailed(words, hint="See status.") from error


def expect_no_refusal(room: Room, student: Student) -> None:
    """Conflict, in the node's words, when a box cannot be started where it shall be."""
    tasks = swarm.tasks_of(room.engine, classplan.object_name(room.name, student.key))
    refused = [task for task in tasks if task["Status"]["State"] == "rejected"]
    latest = max(tasks, key=lambda task: task["CreatedAt"], default=None)
    if latest and latest["Status"]["State"] != "running" and refused:
        last = max(refused, key=lambda task: task["CreatedAt"])
        words = plain(last["Status"].get("Err") or "no reason given").strip().rstrip(".")
        raise Conflict(f"The node refuses the box: {words}.")


def output_of(
    made: Login, command: str, stdin: bytes = b"", limit_s: float = COMMAND_S
) -> tuple[int, bytes]:
    """(exit status, the output's last part) of a command in the student's shell. SshFailed when it
    takes longer than the limit: the shell is the student's, and may wait for ever."""
    tail = b""
    with at_most(made, limit_s):
        remote = made.start(command)
        remote.feed(stdin)
        for event in remote.output():
            tail = (tail + event.data)[-65536:]
        return remote.exited().exit_status, tail


def wait_until_ready(
    room: Room, students: Sequence[Student], patience_s: float = READY_S
) -> Report:
    """Log in once to every box."""
    door = door_of(room)

    def one(student: Student) -> str:
        with within(room, door, student, patience_s):
            return "ready"

    return room.each("start", students, one)


def message(room: Room, text: str, names: Sequence[str] = ()) -> Report:
    """Write a message on every terminal that is open in the boxes, and into ~/messages."""
    if not text.strip():
        raise UsageError("The message is empty.")
    door = door_of(room)

    def one(student: Student) -> str:
        with within(room, door, student, LOOK_S) as made:
            status, _ = output_of(made, TELL, text.encode())
        if status:
            raise SshFailed(f"The message could not be written: status {status}.")
        return "told"

    return room.each("message", room.chosen(names), one)


def reset(room: Room, names: Sequence[str] = (), *, files: bool = False) -> Report:
    """Fresh boxes; with ``files`` the homes are emptied, too. Without volumes they always are.
    NameTaken when the class is another teacher's."""
    room.expect_mine()
    door = door_of(room) if files and room.settings.files else ("", 0)
    nodes = {node["ID"]: node for node in swarm.nodes(room.engine)}

    def one(student: Student) -> str:
        if files and room.settings.files:
            with within(room, door, student, LOOK_S) as made:
                output_of(made, CLEAR)
        service = service_of(room, student)
        counter = int(service["Spec"]["TaskTemplate"].get("ForceUpdate") or 0)
        tasks = swarm.tasks_of(room.engine, swarm.name_of(service))
        renew(room, service, classplan.again(service["Spec"], counter + 1))
        settle(room, service, newest(tasks).get(swarm.id_of(service)), nodes)
        return "made anew"

    return room.each("reset", room.chosen(names), one)


def service_of(room: Room, student: Student) -> dict[str, Any]:
    """A student's service; NotFound when there is none."""
    path = f"/services/{classplan.object_name(room.name, student.key)}"
    found: dict[str, Any] = room.engine.request("GET", path, timeout_s=swarm.ANSWER_S).json()
    return found


def extend(room: Room, more_s: float) -> float:
    """Let the class end so much later, counted from now where it is over; returns when, in
    seconds since 1970. UsageError before the first start, PolicyDenied for longer than the gateway
    may live."""
    ends_s = room.folder.ends_s
    if ends_s is None:
        raise UsageError(f"The class {room.name} was not started.", hint="Run start first.")
    ends_s = max(ends_s, time.time()) + more_s
    facts = gate.found(room.engine, room.name, room.folder.identity)
    policyfile.refuse_longer(ends_s - (gate.made_s(facts) if facts else time.time()))
    room.folder.end_at(ends_s)
    if facts:
        gate.end_at(room.engine, facts["Id"], ends_s)
    return ends_s

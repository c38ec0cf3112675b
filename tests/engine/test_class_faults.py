"""What happens to a class when something breaks: after each, start converges and files are there.

With CONTAINER_MAGICS_FAULT_TABLE=PATH the seconds that each took are written there, a JSON line
each; `make bench` makes a table of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from swarmnodes import LIMIT_S, Course, Ground, course, said, wait_for
from test_class import handed, ssh

from container_magics.classroom import Classroom
from container_magics.classroom.within import extend
from container_magics.core.classplan import CLASS
from container_magics.engine import swarm as verbs
from container_magics.errors import ClassFailed, ContainerMagicsError, UsageError
from container_magics.practice import boxspec

TABLE = "CONTAINER_MAGICS_FAULT_TABLE"


@pytest.fixture(scope="module")
def three(ground: Ground) -> Iterator[Course]:
    """A class of three, one to a node, each with a file of their own in the home."""
    made = course(ground, ["ada", "grace", "edsger"])
    try:
        room = made.room()
        room.start().expect()
        for student in room.room.students:
            said(room, student, f"echo of {student.key} > kept")
        yield made
    finally:
        made.close()


def on(room: Classroom, host: str) -> int:
    """The number in the roster of the student whose home is on that node."""
    return [one.node for one in room.status().boxes].index(host)


def converged(made: Course, what: str, since: float, limit_s: float = LIMIT_S) -> None:
    """Start until every box is there, and see that every home has its file."""
    room = made.room()

    def started() -> bool:
        try:
            room.start().expect()
        except ContainerMagicsError:
            return False
        return True

    wait_for(started, what, limit_s)
    took_s = time.monotonic() - since
    for student in room.room.students:
        assert said(room, student, "cat kept") == f"of {student.key}\n"
    if os.environ.get(TABLE):
        with Path(os.environ[TABLE]).open("a") as file:
            file.write(json.dumps({"what": what, "seconds": round(took_s, 1)}) + "\n")


def refused(room: Classroom) -> list[str]:
    """What start says of those for whom it cannot do it."""
    words = said_by_start(room)
    assert words
    return words


def said_by_start(room: Classroom) -> list[str]:
    """The same, and nothing where it could do it for all."""
    try:
        room.start().expect()
    except ClassFailed as failed:
        return list(failed.facts)
    return []


def test_a_node_is_killed_in_the_middle_of_a_class(three: Course) -> None:
    ground, room = three.ground, three.room()
    lost = ground.node("node2")
    number = on(room, "node2")
    lost.kill()
    wait_for(lambda: room.status().boxes[number].state == "node down", "that it is seen")
    said_of = refused(room)
    assert len(said_of) == 1
    assert "its files are on node2, which is down" in said_of[0]
    assert room.status().running == 2
    begun = time.monotonic()
    ground.swarm.boot(lost)
    converged(three, "a node killed with SIGKILL, and booted again", begun)


def test_a_node_is_drained_and_taken_back(three: Course) -> None:
    ground, room = three.ground, three.room()
    number = on(room, "node2")
    ground.available("node2", "drain")
    wait_for(lambda: room.status().boxes[number].state == "node drain", "that it is seen")
    filters = {"label": f"{CLASS}={three.name}"}
    emptied = ground.node("node2").engine.api
    wait_for(lambda: not emptied.containers(filters=filters), "that its box is gone")
    assert "which is drain" in refused(room)[0]
    begun = time.monotonic()
    ground.available("node2", "active")
    converged(three, "a node drained, and taken back", begun)


def test_a_box_moves_where_the_teacher_says_so(
    ground: Ground, new_course: Callable[..., Course]
) -> None:
    made = new_course("ada", "grace", "edsger")
    room = made.room()
    room.start().expect()
    number = on(room, "node2")
    student = room.room.students[number]
    said(room, student, "echo mine > kept")
    ground.available("node2", "drain")
    try:
        begun = time.monotonic()
        room.start(move=True).expect()
        took_s = time.monotonic() - begun
        assert room.status().boxes[number].node != "node2"
        assert "No such file" in said(room, student, "cat kept 2>&1")
        # nothing was lost: it is where it was
        volume = ground.node("node2").engine.api.volumes({"name": made.name})["Volumes"][0]
        assert (Path(volume["Mountpoint"]) / "kept").read_text() == "mine\n"
    finally:
        ground.available("node2", "active")
    if os.environ.get(TABLE):
        with Path(os.environ[TABLE]).open("a") as file:
            what = "a node drained, and start --move"
            file.write(json.dumps({"what": what, "seconds": round(took_s, 1)}) + "\n")


def test_a_box_without_a_volume_moves_by_itself(
    ground: Ground, new_course: Callable[..., Course]
) -> None:
    """Of a class with --no-files: nobody starts anything, and the same keys open the new box."""
    made = new_course("ada", "grace", "edsger", files=False)
    room = made.room()
    assert [one.failure for one in room.start()] == [""] * 3
    before = [one.node for one in room.status().boxes]
    number = next(number for number, host in enumerate(before) if host != "node1")
    lost, student = ground.node(before[number]), room.room.students[number]
    said(room, student, "echo mine > kept")
    folder = handed(made, student.key)
    lost.kill()
    try:

        def moved() -> bool:
            one = room.status().boxes[number]
            return one.node != lost.name and one.state == "running"

        wait_for(moved, "that the box runs elsewhere")
        wait_for(lambda: ssh(folder, "box", "true").returncode == 0, "a way in")
        seen = ssh(folder, "box", "hostname; ls kept").stdout
        assert seen == f"{student.key}\n"  # the home went with the box
        assert room.status().running == 3
    finally:
        ground.swarm.boot(lost)
        wait_for(lambda: ground.state(lost.name) == "ready", "the node again")


def test_a_node_is_cut_off_from_the_manager(three: Course) -> None:
    ground, room = three.ground, three.room()
    number = on(room, "node2")
    ground.swarm.cut(ground.node("node2"))
    try:
        wait_for(lambda: room.status().boxes[number].state == "node down", "that it is seen")
        assert room.status().running == 2
    finally:
        begun = time.monotonic()
        ground.swarm.mend(ground.node("node2"))
    converged(three, "a partition between manager and worker, mended", begun)


def test_the_manager_is_started_again(three: Course) -> None:
    ground = three.ground
    ground.swarm.manager.stop()
    begun = time.monotonic()
    ground.swarm.boot(ground.swarm.manager)
    three.open_way()
    # the engine itself starts the gateway before the swarm gives it its networks
    converged(three, "the manager restarted", begun, limit_s=300.0)


def test_the_image_is_missing_on_one_node(
    ground: Ground, new_course: Callable[..., Course]
) -> None:
    made = new_course("ada", "grace", "edsger")
    for node in (ground.swarm.nodes[0], ground.swarm.nodes[2]):
        node.engine.api.tag(boxspec.IMAGE, made.name, "1")
    made.more["image"] = f"{made.name}:1"
    try:
        (failure,) = refused(made.room())
        assert "The node refuses the box: No such image" in failure
        room = made.room()
        for student, line in zip(room.room.students, room.status().boxes, strict=True):
            if line.state == "running":
                said(room, student, f"echo of {student.key} > kept")
        begun = time.monotonic()
        room.prefetch().expect()
        room.start().expect()
        late = next(
            one for one in room.room.students if said(room, one, "test -e kept") == "status 1"
        )
        said(room, late, f"echo of {late.key} > kept")
        converged(made, "the image missing on one node, then prefetch", begun)
        made.close()
    finally:
        for node in ground.swarm.nodes:
            node.engine.api.remove_image(f"{made.name}:1")


def test_the_disk_of_one_node_is_full(three: Course) -> None:
    room = three.room()
    number = on(room, "node3")
    student = room.room.students[number]
    assert "No space left" in said(
        room, student, "for n in 1 2 3 4; do cat /dev/zero > big$n; done 2>&1; rm -f none"
    )
    before = room.status().boxes[number].since
    room.reset(student.name)
    line = wait_for_trouble(room, number, before)
    assert "no space left on device" in line or line == "running"
    begun = time.monotonic()
    if words := said_by_start(room):  # nothing where the engine found room for one more try
        assert any("no space left" in one for one in words)
        made_room(three, "node3")
        # Swarm's agent could not write down what it was told, and does not ask again
        three.ground.node("node3").stop()
        three.ground.swarm.boot(three.ground.node("node3"))
    else:
        said(room, student, "rm -f big*")
    converged(three, "the disk of one node full, and cleared", begun)


def wait_for_trouble(room: Classroom, number: int, before: str) -> str:
    """What the box's new task, later than ``before``, says once it has tried to start: "running",
    or why not."""
    wait_for(lambda: room.status().boxes[number].since > before, "another task")
    found: list[str] = []

    def settled() -> bool:
        line = room.status().boxes[number]
        found.append(line.state if line.state == "running" else line.why)
        return line.state == "running" or "space" in line.why

    wait_for(settled, "how it ends")
    return found[-1]


def made_room(three: Course, host: str) -> None:
    """Take away what filled the disk, as the node's owner would."""
    for volume in three.ground.node(host).engine.api.volumes({"name": three.name})["Volumes"]:
        target = f"--target={three.ground.node(host).space.first}"
        subprocess.run(
            ["nsenter", target, "--mount", "sh", "-c", f"rm {volume['Mountpoint']}/big*"],
            check=True,
        )


def test_a_key_is_revoked(three: Course, tmp_path: Path) -> None:
    room, folder = three.room(), handed(three, "grace")
    subprocess.run(["cp", "-r", str(folder), str(tmp_path / "stolen")], check=True)
    assert ssh(tmp_path / "stolen", "box", "cat kept").stdout == "of grace\n"
    begun = time.monotonic()
    room.revoke("grace").expect()
    refused_now = ssh(tmp_path / "stolen", "box", "cat kept")
    assert "Permission denied (publickey)" in refused_now.stderr
    assert ssh(folder, "box", "cat kept").stdout == "of grace\n"
    converged(three, "a key revoked", begun)


def test_the_time_of_a_class_has_passed(three: Course) -> None:
    room, folder = three.room(), handed(three, "ada")
    with subprocess.Popen(
        ["ssh", "-F", "config", "box", "echo in; sleep 600"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    ) as inside:  # fmt: skip
        assert inside.stdout is not None
        assert inside.stdout.readline() == b"in\n"
        try:
            extend(room.room, -9 * 3600)
            wait_for(lambda: ssh(folder, "box", "true").returncode != 0, "a closed door")
            wait_for(lambda: inside.poll() is not None, "that who is inside is put out")
        finally:
            inside.kill()
    assert not room.status().open
    with pytest.raises(UsageError, match="is over"):
        room.start()
    begun = time.monotonic()
    room.extend("1h")
    wait_for(lambda: ssh(folder, "box", "true").returncode == 0, "an open door")
    converged(three, "the time passed, then extended", begun)


def test_a_box_that_nobody_uses_ends_and_start_wakes_it(
    ground: Ground, new_course: Callable[..., Course]
) -> None:
    made = new_course("ada")
    room = made.room(idle="30s")
    room.start().expect()
    said(room, room.room.students[0], "echo of ada > kept")
    wait_for(lambda: room.status().boxes[0].state == "complete", "that it ends")
    (only,) = verbs.listed(ground.engine, "services", room.room.label)
    assert only["Spec"]["Mode"]["Replicated"]["Replicas"] == 1
    made.more["idle"] = "1h"
    converged(made, "a box that had ended for want of use", time.monotonic())

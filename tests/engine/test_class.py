"""The life of a class on a swarm of three nodes: each verb, run again, and what is refused."""

from __future__ import annotations

import base64
import csv
import json
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import pytest
from faultproxy import FaultProxy
from registry import CONFIG, HTPASSWD, LOGIN, PASSWORD, USER, served
from swarmnodes import Course, Ground, reaches, said, wait_for

from container_magics.classroom.bulk import Report
from container_magics.engine import policyfile, swarm
from container_magics.engine.client import Engine, connect
from container_magics.errors import (
    ClassFailed,
    ContainerMagicsError,
    EngineError,
    ImageNotFound,
    NameTaken,
    PolicyDenied,
    SshFailed,
    UsageError,
)
from container_magics.practice import boxspec

EXERCISES = """\
=== hello
Leave a file.
--- check
test -s hello || fail "There is no file hello."
--- solution
%%ssh box
echo hi > hello
=== as-root
Something that only root sees.
--- check as root
true
--- solution
%%ssh box
true
=== endless --timeout 1s
It never ends.
--- check
sleep 100
--- solution
%%ssh box
true
"""


def ssh(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The system's own ssh, in what a student was handed."""
    return subprocess.run(
        ["ssh", "-F", "config", "-o", "BatchMode=yes", *words],
        cwd=folder, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        check=False,
    )  # fmt: skip


def handed(course: Course, key: str) -> Path:
    return course.room().folder / "students" / key


def test_every_student_has_a_box_on_some_node(six: Course) -> None:
    status = six.room().status()
    assert [one.student for one in status.boxes] == six.roster
    assert {one.state for one in status.boxes} == {"running"}
    assert sorted(one.node for one in status.boxes) == ["node1"] * 2 + ["node2"] * 2 + ["node3"] * 2
    assert status.open
    assert status.running == 6


def test_a_restarted_notebook_finds_its_class_again(six: Course) -> None:
    room = six.room()
    before = [task["ID"] for task in six.ground.engine.api.tasks()]
    assert [one.what for one in room.start().expect()] == ["as it was"] * 6
    assert [task["ID"] for task in six.ground.engine.api.tasks()] == before


def test_a_student_logs_in_with_nothing_but_what_was_handed_out(six: Course) -> None:
    folder = handed(six, "ada-lovelace")
    assert ssh(folder, "box", "hostname; id -un").stdout == "ada-lovelace\nstudent\n"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"config": 0o600, "known_hosts": 0o600, "id_ed25519": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_box_has_no_more_than_was_asked_for(six: Course) -> None:
    room = six.room(memory="96m", pids=50, cpus="0.25", roster=six.roster)
    (ada, *_) = room.room.students
    assert [one.what for one in room.start().expect()] == ["changed"] * 6
    wait_for(lambda: room.status().running == 6, "every box again")
    facts = [
        container["HostConfig"]
        for node in six.ground.swarm.nodes
        for each in node.engine.api.containers()
        if each["Image"] == boxspec.IMAGE and "_gate" not in each["Names"][0]
        for container in [node.engine.api.inspect_container(each["Id"])]
    ]
    limits = {(one["Memory"], one["NanoCpus"], one["PidsLimit"]) for one in facts}
    assert limits == {(96 * 1024**2, 250_000_000, 50)}
    inside = said(room, ada, "grep -E 'CapBnd|NoNewPrivs' /proc/self/status")
    assert "NoNewPrivs:\t1" in inside
    assert f"CapBnd:\t{sum(1 << bit for bit in (0, 6, 7, 18, 29)):016x}" in inside
    six.room().start().expect()


def test_what_a_teacher_does_in_every_box(six: Course, tmp_path: Path) -> None:
    room = six.room()
    ada, grace = room.room.students[:2]
    room.message("five minutes\nleft").expect()
    assert "five minutes\nleft" in said(room, grace, "cat ~/messages")
    said(room, ada, "echo hi > hello; ln -s /etc/passwd link")
    assert [one.what for one in room.collect(tmp_path / "all").expect()] == ["collected"] * 6
    assert (tmp_path / "all/ada-lovelace/hello").read_text() == "hi\n"
    assert not (tmp_path / "all/ada-lovelace/link").exists()
    # broken off: one is missing, and only that one is taken
    (tmp_path / "all/ada-lovelace/hello").unlink()
    (tmp_path / "all/grace").rename(tmp_path / "elsewhere")
    whats = [one.what for one in room.collect(tmp_path / "all").expect()]
    assert whats == ["there already", "collected"] + ["there already"] * 4
    (tmp_path / "exercises.md").write_text(EXERCISES)
    rows = room.grade(tmp_path / "exercises.md", tmp_path / "grades.csv")
    assert [(one.student, one.passed) for one in rows if one.exercise == "hello"] == [
        (name, name == "Ada Lovelace") for name in six.roster
    ]
    read = list(csv.DictReader((tmp_path / "grades.csv").open()))
    assert read[1]["missing"] == (
        "Not graded: it runs as root, and a box lets nobody in but student."
    )
    # it takes no points from anybody
    assert (read[1]["passed"], read[1]["max_points"]) == ("", "0.0")
    assert read[2]["missing"] == "The check was stopped: it ran longer than 1 s."
    assert read[9]["student"] == "'=evil()"
    assert room.status().boxes[0].check == "1 of 2, 1 not graded"


def test_a_reset_box_is_fresh_and_keeps_its_home(six: Course) -> None:
    room = six.room()
    ada = room.room.students[0]
    said(room, ada, "echo mine > kept; echo passing > /tmp/gone")
    (one,) = room.reset("Ada Lovelace").expect()
    assert one.what == "made anew"
    wait_for(lambda: "gone" not in said_or_not(room, "ls /tmp; cat kept"), "a fresh box")
    assert said(room, ada, "cat kept") == "mine\n"
    room.reset("ada-lovelace", files=True).expect()
    wait_for(lambda: "No such file" in said_or_not(room, "cat kept"), "an empty home")


def said_or_not(room: object, script: str) -> str:
    """What the first student's box says; "gone" while it does not answer."""
    try:
        return said(room, room.room.students[0], f"({script}) 2>&1; true")  # type: ignore[arg-type, attr-defined]
    except ContainerMagicsError:
        return "gone"


def test_status_asks_as_many_questions_whatever_the_number_of_students(six: Course) -> None:
    asked = []
    roster_of_300 = [*six.roster, *(f"more {number}" for number in range(294))]
    proxy = FaultProxy(six.ground.swarm.manager.url)
    try:
        with_proxy = connect({"DOCKER_HOST": proxy.url})
        for roster in (six.roster[:1], six.roster, roster_of_300):
            room = six.room(engine=with_proxy, roster=roster)
            del proxy.targets[:]
            seen = room.status()
            assert [one.student for one in seen.boxes] == roster
            asked.append(len(proxy.targets))
        with_proxy.close()
    finally:
        proxy.close()
    assert asked == [4, 4, 4]
    assert seen.running == 6
    assert {(one.state, one.why) for one in seen.boxes[6:]} == {("none", "no box: run start")}


def test_of_two_teachers_of_one_class_name_the_second_is_refused(
    six: Course, tmp_path: Path
) -> None:
    other = six.room(folder=tmp_path / "another")
    for verb in (other.start, other.status, other.stop, other.reset):
        with pytest.raises(NameTaken, match="Another teacher has a class"):
            verb()
    wait_for(lambda: six.room().status().running == 6, "a class as it was")


def test_of_two_who_start_at_the_same_moment_one_wins(
    ground: Ground, new_course: Callable[..., Course], tmp_path: Path
) -> None:
    course = new_course("ada")
    rooms = [course.room(folder=tmp_path / "one"), course.room(folder=tmp_path / "two")]
    ended: list[object] = []

    def start(number: int) -> None:
        try:
            ended.append((number, rooms[number].start()))
        except NameTaken as refused:
            ended.append(refused)

    threads = [threading.Thread(target=start, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [one for one in ended if not isinstance(one, NameTaken)]
    assert len(won) == 1
    course.more["folder"] = tmp_path / ("one" if won[0][0] == 0 else "two")  # type: ignore[index]
    assert course.room().status().running == 1


def test_the_image_goes_to_the_node_that_lacks_it(
    ground: Ground, new_course: Callable[..., Course]
) -> None:
    course = new_course("ada", "grace", "edsger")
    tag = f"{course.name}:1"
    ground.engine.api.tag(boxspec.IMAGE, course.name, "1")
    try:
        room = course.room(image=tag, nodes=[ground.swarm.nodes[1].engine])
        # "no such image" is said for each of the two nodes that lack it, and the third has a box
        report = room.start()
        assert len(report.failed) == 2
        assert all("refuses the box: No such image" in one.failure for one in report.failed)
        given = room.prefetch()
        assert [(one.student, one.what) for one in given[:2]] == [
            ("node1", "has it"), ("node2", "got it"),
        ]  # fmt: skip
        assert given[2].failure == "Its engine is not known: name it in nodes=."
        with pytest.raises(ClassFailed):
            given.expect()
        room = course.room(image=tag)
        assert not room.prefetch().failed
        room.start().expect()
        course.close()
    finally:
        for node in ground.swarm.nodes:
            node.engine.api.remove_image(tag)


def test_the_nodes_pull_from_a_registry_whose_login_the_teacher_has(
    ground: Ground,
    new_course: Callable[..., Course],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also the third, whose engine the teacher does not know."""
    (tmp_path / "docker").mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    manager, second, third = (node.engine for node in ground.swarm.nodes)
    with registry_of_the_swarm(ground, tmp_path) as address:
        image = f"{address}/course/box:1"
        manager.api.tag(boxspec.IMAGE, f"{address}/course/box", "1")
        login = {"username": USER, "password": PASSWORD}
        pushed = list(manager.api.push(image, stream=True, decode=True, auth_config=login))
        assert not [line for line in pushed if "error" in line]
        try:
            room = new_course("ada", image=image, nodes=[second]).room()
            given = room.prefetch()
            assert [one.what for one in given[:2]] == ["has it", "got it"]
            assert "could not pull the image: No such image" in given[2].failure
            second.api.remove_image(image)
            word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            known = {"auths": {address: {"auth": word}}}
            (tmp_path / "docker" / "config.json").write_text(json.dumps(known))
            given = room.prefetch().expect()
            assert [one.what for one in given] == ["has it", "pulled it", "pulled it"]
            ids = {one.api.inspect_image(image)["Id"] for one in (manager, second, third)}
            assert len(ids) == 1
            assert not swarm.listed(manager, "services", room.room.label)
        finally:
            for engine in (manager, second, third):
                with suppress(docker.errors.ImageNotFound):
                    engine.api.remove_image(image, force=True)


@contextmanager
def registry_of_the_swarm(ground: Ground, folder: Path) -> Iterator[str]:
    """A registry beside the manager, for USER alone; its address, which the nodes reach."""
    (folder / "data").mkdir()
    (folder / "data" / "htpasswd").write_text(HTPASSWD)
    manager = ground.swarm.manager
    inside = ("nsenter", f"--net=/proc/{manager.space.pid}/ns/net")
    port = next(ground.ports)
    address = f"{manager.address}:{port}"
    with served(folder, "tcp", address, CONFIG + LOGIN, inside) as process:
        wait_for(lambda: reaches(manager, manager.address, port), f"status {process.poll()}")
        yield address


def test_a_student_who_left_the_roster_has_no_box(
    ground: Ground, new_course: Callable[..., Course]
) -> None:
    course = new_course("ada", "grace")
    course.room().start().expect()
    said(course.room(), course.room().room.students[1], "echo hers > kept")
    course.room(roster=["ada"]).start().expect()
    wait_for(lambda: ssh(handed(course, "grace"), "box", "true").returncode, "no way in")
    room = course.room()
    room.start().expect()
    assert said(room, room.room.students[1], "cat kept") == "hers\n"


def test_a_class_whose_homes_go_with_the_boxes_has_no_volumes(
    new_course: Callable[..., Course],
) -> None:
    course = new_course("ada", files=False)
    course.room().start().expect()
    assert all(
        not (node.engine.api.volumes({"name": course.name})["Volumes"])
        for node in course.ground.swarm.nodes
    )


def test_kept_files_are_found_by_the_next_start(
    new_course: Callable[..., Course], tmp_path: Path
) -> None:
    course = new_course("ada", "grace")
    room = course.room()
    room.start().expect()
    said(room, room.room.students[1], "echo hers > kept")
    stopped = room.stop(keep_files=True)
    assert (stopped.boxes, len(stopped.left)) == (2, 2)
    # another class of that name would find them, too
    with pytest.raises(NameTaken, match="Another teacher has a class"):
        course.room(folder=tmp_path / "another").start()
    # the first of a roster goes to the first node: grace's home is not there
    room = course.room(roster=["grace", "ada"])
    room.start().expect()
    assert said(room, room.room.students[0], "cat kept") == "hers\n"
    # one engine that does not answer keeps the others' volumes from nothing
    others = [node.engine for node in course.ground.swarm.nodes[1:]]
    room = course.room(nodes=[f"unix://{tmp_path}/nowhere.sock", *others])
    assert room.stop().left == ()


def test_a_manager_that_is_drained_is_named_at_once(
    ground: Ground, new_course: Callable[..., Course]
) -> None:
    course = new_course("ada")
    ground.available("node1", "drain")
    try:
        with pytest.raises(EngineError, match="manager node1 is drain: the gateway") as caught:
            course.room().start()
        assert "docker node update --availability active node1" in caught.value.hint
        assert course.room().status().boxes[0].why == "no box: run start"
    finally:
        ground.available("node1", "active")
    course.room().start().expect()
    # who is there already needs no further network
    ground.available("node1", "drain")
    try:
        wait_for(lambda: course.room().status().boxes[0].state == "node drain", "that it is seen")
        with pytest.raises(ClassFailed, match="did not succeed for 1 of 1"):
            course.room().start().expect()
    finally:
        ground.available("node1", "active")


def test_a_policy_of_the_teacher_s_machine_bounds_the_class(
    six: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file would have to be root's; that is tried in test_policy_enforced.py."""
    file = tmp_path / "policy.toml"
    monkeypatch.setattr(policyfile, "POLICY", file)
    monkeypatch.setattr(policyfile, "refuse_untrusted", lambda path: None)
    room = six.room()
    ends_s = room.room.folder.ends_s
    file.write_text("limits.students = 5\n")
    with pytest.raises(PolicyDenied, match="6 boxes of a class are more than 5"):
        room.start()
    file.write_text('limits.students = 6\nlimits.lifetime = "9h"\n')
    with pytest.raises(PolicyDenied, match="is longer than"):
        room.extend("2h")
    assert room.room.folder.ends_s == ends_s
    assert [one.what for one in room.start().expect()] == ["as it was"] * 6


def test_what_is_refused_is_refused_in_a_sentence(
    engine: Engine, six: Course, new_course: Callable[..., Course], tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="needs an engine that manages a swarm"):
        six.room(engine=engine, folder=tmp_path / "x").start()
    with pytest.raises(EngineError, match="needs an engine that manages a swarm"):
        six.room(engine=six.ground.swarm.nodes[1].engine, folder=tmp_path / "x").start()
    with pytest.raises(ImageNotFound, match="manager has no image nowhere:1"):
        six.room(image="nowhere:1").start()
    with pytest.raises(UsageError, match="has no 'nobody'"):
        six.room().reset("nobody")
    with pytest.raises(SshFailed, match="has no gateway"):
        new_course("ada").room().message("hello")
    with pytest.raises(UsageError, match="was not started"):
        new_course("ada").room().extend("1h")
    assert isinstance(six.room().start().expect(), Report)

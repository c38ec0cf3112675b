"""Who tries to cross: from box to box, to the engine, to the host, past the gateway. Each try
stands beside the same one from where it is allowed, so that it is the wall that fails it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from swarmnodes import Course, Ground, reaches, said
from test_class import handed, ssh

from container_magics.classroom import gate
from container_magics.classroom.folder import ClassFolder
from container_magics.classroom.gate import Door
from container_magics.core.classplan import gate_name, object_name
from container_magics.engine.swarmnode import Node
from container_magics.errors import UsageError
from container_magics.practice import boxspec

TRY = "timeout 3 nc -w 2 {} {} < /dev/null | head -c 3; echo end"
LISTENING = "0A"
EVERYWHERE = {"NetworkSettings": {"Ports": {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "9"}]}}}


@pytest.fixture
def boxes(six: Course) -> dict[str, tuple[str, str]]:
    """Student's key -> (the node, the address of their box)."""
    room = six.room()
    lines = room.status().boxes
    return {
        student.key: (line.node, said(room, student, "hostname -I").split()[0])
        for student, line in zip(room.room.students, lines, strict=True)
    }


def in_gate(course: Course, *words: str) -> str:
    """What a command says in the gateway."""
    api = course.ground.engine.api
    made = api.exec_create(gate_name(course.name), list(words))
    output: bytes = api.exec_start(made["Id"])
    return output.decode()


def test_no_box_reaches_another(six: Course, boxes: dict[str, tuple[str, str]]) -> None:
    room = six.room()
    for one in room.room.students:
        for key, (_node, address) in boxes.items():
            answer = said(room, one, TRY.format(address, 22))
            assert answer == ("SSH" * (key == one.key) + "end\n"), (one.key, key)
    # the gateway, which may, comes to all of them: on one node and on another
    for _node, address in boxes.values():
        assert in_gate(six, "sh", "-c", TRY.format(address, 22)) == "SSHend\n"


def test_no_box_knows_another_s_name(six: Course) -> None:
    room = six.room()
    ada, grace = room.room.students[:2]
    look = "getent hosts {} > /dev/null && echo known || echo unknown"
    assert said(room, ada, look.format(object_name(six.name, ada.key))) == "known\n"
    assert said(room, ada, look.format(object_name(six.name, grace.key))) == "unknown\n"


def test_no_box_reaches_a_node_or_its_engine(
    six: Course, boxes: dict[str, tuple[str, str]]
) -> None:
    room = six.room()
    manager = six.ground.swarm.manager
    bridges = addresses(manager)
    assert manager.address in bridges
    assert len(bridges) > 2  # docker's own bridges, too
    # the manager's port answers another node
    assert reaches(six.ground.swarm.nodes[1], manager.address, 2377)
    for student in room.room.students:
        node = six.ground.node(boxes[student.key][0])
        for address in {*addresses(node), *bridges}:
            script = f"nc -z -w 1 {address} 2377 || nc -z -w 1 {address} 7946"
            assert said(room, student, script).startswith("status"), (student.key, address)


def addresses(node: Node) -> list[str]:
    """A node's own IPv4 addresses."""
    links = json.loads(node.space.inside("ip", "-json", "-4", "address", "show"))
    return [one["local"] for link in links for one in link["addr_info"] if link["ifname"] != "lo"]


def test_no_box_has_a_docker_socket_or_a_way_out(six: Course) -> None:
    room = six.room()
    for student in room.room.students:
        sockets = said(room, student, "find / -xdev -name '*.sock' -type s 2>/dev/null; true")
        assert sockets == ""
        mounts = said(room, student, "cat /proc/mounts")
        assert "docker.sock" not in mounts
        assert "/home/student" in mounts
        assert said(room, student, "ip route show default") == ""


def test_a_key_opens_the_way_to_one_s_own_box_alone(six: Course) -> None:
    folder, gate = handed(six, "ada-lovelace"), gate_name(six.name)
    own, other = object_name(six.name, "ada-lovelace"), object_name(six.name, "grace")
    assert ssh(folder, "-W", f"{own}:22", "gate").stdout.startswith("SSH-2.0")
    for there in (
        f"{other}:22", f"{own}:23", "localhost:22", f"{gate}:22", "198.18.0.1:2377", "127.0.0.1:22",
    ):  # fmt: skip
        refused = ssh(folder, "-W", there, "gate")
        assert refused.returncode
        assert "administratively prohibited" in refused.stderr, there
    # no command, no terminal, no file transfer, no way back
    for words in (["gate", "id"], ["-tt", "gate"], ["-s", "gate", "sftp"]):
        tried = ssh(folder, *words)
        assert (tried.returncode != 0, tried.stdout) == (True, "")
    back = ssh(folder, "-o", "ExitOnForwardFailure=yes", "-N", "-R", "0:localhost:22", "gate")
    assert "remote port forwarding failed" in back.stderr


def test_a_key_opens_no_other_s_box(six: Course, tmp_path: Path) -> None:
    """Also where somebody were let through the gateway: each box knows its own student."""
    grace = handed(six, "grace")
    stranger = tmp_path / "stranger"
    subprocess.run(["cp", "-r", str(handed(six, "ada-lovelace")), str(stranger)], check=True)
    (stranger / "config").write_text((grace / "config").read_text())
    (stranger / "known_hosts").write_text((grace / "known_hosts").read_text())
    assert ssh(grace, "box", "echo in").stdout == "in\n"
    assert "administratively prohibited" in ssh(stranger, "box", "echo in").stderr
    key = (stranger / "id_ed25519").read_text()
    script = (
        "umask 077; cat > /tmp/k; ssh -i /tmp/k -o BatchMode=yes -o StrictHostKeyChecking=no "
        "-o UserKnownHostsFile=/dev/null student@localhost echo in 2>&1; rm /tmp/k"
    )
    folder = handed(six, "grace")
    tried = subprocess.run(
        ["ssh", "-F", "config", "box", script], cwd=folder, input=key, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Permission denied (publickey)" in tried.stdout


def test_nothing_listens_on_every_address_but_the_swarm_itself(six: Course) -> None:
    for node in six.ground.swarm.nodes:
        found = listening(node)
        everywhere = {port for address, port in found if address not in ("127.0.0.1", "127.0.0.11")}
        assert everywhere <= {2377, 7946}, node.name
        loopback = {port for address, port in found if address == "127.0.0.1"}
        assert (six.port in loopback) == (node is six.ground.swarm.manager)


def listening(node: Node) -> set[tuple[str, int]]:
    """(address, port) of each TCP socket that listens on a node: /proc/net/tcp, man proc."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{node.space.pid}/net/{name}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == LISTENING:
                address, _, port = local.partition(":")
                shown = ".".join(str(b) for b in bytes.fromhex(address[-8:])[::-1])
                found.add((shown if name == "tcp" else address, int(port, 16)))
    return found


def test_a_gateway_on_every_address_has_to_be_said_and_named(six: Course, tmp_path: Path) -> None:
    assert six.room(publish="").room.asked.address == "127.0.0.1"
    manager = six.ground.swarm.manager
    assert reaches(manager, "127.0.0.1", six.port)
    assert not reaches(six.ground.swarm.nodes[1], manager.address, six.port)
    with pytest.raises(UsageError, match="listens on every address"):
        gate.reached_at(six.ground.engine, EVERYWHERE, Door("0.0.0.0"))


def test_with_the_teacher_s_word_other_machines_come_to_the_gateway(
    new_course: Callable[..., Course],
) -> None:
    course = new_course("ada")
    manager, worker = course.ground.swarm.nodes[:2]
    course.room().start().expect()
    assert not reaches(worker, manager.address, course.port)
    course.more["publish"] = f"0.0.0.0:{course.port}"
    course.room().start().expect()
    assert reaches(worker, manager.address, course.port)
    assert ("0.0.0.0", course.port) in listening(manager)
    # and without the word it listens there no more
    del course.more["publish"]
    course.room().start().expect()
    assert not reaches(worker, manager.address, course.port)


def test_a_gateway_keeps_the_port_that_was_chosen(ground: Ground, tmp_path: Path) -> None:
    folder = ClassFolder("t-port", tmp_path / "f")
    end_s = time.time() + 600
    made = gate.ensure(ground.engine, folder, boxspec.IMAGE, Door(), end_s)
    try:
        first = folder.port
        ground.engine.api.restart(made)
        assert gate.ensure(ground.engine, folder, boxspec.IMAGE, Door(), end_s) == made
        assert folder.port == first
        # one that does not run is made anew, and listens where it did
        ground.engine.api.stop(made)
        stopped, made = made, gate.ensure(ground.engine, folder, boxspec.IMAGE, Door(), end_s)
        assert made != stopped
        assert folder.port == first
        assert ground.engine.api.inspect_container(made)["State"]["Running"]
    finally:
        ground.engine.api.remove_container(made, force=True)

"""A swarm of three engines that the tests make themselves, and classes on it that go again.

Each node is a network namespace of this machine (container_magics/engine/privateswarm.py), with
addresses that are known inside alone. The third has a small disk of its own.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from container_magics.classroom import Classroom, classroom
from container_magics.classroom.within import door_of, output_of, within
from container_magics.core.classplan import CLASS
from container_magics.core.roster import Student
from container_magics.engine import swarm as verbs
from container_magics.engine.base import ensure_base
from container_magics.engine.client import Engine
from container_magics.engine.nsdoor import way_in
from container_magics.engine.privateswarm import PrivateSwarm, give_image, private_swarm
from container_magics.engine.swarmnode import Node
from container_magics.errors import EngineError
from container_magics.practice import boxspec
from container_magics.session.build import build

SMALL_DISK_BYTES = 900 * 1024**2
LIMIT_S = 90.0
FIRST_PORT = 2222


def wait_for(true: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> float:
    """Wait until something is so, and say how long that took."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < limit_s, what
        time.sleep(0.1)
    return time.monotonic() - begun


@dataclass
class Ground:
    """The swarm, and the ports at which its classes' gateways were published."""

    swarm: PrivateSwarm
    folder: Path
    ports: Iterator[int] = field(default_factory=lambda: iter(range(FIRST_PORT, FIRST_PORT + 999)))

    @property
    def engine(self) -> Engine:
        """The manager's."""
        return self.swarm.manager.engine

    def node(self, host: str) -> Node:
        """A node by its host name."""
        return next(one for one in self.swarm.nodes if one.name == host)

    def state(self, host: str) -> str:
        """How the manager sees a node."""
        return next(
            one["Status"]["State"]
            for one in verbs.nodes(self.engine)
            if one["Description"]["Hostname"] == host
        )

    def available(self, host: str, availability: str) -> None:
        """Drain a node, or take it back."""
        node = next(
            one for one in verbs.nodes(self.engine) if one["Description"]["Hostname"] == host
        )
        spec = {**node["Spec"], "Availability": availability}
        self.engine.api.update_node(node["ID"], node["Version"]["Index"], spec)

    def left(self, room: str) -> list[str]:
        """All that is anywhere of a class, a line each."""
        found = []
        filters = {"label": f"{CLASS}={room}"}
        for node in self.swarm.nodes:
            api = node.engine.api
            found += [
                f"{node.name} {c['Names']}" for c in api.containers(all=True, filters=filters)
            ]
            found += [f"{node.name} {v['Name']}" for v in api.volumes(filters)["Volumes"] or ()]
            found += [f"{node.name} {n['Name']}" for n in api.networks(filters=filters)]
        for kind in verbs.KINDS:
            found += [
                verbs.name_of(one) for one in verbs.listed(self.engine, kind, f"{CLASS}={room}")
            ]
        return found


@dataclass
class Course:
    """A class of the tests, and the way to its gateway."""

    ground: Ground
    name: str
    roster: list[str]
    port: int
    more: dict[str, Any]
    way: ExitStack = field(default_factory=ExitStack)
    outer: int = 0

    def room(self, **more: Any) -> Classroom:
        """The class anew, as in a restarted notebook."""
        if not self.outer:
            self.open_way()
        asked = {
            "publish": f"127.0.0.1:{self.port}",
            "door": f"127.0.0.1:{self.outer}",
            "engine": self.ground.engine,
            "nodes": [node.engine for node in self.ground.swarm.nodes[1:]],
            "folder": self.ground.folder / self.name,
            **self.more,
            **more,
        }
        return classroom(self.name, asked.pop("roster", self.roster), **asked)

    def open_way(self) -> None:
        """A port of this machine for the gateway's; again after the manager was started anew."""
        self.way.close()
        pid = self.ground.swarm.manager.space.pid
        self.outer = self.way.enter_context(way_in(pid, self.port))

    def close(self) -> None:
        """Stop the class, and see that nothing of it is anywhere."""
        try:
            self.room().stop()
            wait_for(lambda: not self.ground.left(self.name), f"{self.ground.left(self.name)}")
        finally:
            self.way.close()


def reaches(node: Node, address: str, port: int) -> bool:
    """Whether a connection from a node's own network is taken."""
    try:
        node.space.inside("timeout", "5", "bash", "-c", f"exec 3<> /dev/tcp/{address}/{port}")
    except EngineError:
        return False
    return True


def said(room: Classroom, student: Student, script: str) -> str:
    """What a script says in a student's box, run as the student."""
    with within(room.room, door_of(room.room), student, 30.0) as made:
        status, output = output_of(made, script, limit_s=600.0)  # to fill a disk takes long
    return f"{output.decode()}{f'status {status}' if status else ''}"


@pytest.fixture(scope="session")
def ground(
    as_root: None, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """The swarm, with the practice box's image on each node."""
    ensure_base(engine, print)
    if not boxspec.image_is_here(engine):
        for _ in build(engine, boxspec.recipe()[0]):
            pass
    with private_swarm((None, None, SMALL_DISK_BYTES)) as made:
        give_image(engine, [node.engine for node in made.nodes], boxspec.IMAGE)
        yield Ground(made, tmp_path_factory.mktemp("classes"))


def course(ground: Ground, roster: list[str], **more: Any) -> Course:
    """A class that nobody has started."""
    return Course(ground, f"t-{uuid.uuid4().hex[:8]}", roster, next(ground.ports), more)


@pytest.fixture
def new_course(ground: Ground) -> Iterator[Callable[..., Course]]:
    """A function that makes a class; each is stopped in the end, and nothing of it is left."""
    made: list[Course] = []

    def new(*roster: str, **more: Any) -> Course:
        made.append(course(ground, list(roster), **more))
        return made[-1]

    yield new
    with ExitStack() as stack:
        for one in made:
            stack.callback(one.close)


@pytest.fixture(scope="module")
def six(ground: Ground) -> Iterator[Course]:
    """A class of six, two to a node, which a module's tests share; each leaves it whole."""
    made = course(ground, ["Ada Lovelace", "grace", "Łukasz", "=evil()", "edsger", "barbara"])
    try:
        made.room().start().expect()
        yield made
    finally:
        made.close()

"""What the verbs of a class share: its engine, its folder, its roster, its settings, its nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from container_magics.classroom.bulk import Calls, Outcome, Report, each
from container_magics.classroom.folder import ClassFolder
from container_magics.classroom.gate import USUAL_DOOR, Door
from container_magics.core import classplan
from container_magics.core.classplan import CLASS, CLASS_ID, ClassSettings
from container_magics.core.names import ImageRef
from container_magics.core.roster import Student
from container_magics.engine import swarm
from container_magics.engine.client import Engine, connect
from container_magics.engine.credentials import login
from container_magics.engine.ownership import USER, user_name
from container_magics.errors import Conflict, ContainerMagicsError, NameTaken, UsageError
from container_magics.practice import boxspec

IN_USE = ("ready", "active")
"""The state and the availability of a node that takes boxes."""


@dataclass
class Room:
    """One class. ``engines`` are those of other nodes, by address or context, where they are
    known: for the image, and for what is left on a node in the end."""

    engine: Engine
    folder: ClassFolder
    students: tuple[Student, ...]
    settings: ClassSettings
    asked: Door = USUAL_DOOR
    engines: Sequence[str | Engine] = ()
    silent: list[str] = field(default_factory=list)
    """What those of ``engines`` said that did not answer when they were last asked."""
    calls: Calls = field(default_factory=Calls)
    """The logins of the verb that is being done."""
    _opened: dict[str, Engine] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill in the usual image."""
        image = self.settings.image or boxspec.IMAGE
        self.settings = replace(self.settings, image=image)

    @property
    def name(self) -> str:
        """The class's name."""
        return self.folder.name

    @property
    def label(self) -> str:
        """The filter for all that is this class's, whoever made it."""
        return f"{CLASS}={self.name}"

    @property
    def login(self) -> Mapping[str, str]:
        """The header by which nodes pull the image: this user's login at the registry that its
        name says; nothing for a name that says none, which is then an image of the nodes."""
        host = ImageRef.parse(self.settings.image).registry
        return login(host).header if host else {}

    @property
    def over(self) -> bool:
        """Whether the time of the class has passed; False for one that was never started."""
        ends_s = self.folder.ends_s
        return ends_s is not None and ends_s <= time.time()

    def student(self, name: str) -> Student:
        """A student by name or short name; UsageError when the roster has none."""
        for one in self.students:
            if name in (one.name, one.key):
                return one
        raise UsageError(f"The roster of {self.name} has no {name!r}.")

    def chosen(self, names: Sequence[str]) -> tuple[Student, ...]:
        """Some students by their names; all for none."""
        return tuple(map(self.student, names)) if names else self.students

    def each(
        self, verb: str, students: Sequence[Student], work: Callable[[Student], str | Outcome]
    ) -> Report:
        """Do ``work`` for every one of them, as ``bulk.each``."""
        self.calls = Calls()
        return each(verb, students, work, self.calls)

    def claim(self) -> None:
        """Make the class this teacher's; NameTaken when it is another's. Of two who ask at once
        one wins: the name of a config is unique in a swarm."""
        marks = classplan.labels(self.name, self.folder.identity) | {USER: user_name()}
        body = classplan.stored(classplan.claim_name(self.name), b"class", marks)
        try:
            swarm.create(self.engine, "configs", body)
        except Conflict:
            self.expect_mine()

    def expect_mine(self) -> None:
        """NameTaken when another teacher has a class of this name on this swarm."""
        expect_own(self, swarm.listed(self.engine, "configs", self.label))

    def node_engines(self) -> dict[str, Engine]:
        """The engines that are known, the manager's first, by node ID; each opened once. One of
        ``engines`` that does not answer is not among them, and ``silent`` has its words; what the
        manager's own says instead of an answer is raised."""
        self._opened[node_id(self.engine)] = self.engine
        self.silent = []
        for place in self.engines:
            try:
                engine = place if isinstance(place, Engine) else self._open(place)
                self._opened[node_id(engine)] = engine
            except ContainerMagicsError as error:
                self.silent.append(str(error))
        return self._opened

    def _open(self, place: str) -> Engine:
        there = [each for each in self._opened.values() if each.endpoint.url == place]
        if there:
            return there[0]
        return connect_to(place)


def node_id(engine: Engine) -> str:
    """As which node of its swarm an engine is known; "" for one that is in none."""
    info = engine.request("GET", "/info", timeout_s=swarm.ANSWER_S).json()
    return str((info.get("Swarm") or {}).get("NodeID") or "")


def connect_to(place: str) -> Engine:
    """An engine by its address or its Docker context; NoEngine where none answers."""
    return connect({"DOCKER_HOST" if "://" in place else "DOCKER_CONTEXT": place})


def expect_own(room: Room, configs: Sequence[dict[str, Any]]) -> None:
    """NameTaken when the claim among ``configs`` is another teacher's."""
    claim = classplan.claim_name(room.name)
    for config in configs:
        marks = swarm.labels_of(config)
        if swarm.name_of(config) == claim and marks.get(CLASS_ID) != room.folder.identity:
            raise NameTaken(
                f"Another teacher has a class {room.name!r} on this swarm.",
                hint="Give yours another name; or, if it is yours, use the folder with its keys.",
                facts=(f"made by {marks.get(USER, 'somebody')}, {config.get('CreatedAt', '')}",),
            )


def takes_boxes(node: dict[str, Any]) -> bool:
    """Whether a node is up and not drained."""
    return (node["Status"]["State"], node["Spec"]["Availability"]) == IN_USE


NO_NODE: dict[str, Any] = {
    "Status": {"State": "gone"},
    "Spec": {"Availability": "gone"},
    "Description": {"Hostname": "a node that left"},
}
"""What stands for a node that the swarm no longer has."""


def how_away(node: dict[str, Any]) -> str:
    """Why a node takes no boxes: "down", "drain", "pause", "gone"."""
    state = str(node["Status"]["State"])
    return str(node["Spec"]["Availability"]) if state == "ready" else state


def away_words(host: str, kind: str) -> str:
    """What a teacher can do about a node that is away."""
    return (
        f"its files are on {host}, which is {kind}; bring that back, or `start --move` gives a "
        "fresh home elsewhere"
    )


def host_of(node: dict[str, Any]) -> str:
    """A node's name."""
    return str(node["Description"]["Hostname"])

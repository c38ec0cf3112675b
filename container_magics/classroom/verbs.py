"""classroom(): a class by its name, its roster, and what its boxes are; each verb a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from container_magics.classroom import (
    collecting,
    grading,
    looking,
    prefetch,
    starting,
    stopping,
    within,
)
from container_magics.classroom.bulk import Report
from container_magics.classroom.folder import ClassFolder, class_root, said_of
from container_magics.classroom.gate import door as read_door
from container_magics.classroom.looking import ClassStatus
from container_magics.classroom.room import Room, connect_to
from container_magics.classroom.stopping import Stopped
from container_magics.core.classplan import USUAL_LIMITS, ClassSettings
from container_magics.core.flagtypes import cpus, duration, size
from container_magics.core.grades import Grade
from container_magics.core.roster import class_name, names_of, students
from container_magics.core.spec import Limits
from container_magics.engine.client import Engine, connect
from container_magics.engine.userfile import reading
from container_magics.errors import UsageError

LEAST_PIDS = 16
"""sshd, its login, a shell, and what watches over them."""


def classroom(
    name: str,
    roster: Sequence[str] | str | Path | None = None,
    *,
    image: str | None = None,
    memory: str | None = None,
    cpus: str | None = None,
    pids: int | None = None,
    ttl: str | None = None,
    idle: str | None = None,
    files: bool | None = None,
    publish: str | None = None,
    door: str | None = None,
    nodes: Sequence[str | Engine] | None = None,
    folder: str | Path | None = None,
    engine: str | Engine | None = None,
) -> Classroom:
    """A class; nothing is started, and no engine is asked. UsageError for what cannot be read.

    ``roster`` is a list of names, or the path of a CSV file: its column ``student``, ``name``,
    ``login``, ``user`` or ``id``, else its first one. ``image`` has sshd and a user `student`; the
    practice box's own if left out. ``memory`` ("256m"), ``cpus`` ("0.5") and ``pids`` (128) are
    each box's limits. After ``ttl`` ("8h") from the first start the door closes; a box in which
    nobody was logged in for ``idle`` ("2h") stops, "0" for never. ``files`` (True): each home is a
    volume on its node. ``publish`` is the gateway's "ADDRESS:PORT" on the manager, 127.0.0.1 and a
    free port if left out; ``door`` is that as students reach it. ``nodes`` are the other nodes'
    engines, by address ("ssh://node2") or Docker context. ``folder`` is where keys are kept.
    ``engine`` is the manager's, in the same way; this user's own if left out.

    What is None is as it was said last, at a start or a prefetch, else as in brackets: it is kept
    in the class's folder.
    """
    root = class_root(class_name(name), folder)
    if roster is None and "roster" not in said_of(root):
        where = "" if root.is_dir() else f"; there is no folder {root}"
        raise UsageError(
            f"The class {name} has no roster yet{where}.", hint="Give a list or a CSV file."
        )
    kept = ClassFolder(name, root)
    said = {
        "roster": None if roster is None else list(_names(roster)),
        "image": image,
        "memory": memory,
        "cpus": cpus,
        "pids": pids,
        "ttl": ttl,
        "idle": idle,
        "files": files,
        "publish": publish,
        "door": door,
        "engine": engine if isinstance(engine, str) else None,
        # an engine that is open already cannot be kept: what was said before is
        "nodes": [each for each in nodes or () if isinstance(each, str)] or None,
    }
    asked = kept.asked | {key: value for key, value in said.items() if value is not None}
    room = Room(
        _opened(engine or asked.get("engine")),
        kept,
        students(asked["roster"]),
        settings_of(asked),
        read_door(asked.get("publish", ""), asked.get("door", "")),
        tuple(nodes if nodes is not None else asked.get("nodes", ())),
    )
    if not kept.asked:
        kept.ask(asked)
    return Classroom(room, asked)


def _opened(engine: str | Engine | None) -> Engine:
    """The manager's engine; NoEngine where it does not answer."""
    if isinstance(engine, Engine):
        return engine
    return connect_to(engine) if engine else connect()


def settings_of(asked: Mapping[str, Any]) -> ClassSettings:
    """The settings, from what was said; UsageError."""
    usual, idle = ClassSettings(), asked.get("idle")
    limits = Limits(
        memory_bytes=size(asked["memory"]) if "memory" in asked else USUAL_LIMITS.memory_bytes,
        nano_cpus=cpus(asked["cpus"]) if "cpus" in asked else USUAL_LIMITS.nano_cpus,
        pids=asked.get("pids", USUAL_LIMITS.pids),
    )
    if limits.pids is not None and limits.pids < LEAST_PIDS:
        raise UsageError(f"{limits.pids} processes are too few for a login.")
    return ClassSettings(
        image=asked.get("image", usual.image),
        limits=limits,
        ttl_s=duration(asked["ttl"]) if "ttl" in asked else usual.ttl_s,
        idle_s=usual.idle_s if idle is None else 0.0 if idle == "0" else duration(idle),
        files=asked.get("files", usual.files),
    )


def _names(roster: Sequence[str] | str | Path) -> Sequence[str]:
    if not isinstance(roster, str | Path):
        return roster
    path = Path(roster).expanduser()
    with reading(path) as opened:
        try:
            return names_of(opened.read().decode("utf-8"))
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{path} is not UTF-8.", hint="Save it as CSV UTF-8 in your spreadsheet."
            ) from error


class Classroom:
    """A class; made by ``classroom``. A verb may be run again: it does what is still to be done."""

    def __init__(self, room: Room, asked: Mapping[str, Any]) -> None:
        """Take what the verbs share; ``asked`` is kept once something was done with it."""
        self.room = room
        self._asked = asked

    @property
    def folder(self) -> Path:
        """Where keys are; ``students/`` in it has what each student is handed."""
        return self.room.folder.root

    def prefetch(self) -> Report:
        """The image on every node; a line for each. Raises what ``expect_image`` raises."""
        report = prefetch.prefetch(self.room)
        self.room.folder.ask(self._asked)
        return report

    def start(self, *, move: bool = False) -> Report:
        """Make what is missing, mend what does not fit, and log in once to every box. ``move``
        gives those whose node is away a fresh home on another node."""
        report = starting.start(self.room, move=move)
        self.room.folder.ask(self._asked)
        well = [
            one
            for one, outcome in zip(self.room.students, report, strict=True)
            if not outcome.failure
        ]
        ready = iter(within.wait_until_ready(self.room, well))
        whole = []
        for outcome in report:
            seen = outcome if outcome.failure else next(ready)
            whole.append(seen if seen.failure else outcome)
        return Report("start", whole)

    def status(self) -> ClassStatus:
        """How each box is."""
        return looking.status(self.room)

    def reset(self, *names: str, files: bool = False) -> Report:
        """Fresh boxes for some students, all for none; ``files`` empties the homes."""
        return within.reset(self.room, names, files=files)

    def revoke(self, name: str) -> Report:
        """Drop a student's key, at the door and in the box, and hand out another."""
        student = self.room.student(name)
        self.room.folder.revoke(student)
        return Report("revoke", list(self.start()))

    def extend(self, more: str) -> float:
        """Let the class end later by "30m"; returns when, in seconds since 1970."""
        return within.extend(self.room, duration(more))

    def message(self, text: str, *names: str) -> Report:
        """Tell students something: on their terminals, and in ~/messages."""
        return within.message(self.room, text, names)

    def collect(self, folder: str | Path, *names: str, again: bool = False) -> Report:
        """Copy the homes to a folder of this machine, one folder for each student."""
        return collecting.collect(self.room, Path(folder).expanduser(), names, again=again)

    def grade(self, exercises: str | Path, csv: str | Path | None = None) -> list[Grade]:
        """Run the checks of a file of exercises in every box; and write them as CSV."""
        return grading.grade(self.room, Path(exercises), Path(csv) if csv else None)

    def stop(self, *, keep_files: bool = False) -> Stopped:
        """Remove the class from the swarm; ``keep_files`` leaves the volumes. Keys stay."""
        return stopping.stop(self.room, keep_files=keep_files)

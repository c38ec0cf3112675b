"""The verbs of %class, as a cell shows them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container_magics.classroom import Classroom, classroom
from container_magics.classroom.folder import class_root, said_of
from container_magics.core.classflags import ClassRequest
from container_magics.jupyter.publish import show
from container_magics.view.model import Note
from container_magics.view.present import classroom as present

if TYPE_CHECKING:
    from container_magics.classroom.bulk import Report
    from container_magics.jupyter.listing import Listing
    from container_magics.jupyter.workbench import Workbench


def do(bench: Workbench, request: ClassRequest) -> Any:
    """Do what a request says; what is said once of a class is kept in its folder."""
    folder = request.folder or None
    asked = dict(request.asked)
    if "engine" not in {*said_of(class_root(request.name, folder)), *asked}:
        asked["engine"] = bench.engine
    room = classroom(request.name, folder=folder, **asked)
    return VERBS[request.verb](bench, room, request)


def _told(report: Report) -> None:
    """Show what became of everybody; ClassFailed when something did not go well."""
    outcomes = [(one.student, one.what, one.failure) for one in report]
    remarks = [(one.student, one.remark) for one in report if one.remark]
    show(present.report(report.verb, outcomes, remarks))
    report.expect()


def prefetch(_bench: Workbench, room: Classroom, _request: ClassRequest) -> None:
    """The image on every node."""
    _told(room.prefetch())


def start(bench: Workbench, room: Classroom, request: ClassRequest) -> None:
    """Every box."""
    _told(room.start(move=request.move))
    folder = "FOLDER/students" if bench.stable else shlex.quote(str(room.folder / "students"))
    hint = "Hand each student their own folder; the notebook cell there is `%sshbox join FOLDER`."
    show(Note(f"What to hand out is in {folder}.", hint=hint))


def status(bench: Workbench, room: Classroom, _request: ClassRequest) -> Listing:
    """How each box is."""
    from container_magics.classroom.looking import BoxStatus
    from container_magics.jupyter.listing import Listing

    seen = room.status()
    lines = [(b.student, b.node, b.state, b.since, b.check, b.why) for b in seen.boxes]
    view = present.status(
        room.room.name,
        lines,
        running=seen.running,
        door=seen.open,
        ends_s=seen.ends_s,
        stable=bench.stable,
        over=seen.over,
    )
    return Listing(seen.boxes, view, BoxStatus)


def reset(_bench: Workbench, room: Classroom, request: ClassRequest) -> None:
    """Fresh boxes."""
    _told(room.reset(*request.words, files=request.empty))


def revoke(_bench: Workbench, room: Classroom, request: ClassRequest) -> None:
    """Another key."""
    _told(room.revoke(request.words[0]))


def extend(bench: Workbench, room: Classroom, request: ClassRequest) -> None:
    """A later end."""
    show(present.extended(room.room.name, room.extend(request.words[0]), stable=bench.stable))


def message(_bench: Workbench, room: Classroom, request: ClassRequest) -> None:
    """Words to everybody."""
    _told(room.message(" ".join(request.words)))


def collect(_bench: Workbench, room: Classroom, request: ClassRequest) -> None:
    """Homes, into a folder here."""
    folder, *names = request.words
    _told(room.collect(folder, *names, again=request.again))


def grade(_bench: Workbench, room: Classroom, request: ClassRequest) -> Listing:
    """The checks of a file."""
    from container_magics.core.grades import Grade
    from container_magics.jupyter.listing import Listing

    rows = room.grade(Path(request.words[0]).expanduser(), request.csv or None)
    return Listing(rows, present.grades(rows, request.csv), Grade)


def stop(_bench: Workbench, room: Classroom, request: ClassRequest) -> None:
    """The end of the class."""
    ended = room.stop(keep_files=request.keep_files)
    kept = request.keep_files
    show(present.stopped(room.room.name, ended.boxes, ended.left, kept=kept))


VERBS: dict[str, Callable[[Workbench, Classroom, ClassRequest], Any]] = {
    "prefetch": prefetch, "start": start, "status": status, "reset": reset, "revoke": revoke,
    "extend": extend, "message": message, "collect": collect, "grade": grade, "stop": stop,
}  # fmt: skip

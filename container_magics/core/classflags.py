"""The text after %class, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from container_magics.core.argparser import VerbParser
from container_magics.core.roster import class_name
from container_magics.errors import UsageError

VERBS = {
    "prefetch": "give the image to every node",
    "start": "make what is missing, mend what does not fit, log in once to every box",
    "status": "how each student's box is (the default); `.df` for pandas",
    "reset": "fresh boxes, with their homes as they are: reset CLASS [STUDENT ...]",
    "revoke": "another key for a student: revoke CLASS STUDENT",
    "extend": "let the class end later: extend CLASS TIME",
    "message": "tell everybody something: message CLASS WORDS",
    "collect": "copy every home to a folder here: collect CLASS FOLDER [STUDENT ...]",
    "grade": "run a file's checks in every box: grade CLASS FILE",
    "stop": "remove the class, files and all",
}
# Verb -> how many words it takes after the class, at least and at most; None for any number
WORDS: dict[str, tuple[int, int | None]] = {
    "prefetch": (0, 0), "start": (0, 0), "status": (0, 0), "reset": (0, None), "revoke": (1, 1),
    "extend": (1, 1), "message": (1, None), "collect": (1, None), "grade": (1, 1), "stop": (0, 0),
}  # fmt: skip
SETTINGS = (
    "roster", "image", "memory", "cpus", "pids", "ttl", "idle", "files", "publish", "door", "nodes",
    "engine",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassRequest:
    """What to do (a key of VERBS), with which class. ``asked`` are the arguments of classroom()
    that were given; the rest is of the verb alone."""

    verb: str
    name: str
    words: tuple[str, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    move: bool = False
    empty: bool = False
    again: bool = False
    keep_files: bool = False
    csv: str = ""


def class_parser() -> VerbParser:
    """%class."""
    lines = [f"  {verb:<9} {meaning}" for verb, meaning in VERBS.items()]
    parser = VerbParser(
        "%class",
        description="\n".join(
            ("A class: a practice box for each student, on a Docker swarm.", "", *lines)
        ),
        epilog="What is said once of a class is kept in its folder: `%class status unix` is\n"
        "enough afterwards, in another notebook too. Each verb may be run again.",
    )
    parser.after[""] = f"{'|'.join(VERBS)}"
    add = parser.add_argument
    add("verb", metavar="VERB", help="what to do")
    add("name", metavar="CLASS", nargs="?", default="", help="small letters, digits and -")
    add("words", metavar="WORD", nargs="*", help="what the verb takes")
    add("--roster", metavar="PATH", default=None, help="a CSV file with the students' names")
    add("--image", metavar="IMAGE", default=None, help="an image of your own with sshd; the "
        "practice box's if left out")  # fmt: skip
    add("--memory", metavar="SIZE", default=None, help="each box's limit; 256m if left out")
    add("--cpus", metavar="NUMBER", default=None, help="processors for each box; 0.5 if left out")
    add("--pids", metavar="NUMBER", type=int, default=None, help="processes in each box; 128 if "
        "left out")  # fmt: skip
    add("--ttl", metavar="TIME", default=None, help="how long the door is open from the first "
        "start; 8h if left out")  # fmt: skip
    add("--idle", metavar="TIME", default=None, help="a box stops when nobody was logged in for so "
        "long; 2h if left out, 0 for never")  # fmt: skip
    add("--no-files", dest="files", action="store_const", const=False, default=None, help="no "
        "volume for a home: it goes with its box, which may then run on any node")  # fmt: skip
    add("--publish", metavar="ADDRESS:PORT", default=None, help="where the gateway listens on the "
        "manager; 127.0.0.1 and a free port if left out")  # fmt: skip
    add("--door", metavar="HOST:PORT", default=None, help="how students reach that, where it is "
        "another address")  # fmt: skip
    add("--node", metavar="ENGINE", dest="nodes", action="append", default=None, help="the engine "
        "of another node: ssh://HOST or a Docker context; once for each")  # fmt: skip
    add("--engine", metavar="ENGINE", default=None, help="the swarm's manager, in the same way; "
        "this notebook's engine if left out")  # fmt: skip
    add("--folder", metavar="PATH", default="", help="where the class's keys are kept")
    add("--move", action="store_true", help="start: a fresh home on another node for those whose "
        "node is away")  # fmt: skip
    add("--empty", action="store_true", help="reset: empty the homes, too")
    add("--again", action="store_true", help="collect: also what was collected before")
    add("--keep-files", action="store_true", help="stop: leave the volumes to the next start")
    add("--csv", metavar="PATH", default="", help="grade: write the grades as CSV")
    add("--debug", action="store_true", help="show the Python traceback of an error")
    parser.goes_with = {
        "start": ("--move",), "reset": ("--empty",), "collect": ("--again",),
        "stop": ("--keep-files",), "grade": ("--csv",),
    }  # fmt: skip
    return parser


def parse_class(line: str) -> ClassRequest:
    """Read the text after %class; raises UsageError."""
    found = class_parser().parse(line)
    if found.verb not in VERBS:
        raise UsageError(
            f"%class: there is no verb {found.verb!r}.", hint=f"The verbs are {', '.join(VERBS)}."
        )
    if not found.name:
        raise UsageError(
            f"%class {found.verb}: which class?", hint=f"Write %class {found.verb} NAME."
        )
    least, most = WORDS[found.verb]
    if len(found.words) < least or (most is not None and len(found.words) > most):
        raise UsageError(
            f"%class {found.verb} takes other words.", hint=f"{found.verb}: {VERBS[found.verb]}."
        )
    asked = {name: getattr(found, name) for name in SETTINGS if getattr(found, name) is not None}
    return ClassRequest(
        found.verb,
        class_name(found.name),
        tuple(found.words),
        asked,
        found.folder,
        move=found.move,
        empty=found.empty,
        again=found.again,
        keep_files=found.keep_files,
        csv=found.csv,
    )

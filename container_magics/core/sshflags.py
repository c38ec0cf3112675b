"""The text after %sshbox, %%ssh and %ssh, read."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, replace
from typing import Any

from container_magics.core.argparser import FlagParser, VerbParser
from container_magics.core.boxes import DAY_S, USUAL, BoxSettings
from container_magics.core.flags import add_capture_flags, capture_options
from container_magics.core.flagtypes import duration
from container_magics.core.names import container_name
from container_magics.core.spec import CellOptions
from container_magics.errors import UsageError

BOX = "box"
"""The name of a box that was given none."""
SNAPSHOT = "latest"
"""The name of a snapshot that was given none."""

VERBS = {
    "start": "start a box, or several at once; or say where the running one is (the default)",
    "stop": "stop it: its files stay, and `%sshbox NAME` starts it again",
    "reset": "a fresh box of the same name: new writable layer, same host key",
    "rm": "remove it with its files; its keys stay",
    "list": "the boxes of this session",
    "lab": "a private network of boxes, of which only the first is reached: lab NAME [INNER ...]",
    "snapshot": "keep its files as they are now: snapshot NAME [SNAPSHOT]",
    "restore": "a fresh box with the files of a snapshot: restore NAME [SNAPSHOT]",
    "join": "a box of your class, by the file that your teacher gave you: join FILE [NAME]",
    "fork": "another box with the same files: fork NAME NEW",
}
# Verb -> how many names it takes, at least and at most; None for any number
NAMES: dict[str, tuple[int, int | None]] = {
    "start": (0, None), "stop": (0, None), "reset": (0, None), "rm": (0, None), "list": (0, 0),
    "lab": (1, None), "snapshot": (1, 2), "restore": (1, 2), "fork": (2, 2),
    "join": (1, 2),
}  # fmt: skip
INNER = "inner"


@dataclass(frozen=True, slots=True)
class BoxRequest:
    """What to do (a key of VERBS), with which boxes; ``settings`` of those that are started.

    ``asked`` are the settings' names that were given, ``new_host_key`` is that of reset,
    ``file`` that of join.
    """

    verb: str
    names: tuple[str, ...]
    settings: BoxSettings = USUAL
    asked: frozenset[str] = frozenset()
    new_host_key: bool = False
    file: str = ""

    @property
    def name(self) -> str:
        """The first name."""
        return self.names[0]


def sshbox_parser() -> FlagParser:
    """%sshbox."""
    lines = [f"  {verb:<8} {meaning}" for verb, meaning in VERBS.items()]
    parser = VerbParser(
        "%sshbox",
        description="\n".join(("A box of your own to practise SSH on.", "", *lines)),
        epilog="It listens on 127.0.0.1 alone, takes your practice key alone, and can do little\n"
        "to the machine it runs on. Log in with `%%ssh`, or paste the line it shows.\n"
        f"The Python variable `{BOX}` is the box that the last %sshbox started or found.",
    )
    parser.after[""] = f"{'|'.join(VERBS)}|BOX BOX ..."
    add = parser.add_argument
    add("words", metavar="[VERB] [NAME ...]", nargs="*", help=f"NAME is {BOX} if left out")
    add("--image", metavar="IMAGE", default="", help="an image of your own: it has sshd, a user "
        "`student`, and starts sshd by itself")  # fmt: skip
    add("--strict", action="store_true", help="a box without any capability: sshd runs as the "
        "student, and nothing but the home and /tmp can be written, in memory")  # fmt: skip
    add("--idle", metavar="TIME", type=idle, default=None, help="stop it when nobody was "
        "logged in for so long; 4h if left out, 0 for never")  # fmt: skip
    add("--host-key", action="store_true", help="reset: a new host key, and what ssh says to it")
    add("--debug", action="store_true", help="show the Python traceback of an error")
    return parser


def idle(text: str) -> float:
    """A time, or 0 for never."""
    return 0.0 if text == "0" else duration(text)


def parse_box(line: str) -> BoxRequest:
    """Read the text after %sshbox; raises UsageError."""
    found = sshbox_parser().parse(line)
    words: list[str] = found.words
    verb = words.pop(0) if words and words[0] in VERBS else "start"
    least, most = NAMES[verb]
    if len(words) < least or (most is not None and len(words) > most):
        raise UsageError(
            f"%sshbox {verb} takes {_number(least, most)}, not {len(words)}.",
            hint=f"{verb}: {VERBS[verb]}.",
        )
    if found.host_key and verb != "reset":
        raise UsageError("--host-key goes with reset alone.")
    given = asked_of(found)
    asked = frozenset(given)
    if asked and verb not in ("start", "lab"):
        raise UsageError(f"%sshbox {verb} takes no settings: the box has its own.")
    if found.idle is not None and not 0 <= found.idle <= 30 * DAY_S:
        raise UsageError(f"--idle {found.idle:g}s: at most 30 days.")
    settings = replace(USUAL, **given)
    file = words.pop(0) if verb == "join" else ""
    names = tuple(dict.fromkeys(map(container_name, words or _usual(verb))))
    if verb == "lab" and len(names) == 1:
        names = (*names, INNER)
    return BoxRequest(verb, names, settings, asked, found.host_key, file)


def asked_of(words: Namespace) -> dict[str, Any]:
    """The settings that were given."""
    given: dict[str, Any] = {}
    if words.image:
        given["image"] = words.image
    if words.strict:
        given["strict"] = True
    if words.idle is not None:
        given["idle_s"] = int(words.idle)
    return given


def _usual(verb: str) -> list[str]:
    return [] if verb == "list" else [BOX]


def _number(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} or more names"
    return f"{least} names" if least == most else f"{least} to {most} names"


def ssh_parser() -> FlagParser:
    """%%ssh."""
    parser = FlagParser(
        "%%ssh",
        description="Run the cell on a practice box, over SSH: your login shell there reads it.\n"
        "The connection is kept for the next cell.",
    )
    parser.add_argument("box", metavar="BOX", nargs="?", default=BOX, help=f"{BOX} if left out")
    parser.add_argument("--via", metavar="BOX", default="", help="the box to jump over")
    add_capture_flags(parser)
    return parser


def parse_ssh(line: str) -> tuple[str, str, CellOptions]:
    """(box, the box to jump over or "", what the notebook does with the run); UsageError."""
    words = ssh_parser().parse(line)
    via = container_name(words.via) if words.via else ""
    return container_name(words.box), via, capture_options(words)


def config_parser() -> FlagParser:
    """%ssh."""
    parser = FlagParser(
        "%ssh",
        description="How to log in from elsewhere: in a terminal, or in an editor.\n\n"
        "  config   an ssh_config file of its own for BOX: ssh -F FILE BOX",
    )
    parser.after[""] = "config BOX"
    parser.add_argument("verb", metavar="VERB", choices=["config"], help="config")
    parser.add_argument("box", metavar="BOX", nargs="?", default=BOX, help=f"{BOX} if left out")
    parser.add_argument("--to", metavar="PATH", default="", help="where to write it; among your "
        "practice keys if left out")  # fmt: skip
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser

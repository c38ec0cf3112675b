"""The text after %container and %containers, read."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from container_magics.core.argparser import FlagParser, VerbParser
from container_magics.core.flagtypes import duration
from container_magics.core.waits import FORMS, condition, regex
from container_magics.errors import UsageError

CONTAINER_VERBS = {
    "start": "start it again",
    "stop": "ask its program to end, and end it a second later",
    "restart": "stop and start",
    "pause": "freeze its processes; they keep their memory and get no time",
    "unpause": "let them go on",
    "rename": "give it another name: %container rename OLD NEW",
    "rm": "remove it, running or not, with its writable layer; -f for one made elsewhere",
    "wait": "until it ends, and its exit status; or until what --for says",
    "logs": "what its program has written so far; -f goes on as it writes",
    "stats": "what it uses now: processor, memory, network, disk; without NAME all that run",
    "top": "its processes, with the numbers that the host gives them",
    "port": "where its published ports can be reached: %container port NAME [PORT]",
    "inspect": "what the engine knows of it",
    "changes": "its writable layer: what was added, changed and deleted",
    "commit": "make an image of it: %container commit NAME IMAGE",
    "cp": "copy a file or a folder: %container cp NAME:/path FILE, or FILE NAME:/path",
    "sweep": "remove what dead sessions and cut-off cells left behind (takes no NAME)",
}

# What Tab offers after a verb, as FlagParser.after has it; after any other verb, its metavar.
LIVE = "a live list with buttons; they wait while a cell runs, the sidebar's do not"
CONTAINER_NAMES = {
    "NAME": "CONTAINER",
    **dict.fromkeys(("stop", "pause", "top", "stats", "wait"), "RUNNING ..."),
    "port": "RUNNING",
    "logs": "CONTAINER",
    "rename": "CONTAINER",
    "commit": "CONTAINER IMAGE",
    "cp": "CONTAINER:PATH|FILE CONTAINER:PATH|FILE",
    "sweep": "",
    "--for": "healthy|running|exit|port:|log:|http:/",
}

# Verb -> the flags that go with it; none goes with another verb, but for --debug.
CONTAINER_FLAGS = {
    "rm": ("-f", "--force"),
    "logs": ("-f", "--follow", "--until", "--tail", "--since", "--timeout"),
    "stats": ("-w", "--watch"),
    "wait": ("--for", "--timeout"),
    "inspect": ("--format",),
}


BRACES = (
    "IPython puts Python's values for {name} into the line of a magic. "
    "For the braces of a regular expression write two: 'log:[0-9]{{3}}'."
)


class ContainerParser(VerbParser):
    """The parser of %container. ``force`` and ``follow`` are what was meant by ``-f``;
    ``--until`` means to follow, too."""

    def parse_args(  # type: ignore[override]  # as in FlagParser
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Namespace:
        """The words, read; UsageError for a flag that does not go with the verb."""
        known = super().parse_args(args, namespace)
        known.force = known.force or (known.f and known.verb == "rm")
        wanted = known.f or known.until is not None or known.timeout is not None
        known.follow = known.follow or (wanted and known.verb == "logs")
        return known


def container_parser() -> FlagParser:
    """%container VERB NAME."""
    parser = ContainerParser(
        "%container", description=described("one container", CONTAINER_VERBS), epilog=BRACES
    )
    parser.after.update(CONTAINER_NAMES)
    parser.goes_with = CONTAINER_FLAGS
    add = parser.add_argument
    add("verb", metavar="VERB", choices=list(CONTAINER_VERBS), help="see above")
    add("names", metavar="NAME", nargs="*", help="its name or ID")
    add("-f", action="store_true", help="rm: --force; logs: --follow")
    add("--force", action="store_true", help="rm: also one that no notebook of yours made")
    add(
        "--follow",
        action="store_true",
        help="logs: go on, over restarts, until it ends; the stop button only detaches",
    )
    add(
        "--until",
        metavar="REGEX",
        type=regex,
        help="logs: follow to the first line that matches, and show that, too",
    )
    add("--tail", metavar="N", type=lines, help="logs: only the last N lines of those there are")
    add("--since", metavar="TIME", help="logs: only from then on: 10m, 1h30m, 2026-11-23T08:30:00Z")
    add(
        "--for",
        dest="conditions",
        metavar="WHAT",
        type=condition,
        action="append",
        help=f"wait: {FORMS}; several in order",
    )
    add(
        "-w",
        "--watch",
        action="store_true",
        help="stats: from now on, with a line of the last looks, until they end",
    )
    add(
        "--timeout",
        metavar="TIME",
        type=duration,
        help="wait: how long, 60s if not given; logs: how long to follow",
    )
    add(
        "--format",
        metavar="TEMPLATE",
        help="inspect: one fact as text, by docker's name of it: '{{.State.Status}}'",
    )
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def lines(text: str) -> int:
    """A number of lines, 0 too."""
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"--tail {text}: not a number of lines.", hint="Such as --tail 20.")
    return int(text)


def containers_parser() -> FlagParser:
    """%containers."""
    parser = FlagParser("%containers", description="List containers, newest first.")
    parser.add_argument("-a", "--all", action="store_true", help="those that ended, too")
    parser.add_argument("--mine", action="store_true", help="only those of this session, all")
    parser.add_argument(
        "-w",
        "--watch",
        action="store_true",
        help="a live list with buttons; they wait while a cell runs, the sidebar's do not",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def described(noun: str, verbs: dict[str, str]) -> str:
    """A paragraph that says what each verb does."""
    lines = [f"  {verb:<9} {meaning}" for verb, meaning in verbs.items()]
    return "\n".join((f"Do one thing with {noun}.", "", *lines))

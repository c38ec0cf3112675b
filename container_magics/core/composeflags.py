"""The text after %%compose and %compose, read."""

from __future__ import annotations

import re
from argparse import Namespace
from dataclasses import dataclass

from container_magics.core.argparser import FlagParser
from container_magics.core.flagtypes import duration, variable
from container_magics.core.verbs import described
from container_magics.errors import UsageError

PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
COMPOSE_VERBS = {
    "status": "its services, with state, health and ports",
    "logs": "what its services have written: %compose logs NAME [SERVICE ...]",
    "down": "stop and remove its containers and networks; -v its volumes, too",
    "list": "the projects of this engine (takes no NAME)",
}


@dataclass(frozen=True, slots=True)
class ComposeRequest:
    """A %%compose line, read. ``timeout_s`` None is no limit.

    ``environment`` are what ``$NAME`` in the file stands for, beside the kernel's own variables.
    ``keep`` leaves a project that did not come up as it is.
    """

    project: str
    environment: tuple[tuple[str, str], ...] = ()
    profiles: tuple[str, ...] = ()
    build: bool = False
    keep: bool = False
    timeout_s: float | None = None
    expand: bool = False


def compose_parser() -> FlagParser:
    """%%compose NAME."""
    parser = FlagParser(
        "%%compose",
        description="The cell is a Compose file: start its services as the project NAME, and wait\n"
        "until each is running, healthy or has ended well. Relative paths are the\n"
        "notebook's folder's. Docker Compose has to be installed, version 1.29 or later.",
        epilog="A re-run brings the project to what the cell says now. When it does not come up,\n"
        "its containers are removed again. A port is bound to 127.0.0.1 unless the file\n"
        "gives another address. $NAME in the file is Compose's own.",
    )
    parser.after["NAME"] = "PROJECT"
    add = parser.add_argument
    add("project", metavar="NAME", type=project, help="the project's name")
    add("-e", "--env", metavar="NAME=VALUE", type=variable, action="append", default=[],
        help="what $NAME in the file stands for; may be repeated")  # fmt: skip
    add("--profile", metavar="PROFILE", action="append", default=[],
        help="the services of this profile, too; may be repeated")  # fmt: skip
    add("--build", action="store_true", help="build images anew that the file has a build: for")
    add("--keep", action="store_true", help="if it does not come up, leave it, to look into")
    add("--timeout", metavar="TIME", type=duration, help="give up after 30s, 2m, ...")
    add("--expand", action="store_true", help="put Python values in place of {name} in the cell")
    add("--debug", action="store_true", help="show the Python traceback of an error")
    return parser


def parse_compose(line: str) -> ComposeRequest:
    """Read the text after %%compose; raises UsageError, and then nothing was sent."""
    words = compose_parser().parse(line)
    return ComposeRequest(
        project=words.project,
        environment=tuple(words.env),
        profiles=tuple(words.profile),
        build=words.build,
        keep=words.keep,
        timeout_s=words.timeout,
        expand=words.expand,
    )


def project_parser() -> FlagParser:
    """%compose VERB NAME."""
    parser = FlagParser(
        "%compose", description=described("one project of %%compose", COMPOSE_VERBS)
    )
    parser.after |= dict.fromkeys(COMPOSE_VERBS, "PROJECT")
    parser.after |= {"list": "", "logs": "PROJECT SERVICE ..."}
    parser.add_argument("verb", metavar="VERB", choices=list(COMPOSE_VERBS), help="see above")
    parser.add_argument("names", metavar="NAME", nargs="*", help="the project, then its services")
    parser.add_argument(
        "--tail", metavar="N", type=int, default=0, help="logs: only the last N lines of each"
    )
    parser.add_argument("--mine", action="store_true", help="list: only this notebook's")
    parser.add_argument("-v", "--volumes", action="store_true", help="down: its volumes, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def parse_project(line: str) -> Namespace:
    """Read the text after %compose; raises UsageError when the names do not fit the verb."""
    words = project_parser().parse(line)
    most = {"list": 0, "logs": len(words.names)}.get(words.verb, 1)
    least = 0 if words.verb == "list" else 1
    if not least <= len(words.names) <= most:
        needs = "takes no name" if words.verb == "list" else "needs the name of one project"
        raise UsageError(f"%compose {words.verb} {needs}.", hint="`%compose list` lists them.")
    return words


def project(text: str) -> str:
    """The name itself; UsageError when Compose would refuse it (compose-spec, 04-version)."""
    if not PROJECT.match(text):
        raise UsageError(
            f"{text!r} cannot name a project.",
            hint="A name is small letters, digits, '_' and '-', and starts with a letter or digit.",
        )
    return text

"""The text after %sshbox and %%ssh, read."""

from __future__ import annotations

from dataclasses import dataclass

from container_magics.core.argparser import FlagParser
from container_magics.core.flags import add_capture_flags, capture_options
from container_magics.core.names import container_name
from container_magics.core.spec import CellOptions
from container_magics.errors import UsageError

BOX = "box"
"""The name of a box that was given none."""

VERBS = {
    "start": "start a box, or say where the running one is (the default)",
    "reset": "a fresh box of the same name: new writable layer, same host key",
    "stop": "remove the box; its keys stay",
    "list": "the boxes of this session",
}


@dataclass(frozen=True, slots=True)
class BoxRequest:
    """What to do (a key of VERBS), and with which box."""

    verb: str
    name: str


def sshbox_parser() -> FlagParser:
    """%sshbox."""
    lines = [f"  {verb:<6} {meaning}" for verb, meaning in VERBS.items()]
    parser = FlagParser(
        "%sshbox",
        description="\n".join(("A box of your own to practise SSH on.", "", *lines)),
        epilog="It listens on 127.0.0.1 alone, takes your practice key alone, and can do little\n"
        "to the machine it runs on. Log in with `%%ssh`, or paste the line it shows.\n"
        f"The Python variable `{BOX}` is the box that the last %sshbox started or found.",
    )
    parser.after[""] = f"{'|'.join(VERBS)}|BOX BOX"
    parser.add_argument(
        "words", metavar="[VERB] [NAME]", nargs="*", help=f"NAME is {BOX} if left out"
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the Python traceback of an error"
    )
    return parser


def parse_box(line: str) -> BoxRequest:
    """Read the text after %sshbox; raises UsageError."""
    words: list[str] = sshbox_parser().parse(line).words
    verb = words.pop(0) if words and words[0] in VERBS else "start"
    if len(words) > 1:
        raise UsageError(
            f"%sshbox takes one name, not {len(words)}.", hint=f"Its verbs: {', '.join(VERBS)}."
        )
    return BoxRequest(verb, container_name(words[0]) if words else BOX)


def ssh_parser() -> FlagParser:
    """%%ssh."""
    parser = FlagParser(
        "%%ssh",
        description="Run the cell on a practice box, over SSH: your login shell there reads it.",
    )
    parser.add_argument("box", metavar="BOX", nargs="?", default=BOX, help=f"{BOX} if left out")
    add_capture_flags(parser)
    return parser


def parse_ssh(line: str) -> tuple[str, CellOptions]:
    """(box, what the notebook does with the run); raises UsageError."""
    words = ssh_parser().parse(line)
    return container_name(words.box), capture_options(words)

"""The text after %engine, read."""

from __future__ import annotations

from argparse import Namespace

from container_magics.core.argparser import FlagParser
from container_magics.errors import UsageError

USE, CAN = "use", "can"


def engine_parser() -> FlagParser:
    """%engine, %engine use PLACE, %engine can."""
    parser = FlagParser(
        "%engine",
        description="Which engine answers, and where it was found. `use PLACE` goes to another for "
        "the rest of the session; `can` shows what this one can do.",
        epilog="PLACE is the name of a Docker context, ssh://[USER@]HOST[:PORT], tcp://HOST:PORT "
        "(TLS as DOCKER_CERT_PATH and DOCKER_TLS_VERIFY say), unix:///PATH, podman, swarm (the "
        "first place that manages one), or default.",
    )
    parser.add_argument("verb", nargs="?", choices=(USE, CAN), help="use, or can")
    parser.add_argument("place", nargs="?", default="", help="where the engine is")
    parser.after.update({USE: "PLACE", CAN: ""})
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def engine_words(line: str) -> Namespace:
    """The words of the line; UsageError for a place without ``use``, and the other way round."""
    words = engine_parser().parse(line)
    if words.verb == USE and not words.place:
        raise UsageError("Which place?", hint="%engine use CONTEXT, or ssh://HOST, podman, default")
    if words.verb != USE and words.place:
        raise UsageError(f"{words.place!r} is one word too many.", hint="%engine use PLACE")
    return words

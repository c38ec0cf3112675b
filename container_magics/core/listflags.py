"""The text after %networks, %volumes, %network and %volume, read."""

from __future__ import annotations

import ipaddress

from container_magics.core.argparser import FlagParser
from container_magics.core.verbs import described
from container_magics.errors import UsageError

NETWORK_VERBS = {
    "create": "a network of containers: they find each other by name",
    "rm": "remove one that a notebook of yours made, and no container is on",
    "inspect": "its settings, and the addresses of the containers on it",
    "connect": "put a container on it: %network connect NETWORK CONTAINER",
    "disconnect": "take a container off it: %network disconnect NETWORK CONTAINER",
}
VOLUME_VERBS = {
    "create": "a folder that the engine keeps, for -v NAME:/path",
    "rm": "remove one that a notebook of yours made, and all that is in it",
    "inspect": "where it is, and the containers that have it",
}


def networks_parser() -> FlagParser:
    """%networks."""
    parser = FlagParser("%networks", description="List networks, by name.")
    parser.add_argument("--mine", action="store_true", help="only those of this session")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def volumes_parser() -> FlagParser:
    """%volumes."""
    parser = FlagParser("%volumes", description="List volumes, by name.")
    parser.add_argument("--mine", action="store_true", help="only those of this session")
    parser.add_argument(
        "--size", action="store_true", help="the bytes of each; the engine counts them now"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def network_parser() -> FlagParser:
    """%network VERB NAME."""
    parser = FlagParser(
        "%network",
        description=described("one network", NETWORK_VERBS),
        epilog="A network that a notebook made is removed when its session ends.",
    )
    parser.after.update(
        {
            "create": "",
            "rm": "NETWORK ...",
            "inspect": "NETWORK ...",
            "connect": "NETWORK CONTAINER",
            "disconnect": "NETWORK CONTAINER",
            "--driver": "bridge|overlay|macvlan|ipvlan",
        }
    )
    parser.goes_with = {
        "create": ("--internal", "--subnet", "-d", "--driver"),
        "connect": ("--alias",),
    }
    add = parser.add_argument
    add("verb", metavar="VERB", choices=list(NETWORK_VERBS), help="see above")
    add("names", metavar="NAME", nargs="+", help="its name; then, to connect, a container's")
    add("--internal", action="store_true", help="create: with no way out of it")
    add("--subnet", metavar="ADDRESS/BITS", type=subnet, help="create: its addresses")
    add("-d", "--driver", metavar="DRIVER", help="create: bridge if not given")
    add("--alias", metavar="NAME", action="append", default=[],
        help="connect: another name of the container on it; may be repeated")  # fmt: skip
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def volume_parser() -> FlagParser:
    """%volume VERB NAME."""
    parser = FlagParser(
        "%volume",
        description=described("one volume", VOLUME_VERBS),
        epilog="A volume that a notebook made is removed when its session ends.",
    )
    parser.after.update({"create": "", "NAME": "VOLUME"})
    parser.goes_with = {"create": ("-d", "--driver")}
    add = parser.add_argument
    add("verb", metavar="VERB", choices=list(VOLUME_VERBS), help="see above")
    add("names", metavar="NAME", nargs="+", help="its name")
    add("-d", "--driver", metavar="DRIVER", help="create: local if not given")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def subnet(text: str) -> str:
    """``ADDRESS/BITS``, as the engine writes it; UsageError for anything else."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise UsageError(
            f"--subnet {text}: {error}.", hint="Such as --subnet 10.90.0.0/24."
        ) from None

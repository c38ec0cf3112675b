"""The text after %layers, read; the command `container-magics layers` takes the same flags."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from container_magics.core.argparser import FlagParser

QUESTIONS = (
    "owner", "find", "big", "wasted", "hidden", "tree", "diff", "show", "secrets", "packages",
)  # fmt: skip
"""The flags that ask something, in the order in which they are answered."""
EPILOG = """RULES are compared with what was measured: efficiency, wasted_bytes,
wasted_percent, dive_score; such as "efficiency>0.95, wasted_bytes<20MB". dive's own are
taken too: "lowestEfficiency=0.95, highestWastedBytes=20MB, highestUserWastedPercent=0.1"."""


def layers_parser() -> FlagParser:
    """%layers."""
    parser = FlagParser(
        "%layers",
        description="The layers of an image, or of a container with its writable layer on top:\n"
        "the instruction that made each, its size, what it added, changed and hid.\n"
        "The stack, and the answer to one question, are rows too: x = %layers IMAGE, then x.df.",
        epilog=EPILOG,
    )
    add_flags(parser.add_argument)
    parser.after["IMAGE"] = "IMAGE|CONTAINER"
    parser.after["IMAGE2"] = "IMAGE|CONTAINER"
    parser.add_argument(
        "-w",
        "--watch",
        action="store_true",
        help="an explorer: a slider over the layers, a tree to open, search; a container's own "
        "layer is live",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the Python traceback of an error"
    )
    return parser


def add_flags(add: Callable[..., Any]) -> None:
    """Add the images and every question with ``add``, an ``add_argument``."""
    add("image", metavar="IMAGE", help="an image, or a container; or an image in a file: a "
        "path that begins with / or ./, docker-archive:FILE, oci-archive:FILE, oci:FOLDER, each "
        "with :NAME where it has several; or docker://NAME, in its registry")  # fmt: skip
    add("other", metavar="IMAGE2", nargs="?", help="another one: the same as --diff IMAGE2")
    add("--owner", metavar="PATH", help="who owns a path: every layer that touched it")
    add("--find", metavar="GLOB", help="every path in any layer that fits, seen or hidden; a glob "
        "without / fits names in any folder")  # fmt: skip
    add("--big", metavar="N", type=number, help="the N largest files of all layers")
    add("--wasted", action="store_true", help="what is shipped for nothing, summed for each path")
    add("--hidden", action="store_true", help="the same, a line for each hidden file: which layer "
        "has it, which hides it, and how")  # fmt: skip
    add("--tree", metavar="STEP", nargs="?", type=number, const=0, help="the files after layer "
        "STEP, or in the end, with what that layer added, changed and hid")  # fmt: skip
    add("--alone", action="store_true", help="with --tree: the files of that layer alone")
    add(
        "--diff", metavar="IMAGE2",
        help="what differs in another image, path by path (not extended attributes, nor the"
        " numbers of devices)",
    )  # fmt: skip
    add("--content", action="store_true", help="with --diff: compare the bytes of files too")
    add("--show", metavar="PATH", help="print a file, also one that a later layer hides")
    add("--layer", metavar="N", type=number, help="with --show: as layer N has it")
    add(
        "--secrets", action="store_true", help="keys and tokens left in any layer; not their values"
    )
    add("--packages", action="store_true", help="packages of dpkg, apk, pip and rpm by layer")
    add("--helper", action="store_true", help="read the engine's own records of the layers through "
        "a container that is made for it, never started, and removed at once: the engine's folder "
        "is bound into it, read-only")  # fmt: skip
    add("--assert", dest="rules", metavar="RULES", help="an error unless all of them hold")


def images(words: Namespace) -> list[str]:
    """The images that are asked about: one, or two to compare."""
    return [words.image, *([words.diff] if words.diff else [])]


def number(text: str) -> int:
    """A number from 1 on; argparse names this function where it is none."""
    found = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not found:
        raise ValueError(text)
    return found

"""The text after %image and %images, read."""

from __future__ import annotations

from collections.abc import Iterable

from container_magics.core.argparser import FlagParser, VerbParser
from container_magics.core.flagtypes import duration, platform
from container_magics.core.flagtypes import name as variable_name
from container_magics.core.verbs import BRACES, described
from container_magics.errors import UsageError

IMAGE_VERBS = {
    "history": "the instructions that made it, oldest first, with the bytes each added",
    "inspect": "its ID, tags, digests, size, platform, command and environment",
    "tag": "give it a second name: %image tag IMAGE NAME",
    "pull": "fetch it from a registry, with your `docker login` if there is one",
    "push": "bring it to the registry that its name begins with, HOST/NAME:TAG; the same",
    "save": "write it to a file: %image save IMAGE FILE, or -o FILE IMAGE IMAGE ...",
    "load": "read images from a file: %image load FILE; or a variable: --stdin VAR",
    "rm": "remove the name, and the image with its last name; of one or several",
    "prune": "remove what %%image left without a name: the images of earlier builds",
    "debug": "after a failed %%image: a container as the failing line found it, to go into",
}
IMAGE_FLAGS = {
    "inspect": ("--format",),
    "pull": ("--platform",),
    "save": ("-o", "--output"),
    "load": ("-i", "--input", "--stdin"),
    "rm": ("-f", "--force"),
    "prune": ("-f", "--force", "-a", "--all", "--filter"),
}
IMAGE_NAMES = {
    "NAME": "IMAGE",
    **dict.fromkeys(("history", "inspect", "pull", "push", "debug"), "IMAGE"),
    "tag": "IMAGE IMAGE",
    "save": "IMAGE IMAGE|FILE ...",
    "load": "FILE",
    "prune": "",
}
PRUNING = """\
prune takes only images that carry the label of this project (container-magics.purpose), whatever
flags it gets: what you pulled, or built elsewhere, stays, unlike with docker's own prune. The
base image and the practice box's stay, too. With -a it takes also those that have a name and
that no container needs; without -f beside it, it only lists them."""
FILTERS = ("label", "before", "since", "reference")
"""Those of ``docker images`` that narrow a prune; and ``until``, of ``docker image prune``."""


def image_parser() -> FlagParser:
    """%image VERB IMAGE."""
    parser = VerbParser(
        "%image", description=described("one image", IMAGE_VERBS), epilog=f"{PRUNING}\n\n{BRACES}"
    )
    parser.after.update(IMAGE_NAMES)
    parser.goes_with = IMAGE_FLAGS
    add = parser.add_argument
    add("verb", metavar="VERB", choices=list(IMAGE_VERBS), help="see above")
    add("names", metavar="NAME", nargs="*", help="its name or ID")
    add("-f", "--force", action="store_true",
        help="rm: although it is needed; prune: with -a, remove what it lists")  # fmt: skip
    add("-a", "--all", action="store_true", help="prune: those with a name, too, that none needs")
    add("--filter", metavar="FILTER", type=narrowing, action="append", default=[],
        help="prune: only until=24h (older), label=NAME[=VALUE], reference=PATTERN, before=IMAGE "
        "or since=IMAGE; may be repeated")  # fmt: skip
    add("-o", "--output", metavar="FILE", help="save: the file; then several images may be named")
    add("-i", "--input", metavar="FILE", help="load: the file")
    add("--stdin", metavar="VAR", type=variable_name, help="load: bytes, or an open binary file")
    add("--platform", metavar="OS/ARCHITECTURE", type=platform,
        help="pull: for this kind of machine, such as linux/arm64")  # fmt: skip
    add("--format", metavar="TEMPLATE",
        help="inspect: one fact as text, by docker's name of it: '{{.Config.User}}'")  # fmt: skip
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def images_parser() -> FlagParser:
    """%images."""
    parser = FlagParser("%images", description="List images, newest first.")
    parser.after["NAME"] = "IMAGE"
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", help="only those with this name")
    add("-a", "--all", action="store_true",
        help="those between an image and its base, too")  # fmt: skip
    add("--digests", action="store_true", help="by which digest a registry has each")
    add("-f", "--filter", metavar="FILTER", type=pair, action="append", default=[],
        help="only dangling=true, label=NAME[=VALUE], reference=PATTERN, before=IMAGE or "
        "since=IMAGE; may be repeated")  # fmt: skip
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def pair(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` of a filter; which names there are, the engine knows."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--filter {text}: write NAME=VALUE.", hint="Such as dangling=true.")
    return name, value


def narrowing(text: str) -> tuple[str, str]:
    """A filter of prune."""
    name, value = pair(text)
    if name not in (*FILTERS, "until"):
        raise UsageError(
            f"--filter {text}: prune knows no such filter.",
            hint=f"It knows until, {', '.join(FILTERS)}.",
        )
    if name == "until":
        duration(value)
    return name, value


def gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Filters as the engine takes them: all values of each name."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def age_s(pairs: Iterable[tuple[str, str]]) -> float:
    """How old an image must be at least by ``until``, in seconds; 0 where that is not asked."""
    return max((duration(value) for name, value in pairs if name == "until"), default=0.0)

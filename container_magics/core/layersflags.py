"""The text after %layers, read."""

from __future__ import annotations

from container_magics.core.argparser import FlagParser


def layers_parser() -> FlagParser:
    """%layers."""
    parser = FlagParser(
        "%layers",
        description="The layers of an image, or of a container with its writable layer on top:\n"
        "the instruction that made each, its size, what it added, changed and hid.",
        epilog="RULES are compared with what was measured: efficiency, wasted_bytes,\n"
        'wasted_percent, dive_score; such as "efficiency>0.95, wasted_bytes<20MB".',
    )
    add = parser.add_argument
    add("image", metavar="IMAGE", help="an image, or a container; or an image in a file: a "
        "path that begins with / or ./, docker-archive:FILE, oci-archive:FILE, oci:FOLDER, each "
        "with :NAME where it has several; or docker://NAME, in its registry")  # fmt: skip
    parser.after["IMAGE"] = "IMAGE|CONTAINER"
    add("--owner", metavar="PATH", help="who owns a path: every layer that touched it")
    add(
        "--helper",
        action="store_true",
        help="read the engine's own records of the layers through a container that is made for it, "
        "never started, and removed at once: the engine's folder is bound into it, read-only",
    )
    add("--assert", dest="rules", metavar="RULES", help="an error unless all of them hold")
    add("--debug", action="store_true", help="show the Python traceback of an error")
    return parser

"""The text after %shell, read."""

from __future__ import annotations

from container_magics.core.argparser import FlagParser


def shell_parser() -> FlagParser:
    """%shell NAME."""
    parser = FlagParser(
        "%shell",
        description="A terminal in a running container, under the cell. It opens when its button "
        "is pressed, and its shell ends when it is closed.",
        epilog="The terminal is JupyterLab's own. Elsewhere the cell shows the line for a terminal "
        "of yours.",
    )
    parser.add_argument("container", metavar="RUNNING", help="its name")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser

"""The text after %%exercise, %check and the other magics of exercises, read; and their files."""

from __future__ import annotations

import re
from argparse import Namespace

from container_magics.core.argparser import FlagParser
from container_magics.core.exercise import TIMEOUT_S, Exercise, Settings, parse_exercise
from container_magics.core.flagtypes import duration
from container_magics.errors import UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_HEAD = re.compile(r"===[ \t]+(\S.*)\Z")

TEACHER = """The cell is a text for the student in Markdown, and parts under marks:

  --- values       NAME = 8000..8099, or NAME = one | another: {{NAME}} is drawn for each student
  --- setup        makes the start
  --- check        looks whether it is done: `fail "WHAT IS MISSING"` says what is not
  --- hint         a hint; several come one at a time
  --- solution     a cell that does it; several are several cells
  --- reset        makes a clean start again; the setup, where it is left out

Setup, check and reset are shell for the student in the box; `on CONTAINER as USER` after the mark
says otherwise. After `python` they are Python with the notebook's variables, `engine`,
`box_container` (the engine's name for the box) and `fail(text)`; what setup and reset set is there
afterwards."""


def exercise_parser() -> FlagParser:
    """%%exercise, and %exercise of a file."""
    parser = FlagParser("%%exercise", description=f"An exercise that checks itself.\n\n{TEACHER}")
    add = parser.add_argument
    add("name", metavar="NAME", type=name, help="small letters, digits and -")
    add("--box", metavar="BOX", default="box", help="where it takes place; box if left out")
    add("--timeout", metavar="TIME", type=duration, default=TIMEOUT_S,
        help="how long a script may take; 15s if left out")  # fmt: skip
    add("--points", metavar="N", type=points, default=1.0, help="what it is worth; 1 if left out")
    add("--debug", action="store_true", help="show the Python traceback of an error")
    return parser


def from_file_parser() -> FlagParser:
    """%exercise."""
    parser = FlagParser(
        "%exercise",
        description="An exercise of a file. In the file, `=== NAME` and the flags of %%exercise "
        "stand above\neach; below it is what %%exercise has in its cell.",
    )
    parser.add_argument("name", metavar="NAME", type=name, help="which one")
    parser.add_argument(
        "--file", metavar="PATH", default="", help="the file; that of the last time if left out"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def check_parser() -> FlagParser:
    """%check."""
    parser = _of_one("%check", "Look whether an exercise is done, and say what is missing.")
    parser.add_argument("--assert", dest="strict", action="store_true", help="an error if it is "
        "not done: for CI")  # fmt: skip
    parser.add_argument("--grade", action="store_true", help="the points as the cell's value, and "
        "an error for none, as nbgrader reads them")  # fmt: skip
    return parser


def hint_parser() -> FlagParser:
    """%hint."""
    return _of_one("%hint", "The next hint of an exercise; after the last one, all of them.")


def solve_parser() -> FlagParser:
    """%solve."""
    parser = _of_one("%solve", "Show how an exercise is done. Its points are then gone.")
    parser.add_argument("--run", action="store_true", help="and do it")
    return parser


def reset_parser() -> FlagParser:
    """%reset."""
    return _of_one(
        "%reset",
        "A clean start of an exercise: its setup again. Without the name of an exercise it is\n"
        "IPython's own %reset, which clears the notebook's variables.",
        "an exercise that was begun",
    )


def progress_parser() -> FlagParser:
    """%progress."""
    parser = FlagParser("%progress", description="What was done of the exercises so far.")
    parser.add_argument("--csv", metavar="PATH", default="", help="write it as CSV, a line for "
        "each exercise")  # fmt: skip
    parser.add_argument("--nbgrader", metavar="PATH", default="", help="write one line with the "
        "columns of `nbgrader export`")  # fmt: skip
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _of_one(magic: str, description: str, which: str = "the last one if left out") -> FlagParser:
    parser = FlagParser(magic, description=description)
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help=which)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def settings(words: Namespace) -> Settings:
    """What the flags of %%exercise say."""
    return Settings(words.box, words.timeout, words.points)


def parse_file(text: str, where: str) -> tuple[Exercise, ...]:
    """The exercises of a file, in its order: each begins with a line ``=== NAME [FLAGS]``.

    UsageError for one that cannot be read, and for a name that comes twice.
    """
    found: dict[str, Exercise] = {}
    for head, body in _chapters(text):
        words = exercise_parser().parse(head)
        if words.name in found:
            raise UsageError(f"{where} has two exercises of the name {words.name!r}.")
        found[words.name] = parse_exercise(words.name, body, settings(words))
    if not found:
        raise UsageError(f"{where} has no exercise.", hint="Each begins with a line `=== NAME`.")
    return tuple(found.values())


def _chapters(text: str) -> list[tuple[str, str]]:
    chapters: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head is not None:
            chapters.append((head[1], []))
        elif chapters:
            chapters[-1][1].append(line)
    return [(head, "\n".join(lines)) for head, lines in chapters]


def name(text: str) -> str:
    """An exercise's name; UsageError for what is none."""
    if not _NAME.match(text):
        raise UsageError(
            f"{text!r} is no name for an exercise.", hint="Small letters, digits and -: first-login"
        )
    return text


def points(text: str) -> float:
    """What an exercise is worth: more than 0."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 1000:
        raise UsageError(f"--points {text}: a number above 0, and at most 1000.")
    return found

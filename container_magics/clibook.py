"""`container-magics book`: notebooks as a static site."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from container_magics.core.units import count

# What it needs is imported when it runs: --help answers at once.


def add_flags(command: argparse.ArgumentParser) -> None:
    """The words of `book`."""
    command.add_argument("source", metavar="FOLDER", type=Path, help="the notebooks")
    command.add_argument("target", metavar="SITE", type=Path, help="the folder of the pages")
    command.add_argument("--title", default="", help="default: the first notebook's title")
    command.epilog = (
        "A page for each notebook, in the order of their names, with the outputs that are saved in "
        "it. Nothing is run. What stands in a cell is shown, answers of exercises too: pack them "
        "first."
    )


def book(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Write the site. UsageError for what cannot be read, or written."""
    from container_magics.jupyter.book import write_book

    chapters = write_book(arguments.source, arguments.target, arguments.title)
    for chapter in chapters:
        say(f"{arguments.target / chapter.page}: {chapter.title}")
    say(f"Written: {count(len(chapters), 'chapter')}. Open {arguments.target / 'index.html'}")
    return 0

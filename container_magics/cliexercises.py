"""`container-magics test` and `pack`: a teacher's exercises, proved and handed out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from container_magics.core.units import count
from container_magics.errors import CheckFailed, UsageError

# What it needs is imported when it runs: --help answers at once.


def add_test_flags(command: argparse.ArgumentParser) -> None:
    """The words of `test`."""
    command.add_argument("paths", metavar="PATH", nargs="+", type=Path,
                         help="a notebook, or a folder of notebooks")  # fmt: skip
    command.epilog = (
        "Each notebook's cells run in order, in a kernel of their own on the engine that is found. "
        "Of each exercise the check has to fail at first, pass after the solution, and fail after "
        "a reset. Status: 0 when all are proved, else 1."
    )


def add_pack_flags(command: argparse.ArgumentParser) -> None:
    """The words of `pack`."""
    command.add_argument("source", metavar="SOURCE", type=Path,
                         help="a notebook, or a Markdown file of exercises")  # fmt: skip
    command.add_argument("target", metavar="TARGET", type=Path, help="the students' one")
    command.epilog = (
        "Checks, hints and solutions become lines that nobody reads by accident. It hides them "
        "from the eye, and is no protection: a student who wants to can read them."
    )


def test(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Prove every exercise; a line for each. Raises CheckFailed when one is not proved, UsageError
    where there is none."""
    from container_magics.jupyter.proving import notebooks, prove

    proofs = []
    for notebook in notebooks(arguments.paths):
        for proof in prove(notebook):
            state = f"NOT PROVED: {proof.problem}" if proof.problem else "proved"
            say(f"{notebook}: {proof.exercise}: {state} ({proof.seconds:.1f} s)")
            proofs.append(proof)
    if not proofs:
        raise UsageError("There is no exercise in these notebooks.")
    failed = [proof for proof in proofs if proof.problem]
    if failed:
        raise CheckFailed(f"Not proved: {len(failed)} of {count(len(proofs), 'exercise')}.")
    say(f"All proved: {count(len(proofs), 'exercise')}.")
    return 0


def pack(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Write the students' notebook or file. UsageError for what cannot be read, or written."""
    from container_magics.engine.userfile import reading, replacing
    from container_magics.jupyter.packing import packed

    with reading(arguments.source) as file:
        text, exercises = packed(arguments.source.name, file.read())
    with replacing(arguments.target) as written:
        written.write(text)
    say(f"Written: {arguments.target}, with {count(exercises, 'exercise')} packed")
    return 0

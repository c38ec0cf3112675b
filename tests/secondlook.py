"""A second look at the few tests that failed: alone, and twice.

Some tests measure by the clock what two busy processors make of six engines, a browser and a
swarm. One that fails beside all others and passes twice by itself is named as unsteady, and does
not fail the run; see docs/decisions/0033-second-look.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

FAILED = "CONTAINER_MAGICS_TEST_FAILED"
"""The variable that names the file with the names of tests that failed, a line each."""
FEW = 4
"""More tests, or notebooks, are no accident, and get no second look."""
TIMES = 2
TESTS_FAILED = 1
"""pytest's exit status for that; others say that it did not run as it should."""


def note(name: str) -> None:
    """Keep a name, where somebody wants to know."""
    if path := os.environ.get(FAILED):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(name + "\n")


def noted(path: Path) -> list[str]:
    """The names that were kept, each once: a cell of a notebook stands for the notebook."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [name.partition("::")[0] if ".ipynb::" in name else name for name in lines]
    return list(dict.fromkeys(names))


def unsteady(
    statuses: Sequence[int], failed: Sequence[str], run: Callable[[Sequence[str]], int]
) -> bool:
    """Whether all that failed in pytest's runs with these ``statuses`` passes when it runs alone,
    by ``run``, which takes names and returns pytest's status."""
    if not any(statuses) or not set(statuses) <= {0, TESTS_FAILED}:
        return False
    if not 0 < len(failed) <= FEW:
        return False
    return all(run([name]) == 0 for name in failed for _ in range(TIMES))

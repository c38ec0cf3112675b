"""The second look at tests that failed: what it forgives, and what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from secondlook import FAILED, FEW, noted, unsteady

ROOT = Path(__file__).resolve().parents[2]
ONCE = """
from pathlib import Path
def test_{name}():
    seen = Path(__file__).with_suffix(".{name}")
    tries = len(seen.read_text()) if seen.exists() else 0
    seen.write_text("x" * (tries + 1))
    assert tries not in {failing}
def test_fine():
    pass
"""


class Suite:
    """A folder of tests, and pytest with our plugin for them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.record = folder, folder / "record"
        self.runs = 0

    def test(self, name: str, *failing: int) -> None:
        text = ONCE.format(name=name, failing=failing)
        (self.folder / f"test_{name}_of_ours.py").write_text(text)

    def run(self, names: Sequence[str], *more: str) -> int:
        self.runs += 1
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.workers", *more, *names]
        environment = os.environ | {FAILED: str(self.record), "PYTHONPATH": str(ROOT)}
        for ours in ("PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS"):
            environment.pop(ours, None)
        where = ["--rootdir", str(self.folder), "-p", "no:cacheprovider"]
        return subprocess.run(
            [*command, *where], cwd=self.folder, env=environment, capture_output=True, check=False
        ).returncode

    def pass_second_look(self, *more: str) -> bool:
        status = self.run(["."], *more)
        failed, self.runs = noted(self.record), 0
        return unsteady((0, status), failed, self.run)


@pytest.fixture
def tests(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


@pytest.mark.parametrize("more", [(), ("-n", "2", "--dist", "loadfile")])
def test_one_that_fails_once_is_unsteady(tests: Suite, more: tuple[str, ...]) -> None:
    tests.test("odd", 0)
    tests.test("good")
    assert tests.pass_second_look(*more)
    assert noted(tests.record) == ["test_odd_of_ours.py::test_odd"]
    assert tests.runs == 2, "it passed twice"


def test_one_that_fails_again_fails(tests: Suite) -> None:
    """Also the second time."""
    tests.test("odd", 0)
    tests.test("wrong", 0, 2)
    assert not tests.pass_second_look()


def test_many_are_no_accident(tests: Suite) -> None:
    for number in range(FEW + 1):
        tests.test(f"odd{number}", 0)
    assert not tests.pass_second_look()
    assert tests.runs == 0


@pytest.mark.parametrize("statuses", [(0, 2), (1, 2), (3, 1), (0, 0)])
def test_a_run_that_did_not_come_to_its_end_is_not_forgiven(statuses: tuple[int, int]) -> None:
    """Nor is one of which nothing is known to have failed."""
    assert not unsteady(statuses, ["test_a.py::test_a"], lambda _: 0)
    assert not unsteady((0, 1), [], lambda _: 0)


def test_a_cell_stands_for_its_notebook(tmp_path: Path) -> None:
    record = tmp_path / "record"
    record.write_text("notebooks/07.ipynb::Cell 1\nnotebooks/07.ipynb::Cell 2\ntest_a.py::test\n")
    assert noted(record) == ["notebooks/07.ipynb", "test_a.py::test"]
    assert noted(tmp_path / "none") == []

"""The course's notebooks: clean files that say why, and that survive what readers do.

That every cell still shows what is saved is nbval's part: ``pytest --nbval notebooks``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import Notebook

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
COURSE = sorted(FOLDER.glob("*.ipynb"))
BASE = "container-magics/base:bookworm"
KERNELS = ("container-magics", "container", "course-python3")
pytestmark = pytest.mark.usefixtures("nothing_left")


def cells(path: Path) -> list[Any]:
    found: list[Any] = nbformat.read(path, as_version=4).cells
    return found


def code(path: Path) -> list[Any]:
    return [cell for cell in cells(path) if cell.cell_type == "code"]


def tags(cell: Any) -> list[str]:
    found: list[str] = cell.metadata.get("tags", [])
    return found


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_a_file_says_nothing_of_the_run_that_made_it(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name in KERNELS
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_every_code_cell_was_run_in_order(path: Path) -> None:
    assert [cell.execution_count for cell in code(path)] == list(range(1, len(code(path)) + 1))


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_an_output_that_is_not_compared_says_why(path: Path) -> None:
    """In a sentence for the student: what is on the screen is another thing than what was saved."""
    ignored = [cell for cell in code(path) if "nbval-ignore-output" in tags(cell)]
    for cell in ignored:
        why = cell.source.splitlines()[0]
        assert why.startswith("# ")
        assert why.endswith(".")


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_an_error_is_shown_only_where_it_is_meant(path: Path) -> None:
    failed = [cell for cell in code(path) if any(o.output_type == "error" for o in cell.outputs)]
    assert failed == [cell for cell in code(path) if "raises-exception" in tags(cell)]


@pytest.mark.parametrize(("number", "path"), list(enumerate(COURSE)), ids=[p.stem for p in COURSE])
def test_a_notebook_is_a_chapter_of_one_book(number: int, path: Path) -> None:
    """Goals, something to try, what was seen, the way on; in that order."""
    prose = "\n".join(cell.source for cell in cells(path) if cell.cell_type == "markdown")
    first = cells(path)[0].source
    assert first.startswith("# ")
    assert "When you have worked through " in first
    parts = ["\n## Try it\n", "\n## What you have ", "\n**Next:**"]
    places = [prose.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)
    following = COURSE[number + 1 if number + 1 < len(COURSE) else 0].name
    assert f"]({following})" in prose[places[-1] :]


def test_the_start_page_leads_to_every_chapter() -> None:
    page = "\n".join(cell.source for cell in cells(COURSE[0]))
    assert [path.name for path in COURSE[1:] if f"]({path.name})" not in page] == []


def test_an_image_can_be_removed_right_after_a_cell_that_used_it(notebook: Notebook) -> None:
    """The cell ends with its program, the engine removes the container a little later."""
    for number in range(5):
        notebook.run(f"%%image test/used:1\nFROM {BASE}\nLABEL number={number}")
        notebook.run("%%container test/used:1\ntrue")
        assert notebook.run("%image rm test/used:1").error == ""


def test_a_cell_with_a_named_container_runs_again_at_once(notebook: Notebook) -> None:
    for _ in range(8):
        assert notebook.run(f"%%container {BASE} --name again\ntrue").error == ""


def test_an_image_that_a_container_needs_is_not_removed(notebook: Notebook) -> None:
    notebook.run(f"%%image test/needed:1\nFROM {BASE}\nLABEL needed=yes")
    notebook.run("%%container test/needed:1 -d --name needs-it\nsleep 60")
    try:
        assert notebook.run("%image rm test/needed:1").error == "Conflict"
    finally:
        notebook.run("%container rm needs-it")
        assert notebook.run("%image rm test/needed:1").error == ""


def test_a_notebook_runs_again_after_its_kernel_was_killed_half_way(new_notebook: Any) -> None:
    sources = [
        (cell.source, "raises-exception" in tags(cell))
        for cell in code(FOLDER / "03-containers-and-vms.ipynb")
    ]
    half = next(i for i, (source, _) in enumerate(sources) if "-d --name one-of-two" in source)
    killed = new_notebook()
    for source, _ in sources[: half + 1]:
        killed.run(source)
    killed.pull_the_plug()
    again = new_notebook()
    for source, fails in sources:
        seen = again.run(source)
        assert bool(seen.error) == fails, (source, seen.told)

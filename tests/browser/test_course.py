"""The course in a real browser: what a student sees in JupyterLab, and can press."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import nbformat
import pytest
from labpage import LabPage
from playwright.sync_api import expect

from container_magics.core.exerciseflags import parse_file
from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from container_magics.engine.ownership import user_name

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
OpenLab = Callable[..., LabPage]


LAB = "04-ssh-practice"


def solve(course: Path) -> int:
    """Write what a student types into the lab: in place of each `# your turn` the solution of the
    exercise above it. Returns how many exercises there are."""
    path = course / f"{LAB}.ipynb"
    exercises = {
        each.name: each.for_student(user_name())
        for each in parse_file((course / f"{LAB}.md").read_text(), LAB)
    }
    notebook, cells, done, name = nbformat.read(path, as_version=4), [], 0, ""
    for cell in notebook.cells:
        if cell.source.startswith("%exercise "):
            name = cell.source.split()[1]
        if cell.source == "# your turn":
            cells += map(nbformat.v4.new_code_cell, exercises[name].solution)
            done += 1
        else:
            cells.append(cell)
    notebook.cells = cells
    nbformat.write(notebook, path)
    return done


def test_the_lab_is_done_from_the_first_login_to_the_last_exercise(
    open_lab: OpenLab, course: Path, pictures: Path
) -> None:
    number = solve(course)
    assert number >= 12
    notebook = open_lab(f"{LAB}.ipynb")
    notebook.clear()
    notebook.run_all()
    expect(notebook.output("%progress")).to_contain_text(f"{number} of {number}")
    expect(notebook.output("%sshbox")).to_contain_text("box is up: you can log in.")
    expect(notebook.output("%%ssh box")).to_have_text(
        "I am student on box, in the folder /home/student.\n"
    )
    notebook.hide_sidebar()
    notebook.save_picture(pictures / "ssh-practice.png", top=notebook.cell("%sshbox"))


ELSEWHERE = ("04-", "09-", "11-")
"""Here with its picture, and in test_kernels.py."""
COURSE = [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if not path.name.startswith(ELSEWHERE)]


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_a_student_runs_all_cells(open_lab: OpenLab, path: Path) -> None:
    notebook = open_lab(path.name)
    notebook.clear()
    notebook.run_all()


def test_an_exercise_is_done_in_the_notebook(
    open_lab: OpenLab, course: Path, pictures: Path
) -> None:
    """The course's first exercise, and the cells that a student types."""
    kernel = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
    sources = [
        "%sshbox",
        "%exercise first-login --file 04-ssh-practice.md",
        "%check first-login",
        "%hint first-login",
        '%%ssh box\necho "$(whoami)@$(hostname)" > hello',
        "%check",
        "%progress",
        "%sshbox rm box",
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), course / "mine.ipynb")
    notebook = open_lab("mine.ipynb")
    notebook.clear()
    notebook.run_all()
    task = notebook.output("%exercise first-login")
    expect(task.locator("code", has_text="student@box")).to_be_visible()  # Markdown was drawn
    expect(notebook.output("%check first-login")).to_contain_text("There is no file hello")
    expect(notebook.output("%hint")).to_contain_text("Hint 1 of 2")
    expect(notebook.drawn.nth(5)).to_contain_text("done, well done")
    expect(notebook.output("%progress")).to_contain_text("1 of 1")
    notebook.hide_sidebar()
    notebook.save_picture(pictures / "exercise.png", top=notebook.cell("%exercise first-login"))


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_saved_layers_are_drawn_without_kernel_or_trust(
    open_lab: OpenLab, course: Path, pictures: Path, theme: str
) -> None:
    forget_kernel(course / "01-images.ipynb")
    notebook = open_lab("01-images.ipynb", theme=f"JupyterLab {theme}")
    notebook.choose_no_kernel()
    expect(notebook.page.get_by_title("Notebook not trusted")).to_be_visible()

    built = notebook.output("%%image course-01/greeter:1").locator(".container-magics .note")
    expect(built.first).to_have_css("border-left-width", "3px")  # our style sheet is there
    layers = notebook.output("%layers course-01/greeter:1").locator(".container-magics")
    layer = layers.locator("details").filter(has_text="RUN echo").first
    expect(layer.locator("li")).to_have_count(0)  # the renderer draws what is opened
    layer.locator("summary").first.click()
    for folder in ("/", "etc/"):
        layer.locator("summary").get_by_text(folder, exact=True).click()
    expect(layer.get_by_text("motd", exact=True)).to_be_visible()
    notebook.save_picture(
        pictures / f"layers-{theme.lower()}.png", top=notebook.cell("%layers course-01/greeter:1")
    )


def forget_kernel(path: Path) -> None:
    """Take the kernel's name from a notebook, so that JupyterLab asks before it starts one."""
    notebook = nbformat.read(path, as_version=4)
    del notebook.metadata["kernelspec"]
    nbformat.write(notebook, path)


@pytest.fixture
def box_name(engine: Engine) -> Iterator[str]:
    """The name for a container, which is removed in the end where the test did not do it."""
    name = f"browser-{uuid.uuid4().hex[:8]}"
    yield name
    with suppress(docker.errors.NotFound):
        engine.api.remove_container(name, force=True, v=True)


def test_the_live_list_stops_and_removes_a_container(
    open_lab: OpenLab, course: Path, engine: Engine, box_name: str, pictures: Path
) -> None:
    write_notebook(
        course / "live.ipynb",
        f"%%container {BASE} -d --name {box_name}\necho hello; sleep 600",
        "%containers -w",
    )
    notebook = open_lab("live.ipynb")
    notebook.run_all()
    live = notebook.output("%containers -w")
    row = live.locator(".widget-hbox").filter(has_text=box_name)
    expect(row).to_contain_text("Up ")
    expect(row.get_by_role("button", name="start")).to_be_disabled()

    live.get_by_label("also those that ended").check()
    row.get_by_role("button", name="logs").click()
    expect(live).to_contain_text("hello")
    notebook.save_picture(pictures / "live-list.png", top=notebook.cell("%%container"))
    row.get_by_role("button", name="stop").click()
    expect(row).to_contain_text("Exited (")
    expect(row.get_by_role("button", name="start")).to_be_enabled()
    assert engine.api.inspect_container(box_name)["State"]["Running"] is False

    row.get_by_role("button", name="remove").click()
    expect(row).to_have_count(0)
    with pytest.raises(docker.errors.NotFound):
        engine.api.inspect_container(box_name)


def write_notebook(path: Path, *cells: str) -> None:
    """A notebook of our kernel, not run yet."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {
        "name": "container-magics",
        "display_name": "Python (containers)",
    }
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(notebook, path)

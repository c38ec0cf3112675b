"""Notebook 7 has our extension too: what is live in a notebook, and the sidebar beside it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import nbformat
import pytest
from labpage import OPEN_MS, LabPage
from playwright.sync_api import expect

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine

KERNEL = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
LIMIT_S = 30.0


@pytest.fixture
def box(engine: Engine, base: str) -> Iterator[str]:
    """A container that no notebook made."""
    name = f"classic-{uuid.uuid4().hex[:8]}"
    engine.api.create_container(BASE, ["sh", "-c", "echo hello; sleep 600"], name=name)
    engine.api.start(name)
    yield name
    with suppress(docker.errors.NotFound):
        engine.api.remove_container(name, force=True, v=True)


@pytest.fixture
def notebook(open_lab: Callable[..., LabPage], course: Path, box: str) -> LabPage:
    """A notebook with all that is live, whose cells have run in Notebook 7."""
    sources = (f"%shell {box}", "%containers -w", f"%layers {BASE} -w")
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    path = course / "classic.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)
    opened = open_lab(path.name)
    opened.wait_for_kernel()
    server, page = opened.server, opened.page
    page.goto(f"{server.url}notebooks/{path.name}?token={server.token}", timeout=OPEN_MS)
    expect(opened.drawn).to_have_count(len(cells), timeout=OPEN_MS)
    opened.menu("Run", "Run All Cells")
    expect(opened.output("%layers").get_by_role("tree")).to_be_visible(timeout=OPEN_MS)
    return opened


def test_the_list_the_explorer_and_a_terminal_are_live(
    notebook: LabPage, engine: Engine, box: str, pictures: Path
) -> None:
    tree = notebook.output("%layers").get_by_role("tree")
    folder = tree.get_by_role("treeitem").filter(has_text="etc/").first
    folder.click()
    expect(folder).to_have_attribute("aria-expanded", "true")

    shell, before = notebook.output("%shell"), programs(engine, box)
    shell.get_by_role("button", name=f"Open a terminal in {box}").click()
    typed(notebook, ".jp-OutputArea .xterm-screen", "echo typed > /tmp/typed")
    until(lambda: inside(engine, box, "cat /tmp/typed") == "typed\n")
    pictures.mkdir(parents=True, exist_ok=True)
    notebook.page.screenshot(path=pictures / "notebook7.png")
    shell.get_by_role("button", name=f"Close the terminal in {box}").click()
    until(lambda: programs(engine, box) == before)

    listed = notebook.output("%containers")
    row = listed.locator(".widget-hbox").filter(has_text=box)
    row.get_by_role("button", name="logs").click()
    expect(listed).to_contain_text("hello")
    row.get_by_role("button", name="stop").click()
    listed.get_by_label("also those that ended").check()
    expect(row).to_contain_text("Exited (")


def typed(notebook: LabPage, screen: str, line: str) -> None:
    """Type a line into the terminal there."""
    shown = notebook.page.locator(screen)
    expect(shown).to_be_visible()
    shown.click()
    notebook.page.keyboard.type(line + "\n")


def inside(engine: Engine, name: str, script: str) -> str:
    made = engine.api.exec_create(name, ["sh", "-c", script], stderr=False)
    return str(engine.api.exec_start(made["Id"]).decode())


def programs(engine: Engine, name: str) -> list[str]:
    return [row[-1] for row in engine.api.top(name, ps_args="-eo pid,args")["Processes"]]


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)

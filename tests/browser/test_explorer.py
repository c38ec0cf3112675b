"""The explorer of layers in JupyterLab: by keyboard, and with a container that writes meanwhile."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import nbformat
import pytest
from labpage import LabPage
from playwright.sync_api import expect

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine

NAME = "cm-test-explored"


@pytest.fixture
def box(engine: Engine) -> Iterator[str]:
    container = engine.api.create_container(BASE, ["sleep", "600"], name=NAME)
    try:
        engine.api.start(container)
        yield NAME
    finally:
        with suppress(docker.errors.NotFound):
            engine.api.remove_container(container, force=True)


def test_a_container_is_explored_while_it_writes(
    open_lab: Callable[..., LabPage], course: Path, engine: Engine, box: str, pictures: Path
) -> None:
    kernel = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
    cell = nbformat.v4.new_code_cell(f"%layers {box} -w")
    nbformat.write(
        nbformat.v4.new_notebook(cells=[cell], metadata=kernel), course / "explore.ipynb"
    )
    notebook = open_lab("explore.ipynb")
    notebook.run_all()
    live = notebook.output("%layers")
    expect(live).to_contain_text("the container's writable layer")

    search = live.get_by_label("search")
    search.fill("/motd")
    search.press("Enter")
    tree = live.get_by_role("tree", name=f"the files of {box}")
    expect(tree.get_by_role("treeitem")).to_have_count(2)
    etc = tree.get_by_role("treeitem").filter(has_text="etc/")
    limit_s = time.monotonic() + 60
    for key in itertools.cycle(("Home", "End")):  # the larger folder is first, once sizes are known
        tree.press(key)
        if etc.get_attribute("aria-selected") == "true":
            break
        assert time.monotonic() < limit_s
    tree.press("ArrowRight")
    motd = tree.get_by_role("treeitem", level=2).filter(has_text="motd")
    expect(motd).to_contain_text("286 B, layer 1")

    script = "echo new > /srv/written; echo more >> /etc/motd"
    engine.api.exec_start(engine.api.exec_create(box, ["sh", "-c", script])["Id"])
    expect(motd).to_contain_text("291 B, copied up by the container", timeout=10_000)
    expect(etc).to_have_attribute("aria-expanded", "true")
    tree.press("ArrowDown")
    expect(motd).to_have_attribute("aria-selected", "true")
    tree.press("Enter")
    expect(live.get_by_role("table")).to_contain_text("copied up")
    notebook.save_picture(pictures / "explorer.png", top=notebook.cell("%layers"))

    live.get_by_role("slider").first.press("ArrowLeft")
    expect(live).to_contain_text("after layer 1 of 2")
    expect(motd).to_contain_text("286 B, layer 1")

    live.get_by_role("slider").first.press("ArrowRight")
    expect(live).to_contain_text("after layer 2 of 2")
    search.fill("")
    search.press("Enter")
    expect(tree.get_by_role("treeitem").nth(12)).to_be_attached()
    tree.press("End")  # it is small, and a row that is not in sight is not in the page
    tree.get_by_role("treeitem").filter(has_text="srv/").click()
    expect(tree).to_contain_text("4 B, written by the container")

    tabs = live.get_by_role("tab")
    tabs.filter(has_text="map").click()
    boxes = live.locator("span[title^='/usr/']")
    expect(boxes.first).to_be_visible()
    notebook.save_picture(pictures / "treemap.png", top=notebook.cell("%layers"))

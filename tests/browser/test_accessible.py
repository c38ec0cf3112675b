"""What is ours in the page, held against the rules of axe-core (WCAG), in both themes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from labpage import LabPage
from playwright.sync_api import Page, expect

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from container_magics.view.bundle import MIME

OpenLab = Callable[..., LabPage]
VIEWS = Path(__file__).resolve().parents[1] / "views"
KERNEL = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
NOT_OURS = (".noUi-handle",)
"""The handle of an ipywidgets slider has no name (8.1.9), and Python cannot give it one."""
themes = pytest.mark.parametrize("theme", ["Light", "Dark"])


@pytest.fixture
def box(engine: Engine, base: str) -> Iterator[str]:
    """A container that runs; another that ended is there, too."""
    name = f"axe-{uuid.uuid4().hex[:8]}"
    for each, command in ((name, "echo hello; sleep 600"), (f"{name}-ended", "true")):
        engine.api.create_container(BASE, ["sh", "-c", command], name=each)
        engine.api.start(each)
    yield name
    for each in (name, f"{name}-ended"):
        with suppress(docker.errors.NotFound):
            engine.api.remove_container(each, force=True, v=True)


def faults(page: Page, *where: str) -> list[str]:
    """Serious and critical ones in these parts of the page, each of which is there. Not
    contrast: axe-core 4.12 finds its rule for it inapplicable in JupyterLab's page."""
    for each in where:
        expect(page.locator(each).first).to_be_visible()
    context = {"include": [[each] for each in where], "exclude": [list(NOT_OURS)]}
    told = Axe().run(page, context).response
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['html'][:160]} "
        f"{[each['message'] for each in (*node['any'], *node['all'], *node['none'])]}"
        for one in told["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@themes
def test_sidebar_log_and_every_view(
    open_lab: OpenLab, course: Path, box: str, pictures: Path, theme: str
) -> None:
    notebook = open_lab(with_every_view(course), theme=f"JupyterLab {theme}")
    notebook.choose_no_kernel()
    page = notebook.page
    unfold = "all => all.forEach(one => { one.open = true; })"
    for _ in range(8):  # what is in a folder is drawn when it opens
        page.locator(".container-magics details:not([open])").evaluate_all(unfold)
        page.wait_for_timeout(50)
    page.locator('.lm-TabBar-tab[data-id="container-magics-panel"]').click()
    side = page.locator("#container-magics-panel")
    for title in ("Images", "Networks", "Volumes", "Disk use"):
        side.get_by_text(title, exact=True).click()
    side.get_by_role("button", name="Measure").click()
    expect(side).to_contain_text("build cache")
    row = side.get_by_role("listitem").filter(has=page.get_by_role("group", name=box, exact=True))
    expect(row).to_contain_text("running")
    ours = (".container-magics", ".container-magics-cell-bar", ".container-magics-status")
    found = faults(page, "#container-magics-panel", *ours)
    row.get_by_role("button", name=f"Log of {box}").click()
    expect(page.locator(".container-magics-log")).to_have_text("hello\n")
    row.get_by_role("button", name=f"Log of {box}").hover()
    found += faults(page, "#container-magics-panel", ".container-magics-logs")
    side.get_by_role("button", name=f"Layers of {BASE}").first.click()
    layers = page.locator(".container-magics-layers")
    layers.locator("td summary").first.click()
    found += faults(page, ".container-magics-layers")
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / f"accessible-{theme.lower()}.png")
    assert not found, "\n".join(found)


def with_every_view(course: Path) -> str:
    """The name of a notebook whose saved outputs are the golden views."""
    cells = [nbformat.v4.new_code_cell("%%image axe:1\nFROM debian")]
    for path in sorted(VIEWS.glob("*.json")):
        golden = json.loads(path.read_text(encoding="utf-8"))
        data = {MIME: golden["view"], "text/html": golden["html"], "text/plain": golden["plain"]}
        shown = nbformat.v4.new_output("display_data", data)
        cells.append(nbformat.v4.new_code_cell(f"# {path.stem}", outputs=[shown]))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), course / "views.ipynb")
    return "views.ipynb"


@themes
def test_the_layer_explorer(open_lab: OpenLab, course: Path, base: str, theme: str) -> None:
    cell = nbformat.v4.new_code_cell(f"%layers {base} -w")
    path = course / "explore.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=KERNEL), path)
    notebook = open_lab(path.name, theme=f"JupyterLab {theme}")
    notebook.run_all()
    live = notebook.output("%layers")
    tree = live.get_by_role("tree")
    etc = tree.get_by_role("treeitem").filter(has_text="etc/").first
    etc.click()
    expect(etc).to_have_attribute("aria-expanded", "true")
    found = faults(notebook.page, ".jp-OutputArea-output")
    assert not found, "\n".join(found)

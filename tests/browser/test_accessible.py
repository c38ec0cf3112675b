"""What is ours in the page, held against the rules of axe-core (WCAG), in both themes."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import nbformat
import pytest
from axerules import faults, pale, too_pale
from labpage import LabPage
from playwright.sync_api import Browser, expect

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from container_magics.view.bundle import MIME

OpenLab = Callable[..., LabPage]
THEMES = Path(sys.prefix) / "share/jupyter/lab/themes/@jupyterlab"
VIEWS = Path(__file__).resolve().parents[1] / "views"
KERNEL = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
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


@themes
def test_sidebar_log_and_every_view(
    open_lab: OpenLab, course: Path, box: str, pictures: Path, browser: Browser, theme: str
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
    for drawn in ("div.note", "td.left", "li .sign", ".bar .box", ".map .tile"):
        # classes that only our renderer writes: it is not the saved HTML that is looked at
        expect(page.locator(f".container-magics {drawn}").first).to_be_attached()
    ours = (".container-magics", ".container-magics-cell-bar", ".container-magics-status")
    found = faults(page, "#container-magics-panel", *ours)
    sheet = THEMES / f"theme-{theme.lower()}-extension" / "index.css"
    found += pale(page, browser, sheet, *ours)
    sidebar = "#container-magics-panel"
    found += pale(page, browser, sheet, sidebar, hover=f"{sidebar} [data-container]")
    row.get_by_role("button", name=f"Log of {box}").click()
    expect(page.locator(".container-magics-log")).to_have_text("hello\n")
    row.get_by_role("button", name=f"Log of {box}").hover()
    found += faults(page, "#container-magics-panel", ".container-magics-logs")
    found += pale(page, browser, sheet, ".container-magics-logs")
    row.get_by_role("button", name=f"Remove {box}").click()
    found += faults(page, ".jp-Dialog-content")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    side.get_by_role("button", name=f"Layers of {BASE}").first.click()
    layers = page.locator(".container-magics-layers")
    layers.locator("td summary").first.click()
    found += faults(page, ".container-magics-layers")
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / f"accessible-{theme.lower()}.png")
    assert not found, "\n".join(found)


def test_a_planted_fault_is_found(browser: Browser) -> None:
    """The control: without it, rules that find nothing would prove nothing."""
    with browser.new_context() as context:
        page = context.new_page()
        page.set_content("<main><p>words</p><button></button></main>")
        (found,) = faults(page, "main")
        page.set_content('<p style="color: #999">pale</p><p>dark</p>')
        (paler,) = too_pale(page)
    assert found.startswith("button-name (critical)")
    assert "insufficient color contrast" in paler


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
def test_the_explorer_the_live_list_and_a_terminal(
    open_lab: OpenLab, course: Path, base: str, box: str, pictures: Path, theme: str
) -> None:
    sources = (f"%shell {box}", "%containers -w", f"%layers {base} -w")
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    path = course / "explore.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)
    notebook = open_lab(path.name, theme=f"JupyterLab {theme}")
    notebook.run_all()
    opened = notebook.output("%shell")
    opened.get_by_role("button", name=f"Open a terminal in {box}").click()
    expect(opened.locator(".xterm-screen")).to_be_visible()
    listed = notebook.output("%containers").locator(".widget-hbox").filter(has_text=box)
    listed.get_by_role("button", name="logs").click()
    expect(notebook.output("%containers")).to_contain_text("hello")
    live = notebook.output("%layers")
    tree = live.get_by_role("tree")
    etc = tree.get_by_role("treeitem").filter(has_text="etc/").first
    etc.click()
    expect(etc).to_have_attribute("aria-expanded", "true")
    found = faults(notebook.page, ".jp-OutputArea-output")
    notebook.hide_sidebar()
    for start, name in (("%shell", "shell"), ("%layers", "explorer")):
        notebook.save_picture(pictures / f"{name}-{theme.lower()}.png", top=notebook.cell(start))
    assert not found, "\n".join(found)

"""Containers whose labels, logs, files and image are hostile text: no page runs any of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import nbformat
from hostile import Hook, payloads, touch
from hostilebox import FILE, KERNEL, LAST
from labpage import LabPage
from playwright.sync_api import Browser, Page, expect

OpenLab = Callable[..., LabPage]
NEEDED_PAYLOADS = 60


def test_the_payloads_run_where_they_are_taken_for_html(browser: Browser) -> None:
    """The control: without it, a hook that counts nothing would prove nothing."""
    texts = payloads()
    assert len(set(texts)) >= NEEDED_PAYLOADS
    struck = 0
    for text in texts:
        # a context for each: some payloads leave the page
        with browser.new_context() as context:
            hook, page = Hook(context), context.new_page()
            page.set_content(f"<!doctype html><body>{text}</body>", wait_until="commit")
            page.wait_for_timeout(50)
            struck += bool(hook.counted)
    assert struck >= NEEDED_PAYLOADS // 2


def test_no_page_runs_any_of_it(
    hostile: str, open_lab: OpenLab, course: Path, pictures: Path
) -> None:
    """``hostile`` comes first, and so goes last: no kernel is left then that makes containers."""
    notebook = open_lab(written(course, hostile))
    page, hook = notebook.page, Hook(notebook.page.context)
    notebook.run_all()
    touch(notebook.drawn.locator(".jp-OutputArea"))
    notebook.menu("File", "Save Notebook")
    until(lambda: len(outputs(notebook.path)) == len(notebook.cells))
    sidebar_log_and_terminal(page, hostile)
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / "hostile.png")
    assert not hook.counted
    hook.counts_on(page)

    page.reload()  # as it was saved: nobody trusts this notebook now
    expect(notebook.drawn).to_have_count(len(notebook.cells), timeout=180_000)
    touch(notebook.drawn.locator(".jp-OutputArea"))
    assert not hook.counted
    hook.counts_on(page)

    classic(notebook, hook)
    static_page(notebook, hook)


def written(course: Path, name: str) -> str:
    """The name of a notebook that shows all that is hostile, in each way that we have."""
    sources = (
        "%containers -a",
        "%images",
        f"%container logs {name}",
        f"%container inspect {name}",
        f"%container top {name}",
        f"%container changes {name}",
        f"%layers {name}",
        f"%layers {name} --tree 2",
        f"%layers {name} --find '*strike*'",
        f"%image history {name}",
        f"%image inspect {name}",
        f"%%container {name}\ncat {FILE}; cat {FILE} >&2",
        f"%container cp {name}:/srv srv",
        f"%%container --in {name}\nls /srv",
    )
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for cell in cells:
        cell.metadata["tags"] = ["raises-exception"]
    path = course / "hostile.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)
    return path.name


def sidebar_log_and_terminal(page: Page, name: str) -> None:
    """Use each part of the sidebar for this container."""
    page.locator('.lm-TabBar-tab[data-id="container-magics-panel"]').click()
    side = page.locator("#container-magics-panel")
    for title in ("Images", "Networks", "Volumes"):
        side.get_by_text(title, exact=True).click()
    row = side.locator("[data-container]").filter(has=page.get_by_role("group", name=name))
    row.hover()
    expect(row).to_have_attribute("title", re.compile(re.escape(payloads()[0])))
    row.get_by_role("button", name=f"Log of {name}").click()
    log = page.locator(".container-magics-log")
    expect(log).to_contain_text(LAST)
    for text in payloads()[:20]:
        expect(log).to_contain_text(text)
    row.get_by_role("button", name=f"Remove {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    side.get_by_role("button", name=f"Layers of {name}").click()
    layers = page.locator(".container-magics-layers")
    expect(layers).to_contain_text(f"Layers of {name}")
    for _ in range(4):  # what is in a folder is drawn when it opens
        touch(layers)
    expect(layers).to_contain_text(payloads()[0])  # the container's command
    row.get_by_role("button", name=f"Terminal in {name}").click()
    screen = page.locator(".jp-Terminal .xterm-screen")
    expect(screen).to_be_visible()
    screen.click()
    page.keyboard.type(f"cat {FILE}; ls /srv; touch /tmp/done\n")
    page.wait_for_timeout(2000)  # it draws on a canvas: nothing says when
    strange = (
        side.or_(page.locator(".container-magics-log"))
        .or_(layers)
        .locator("img, script, iframe, a")
    )
    assert strange.count() == 0


def classic(notebook: LabPage, hook: Hook) -> None:
    """The same in Notebook 7."""
    page, server = notebook.page, notebook.server
    page.goto(f"{server.url}notebooks/{notebook.path.name}?token={server.token}")
    expect(notebook.drawn).to_have_count(len(notebook.cells), timeout=180_000)
    expect(page.locator(".container-magics").first).to_be_visible()  # our renderer is here, too
    touch(notebook.drawn.locator(".jp-OutputArea"))
    assert not hook.counted
    hook.counts_on(page)


def static_page(notebook: LabPage, hook: Hook) -> None:
    """The same in the page that nbconvert writes."""
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(notebook.path)]
    subprocess.run(command, check=True, capture_output=True)
    page = notebook.page
    page.goto(notebook.path.with_suffix(".html").as_uri(), wait_until="domcontentloaded")
    touch(page.locator(".jp-OutputArea"))
    assert not hook.counted
    hook.counts_on(page)


def outputs(path: Path) -> list[object]:
    """Of the saved notebook: of each cell that has any."""
    with suppress(ValueError):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return [cell["outputs"] for cell in cells if cell["outputs"]]
    return []


def until(true: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < limit_s
        time.sleep(0.1)

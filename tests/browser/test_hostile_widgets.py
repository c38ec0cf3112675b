"""What is live in a cell, with hostile text in it: no page runs any of it (see test_hostile.py)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from hostile import Hook, payloads, touch
from hostilebox import FILE, KERNEL
from labpage import LabPage
from playwright.sync_api import Locator, expect

from container_magics.engine.client import Engine
from container_magics.jupyter.widgets import LOG_LINES

PRINTABLE = re.compile(r"[\x20-\x7e]+")
NAMES = "all => all.map(one => one.querySelector('.cm-longlist-cell').textContent)"
EXPLORED = "%layers {}:latest -w"


def test_no_widget_runs_any_of_it(
    hostile: str, open_lab: Callable[..., LabPage], course: Path, engine: Engine, pictures: Path
) -> None:
    sources = ("%containers -w", f"%container stats -w {hostile}", EXPLORED.format(hostile))
    cells = [nbformat.v4.new_code_cell(one) for one in (*sources, f"%shell {hostile}")]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)
    nbformat.write(notebook, course / "live.ipynb")
    lab = open_lab("live.ipynb")
    hook = Hook(lab.page.context)
    lab.run_all()
    expect(lab.output("%container stats")).to_contain_text(hostile)
    logs(lab.output("%containers -w"), engine, hostile)
    explorer(lab.output("%layers"))
    terminal(lab.output("%shell"), engine, hostile)
    touch(lab.drawn.locator(".jp-OutputArea"))
    pictures.mkdir(parents=True, exist_ok=True)
    lab.page.screenshot(path=pictures / "hostile-widgets.png")
    outputs = lab.drawn.locator(".jp-OutputArea-output")
    assert outputs.locator("script, iframe, img, a[href*=strike]").count() == 0
    assert not hook.counted
    hook.counts_on(lab.page)

    lab.menu("File", "Save Notebook")
    lab.page.wait_for_timeout(1000)
    lab.page.reload()  # drawn once more: what is saved, and what the kernel still has
    expect(lab.drawn).to_have_count(len(cells), timeout=180_000)
    expect(lab.output("%containers -w")).to_contain_text(hostile)
    touch(lab.drawn.locator(".jp-OutputArea"))
    assert not hook.counted
    hook.counts_on(lab.page)


def logs(output: Locator, engine: Engine, name: str) -> None:
    """The live list has the last lines of a log: give it all payloads, so many at a time."""
    row = output.locator(".widget-hbox").filter(has_text=name)
    texts = payloads()
    for begin in range(0, len(texts), LOG_LINES - 1):
        part = texts[begin : begin + LOG_LINES - 1]
        lines, mark = f"{begin + 1},{begin + len(part)}p", f"those from {begin} on"
        run(engine, name, f"(sed -n {lines} {FILE}; echo {mark}) > /proc/1/fd/1")
        row.get_by_role("button", name="logs").click()
        expect(output).to_contain_text(mark)
        for text in filter(PRINTABLE.fullmatch, part):
            expect(output).to_contain_text(text)


def explorer(output: Locator) -> None:
    """Open the folder with the payloads for names, press each of them, and look at the map."""
    search = output.get_by_label("search")
    search.fill("strike")
    search.press("Enter")
    tree = output.get_by_role("tree")
    tree.get_by_role("treeitem").filter(has_text="srv/").click()
    names = tree.get_by_role("treeitem", level=2)
    expect(names.first).to_be_visible()
    seen: set[str] = set()
    top = -1
    while top != (top := tree.evaluate("one => one.scrollTop")):
        seen.update(names.evaluate_all(NAMES))
        names.evaluate_all("all => all.forEach(one => one.click())")
        tree.evaluate("(one, top) => { one.scrollTop = top + one.clientHeight; }", top)
        output.page.wait_for_timeout(300)  # for the rows that are asked for
    named = {text[:80].replace("/", "∕") for text in filter(PRINTABLE.fullmatch, payloads())}
    assert {f"+ {name}" for name in named if "strike" in name} <= seen
    output.get_by_role("tab").filter(has_text="map").click()
    expect(output.locator("span[title^='/srv/']").first).to_be_visible()


def terminal(output: Locator, engine: Engine, name: str) -> None:
    """All of it as the text of a terminal's screen."""
    output.get_by_role("button", name=f"Open a terminal in {name}").click()
    screen = output.locator(".jp-Terminal .xterm-screen")
    expect(screen).to_be_visible()
    screen.click()
    output.page.keyboard.type(f"cat {FILE}; ls /srv; touch /tmp/live\n")
    limit_s = time.monotonic() + 60
    while "live" not in run(engine, name, "ls /tmp"):
        assert time.monotonic() < limit_s
        time.sleep(0.1)
    output.page.wait_for_timeout(2000)  # it draws on a canvas: nothing says when


def run(engine: Engine, name: str, script: str) -> str:
    made = engine.api.exec_create(name, ["sh", "-c", script])
    return str(engine.api.exec_start(made["Id"]).decode(errors="replace"))

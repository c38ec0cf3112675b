"""A notebook in a JupyterLab page, as its reader uses it: menus, cells, what they show."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import picturewords
from labserver import Server
from playwright.sync_api import Locator, Page, expect

OPEN_MS = 180_000  # a busy machine: a kernel was once not idle after 60 s
expect.set_options(timeout=60_000)  # a busy machine, as CI's are
RUN_S = 300.0  # a class of twelve on three engines, on a machine that does more besides
ERROR = '[data-mime-type="application/vnd.jupyter.error"]'

IDLE = re.compile(r"\| Idle")
"""How the status bar says that a kernel waits."""


class LabPage:
    """One notebook of ``server``, open in ``page``; ``cells`` are its cells as saved."""

    def __init__(self, page: Page, server: Server, notebook: str) -> None:
        self.page = page
        self.server = server
        self.path = server.folder / notebook
        self.cells: list[dict[str, Any]] = json.loads(self.path.read_text())["cells"]
        self._address = server.page(notebook)

    def open(self) -> None:
        """Open it, and wait until every cell is drawn. On a busy machine JupyterLab's page did not
        come once in some hundred times: it is loaded anew then, as its reader would do."""
        self.page.goto(self._address, timeout=OPEN_MS)
        try:
            expect(self.drawn).to_have_count(len(self.cells), timeout=OPEN_MS / 2)
        except AssertionError:
            self._load_anew()

    def _load_anew(self) -> None:
        self.page.reload(timeout=OPEN_MS)
        expect(self.drawn).to_have_count(len(self.cells), timeout=OPEN_MS)

    @property
    def drawn(self) -> Locator:
        """All cells, in the notebook's order."""
        return self.page.locator(".jp-Notebook .jp-Cell")

    def cell(self, start: str) -> Locator:
        """The first code cell whose text begins with ``start``; fails where there is none."""
        found = [at for at, cell in self._code() if "".join(cell["source"]).startswith(start)]
        assert found, f"{self.path.name} has no code cell that begins with {start!r}"
        return self.drawn.nth(found[0])

    def output(self, start: str) -> Locator:
        """What that cell shows."""
        return self.cell(start).locator(".jp-OutputArea")

    def menu(self, *words: str) -> None:
        """Choose an entry: ``menu("Run", "Run All Cells")``."""
        bar, *entries = words
        self.page.locator(".lm-MenuBar-item").get_by_text(bar, exact=True).click()
        for entry in entries:
            ready = self.page.locator(".lm-Menu-item:not(.lm-mod-disabled)")
            ready.get_by_text(entry, exact=True).click()

    def wait_for_kernel(self) -> None:
        """Until the kernel has said that it is idle; cells run before did not end."""
        bar = self.page.locator("#jp-main-statusbar")
        expect(bar).to_contain_text(IDLE, timeout=OPEN_MS)  # else the error has what it says

    def run_all(self) -> None:
        """Run > Run All Cells, and wait until each has ended; fails at the first wrong error."""
        self.wait_for_kernel()
        self.menu("Run", "Run All Cells")
        limit_s = time.monotonic() + RUN_S
        while (waiting := self._not_ended()) and not self.errors() and time.monotonic() < limit_s:
            self.page.wait_for_timeout(200)
        self.page.screenshot(path=self.path.with_suffix(".png"))
        assert not self.errors(), "\n".join(self.errors())
        assert not waiting, f"These cells did not end (see {self.path.with_suffix('.png')})"

    def clear(self) -> None:
        """Edit > Clear Outputs of All Cells: what is seen from now on is of this run."""
        self.wait_for_kernel()  # clicks in menus before that have timed out
        self.menu("Edit", "Clear Outputs of All Cells")
        expect(self.drawn.locator(".jp-OutputArea-output")).to_have_count(0)

    def choose_no_kernel(self) -> None:
        """Answer JupyterLab's question for a kernel: none. The question, too, did not come once in
        some hundred pages."""
        asked = self.page.get_by_role("dialog").get_by_role("button", name="No Kernel")
        try:
            expect(asked).to_be_visible(timeout=OPEN_MS / 3)
        except AssertionError:
            self._load_anew()
        asked.click(timeout=OPEN_MS)
        # the kernel's name is in the toolbar, where there is room for it: so the dialog is asked
        expect(self.page.get_by_role("dialog")).to_have_count(0)

    def errors(self) -> list[str]:
        """What cells say that end in an error and are not meant to."""
        return [
            shown
            for at, cell in self._code()
            if "raises-exception" not in cell["metadata"].get("tags", ())
            for shown in self.drawn.nth(at).locator(ERROR).all_text_contents()
        ]

    def hide_sidebar(self) -> None:
        """More room for the notebook."""
        self.menu("View", "Appearance", "Show Left Sidebar")
        expect(self.page.locator(".jp-FileBrowser")).to_be_hidden()

    def save_picture(self, path: Path, *, top: Locator, own: str = "") -> None:
        """The window as a PNG, scrolled so that the cell ``top`` is at its upper edge; fails where
        docs/images has one that says something else (see picturewords.py, also for ``own``)."""
        top.evaluate("cell => cell.scrollIntoView({block: 'start'})")
        self.page.mouse.move(0, 0)
        self.page.wait_for_timeout(500)  # for the toolbar that follows the chosen cell
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)
        picturewords.check(path, self.page, top, own)

    def _code(self) -> Iterable[tuple[int, dict[str, Any]]]:
        return ((at, cell) for at, cell in enumerate(self.cells) if cell["cell_type"] == "code")

    def _not_ended(self) -> list[str]:
        """First lines of the cells whose prompt has no number yet."""
        prompts = self.drawn.evaluate_all(
            "cells => cells.map(cell => cell.querySelector('.jp-InputPrompt')?.textContent ?? '')"
        )
        return [
            "".join(cell["source"]).splitlines()[0]
            for at, cell in self._code()
            if cell["source"] and not prompts[at].strip("[]: ").isdecimal()
        ]

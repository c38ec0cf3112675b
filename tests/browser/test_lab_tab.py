"""Tab in JupyterLab: in the first line of a cell magic, whose body is there already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
from labpage import LabPage
from playwright.sync_api import Locator, expect

from container_magics.engine.base import BASE

PRESSES = 20
"""Tab is pressed again where an engine was too slow for the first time."""


def test_a_flag_and_an_image_complete(open_lab: Callable[..., LabPage], course: Path) -> None:
    cell = nbformat.v4.new_code_cell("%%container \necho the body")
    path = course / "tab.ipynb"
    kernel = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), path)
    notebook = open_lab("tab.ipynb")
    notebook.wait_for_kernel()
    editor = notebook.cell("%%container").locator(".cm-content")
    editor.locator(".cm-line").first.click()
    editor.press("End")

    editor.press_sequentially("--netw")
    press_tab_until(editor, "%%container --network")
    # enough of the name that no other image begins so: the page offers a choice where several do
    editor.press_sequentially(f" none {BASE[:-3]}")
    press_tab_until(editor, f"%%container --network none {BASE}")

    editor.press_sequentially(" --")
    editor.press("Tab")
    offered = notebook.page.locator(".jp-Completer-item")
    expect(offered.filter(has_text="--timeout")).to_be_visible()
    expect(offered.filter(has_text="abs")).to_have_count(0)


def press_tab_until(editor: Locator, line: str) -> None:
    """Press Tab in the first line until that is what it says."""
    first = editor.locator(".cm-line").first
    for _ in range(PRESSES):
        editor.press("Tab")
        for _ in range(10):
            editor.page.wait_for_timeout(100)
            if first.inner_text() == line:
                return
    expect(first).to_have_text(line)

"""What is left of live lists when their kernel is gone: in the page, and in the saved notebook."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from labpage import OPEN_MS, LabPage
from playwright.sync_api import expect

from container_magics.engine.base import BASE

SPEC = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}

SAVED_S = 60.0


def outputs_of(path: Path) -> list[Any]:
    """All that the cells of a saved notebook show; none while it is being written."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except ValueError:
        return []
    return [output for cell in cells for output in cell["outputs"]]


def test_a_still_picture_stays_when_the_kernel_is_gone(
    open_lab: Callable[..., LabPage], course: Path
) -> None:
    path = course / "still.ipynb"
    cells = [nbformat.v4.new_code_cell(f"%layers {BASE} -w")]
    cells.append(nbformat.v4.new_code_cell("%containers -w"))
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=SPEC), path)
    notebook = open_lab("still.ipynb")
    notebook.run_all()
    layers, page = notebook.output("%layers"), notebook.page
    tree = layers.get_by_role("tree")
    expect(tree.get_by_role("treeitem").first).to_be_visible()
    expect(layers.get_by_role("slider").first).to_be_visible()
    expect(notebook.output("%containers").get_by_role("checkbox")).to_be_visible()

    notebook.menu("Kernel", "Restart Kernel…")
    page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    notebook.wait_for_kernel()
    tree.get_by_role("treeitem").first.click()
    expect(tree.get_by_role("treeitem").first).to_have_attribute("aria-expanded", "false")
    notebook.menu("File", "Save Notebook")
    limit_s = time.monotonic() + SAVED_S
    while len(outputs := outputs_of(path)) < 2:
        assert time.monotonic() < limit_s, outputs
        page.wait_for_timeout(200)
    assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]
    assert max(len(json.dumps(output)) for output in outputs) < 50_000

    page.reload(timeout=OPEN_MS)
    expect(notebook.drawn).to_have_count(2, timeout=OPEN_MS)
    notebook.wait_for_kernel()
    expect(layers).to_contain_text("Layers of")
    expect(layers.locator(".cm-stack, table, details").first).to_be_visible()
    expect(notebook.output("%containers").locator(".container-magics").first).to_be_visible()
    expect(layers.get_by_role("slider")).to_have_count(0)
    expect(page.locator(".jp-Notebook")).not_to_contain_text("Error displaying widget")

"""The kernels in a real browser: a notebook in a container, and a kernel from an image."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
from kernelimage import install_course_kernel
from labpage import OPEN_MS, LabPage
from playwright.sync_api import Locator, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from container_magics.engine.client import Engine

OpenLab = Callable[..., LabPage]


def test_a_notebook_in_a_container(open_lab: OpenLab, pictures: Path) -> None:
    notebook = open_lab("09-a-notebook-in-a-container.ipynb")
    notebook.clear()
    notebook.run_all()
    expect(notebook.output(". /etc/os-release")).to_contain_text("Debian GNU/Linux 12")
    expect(notebook.output('pwd\nshout "$greeting"')).to_contain_text("HELLO AGAIN")
    expect(notebook.output("%container changes")).to_contain_text("/root/diary.txt")
    bars = notebook.cell("{\n  echo '<svg").locator("img, svg")
    expect(bars.first).to_be_visible()
    notebook.hide_sidebar()
    notebook.save_picture(
        pictures / "container-kernel.png", top=notebook.cell("%container changes")
    )


def test_a_cell_asks_and_tab_knows_the_container(open_lab: OpenLab, course: Path) -> None:
    kernel = {"kernelspec": {"name": "container", "display_name": "Container"}}
    sources = ['read -p "Your name? " name; echo "Hello, $name."', "ls /etc/hostn"]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), course / "ask.ipynb")
    notebook = open_lab("ask.ipynb")
    notebook.wait_for_kernel()
    notebook.cell("read").locator(".cm-content").click()
    notebook.page.keyboard.press("Control+Enter")
    box = notebook.page.locator(".jp-Stdin-input")
    box.fill("Ada")
    box.press("Enter")
    expect(notebook.output("read")).to_contain_text("Hello, Ada.")

    editor = notebook.cell("ls").locator(".cm-content")
    editor.click()
    editor.press("End")
    # an item may have its text before the list is open, and then Enter would be a line break
    chosen = notebook.page.locator(".jp-Completer:visible .jp-Completer-item.jp-mod-active")
    press_until(chosen, lambda: editor.press("Tab"))
    expect(chosen).to_have_text("/etc/hostname")
    notebook.page.keyboard.press("Enter")
    expect(editor).to_have_text("ls /etc/hostname")


def press_until(shown: Locator, press: Callable[[], None]) -> None:
    """Press until it is shown: JupyterLab waits a second for what Tab may offer, and a busy
    machine's kernel takes longer."""
    for _ in range(20):
        press()
        with suppress(PlaywrightTimeout):
            return shown.wait_for(timeout=3_000)
    return None


@pytest.mark.parametrize(
    ("kernel", "cell", "shown"),
    [
        ("Container", "head -n 1 /etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"'),
        ("Python (containers)", "type(get_ipython().find_magic('layers')).__name__", "'method'"),
    ],
)
def test_a_kernel_is_one_click_in_the_launcher(
    open_lab: OpenLab, kernel: str, cell: str, shown: str
) -> None:
    """The card has the kernel's logo, and gives a new notebook with that kernel, ready to run."""
    start = open_lab("00-start.ipynb")
    start.wait_for_kernel()
    page = start.page
    page.keyboard.press("Control+Shift+l")
    card = page.locator('.jp-LauncherCard[data-category="Notebook"]').filter(has_text=kernel)
    card = card.filter(has=page.get_by_text(kernel, exact=True))
    expect(card).to_have_count(1)
    logo = card.locator("img")
    expect(logo).to_be_visible()
    assert logo.evaluate("one => one.complete && one.naturalWidth") >= 32
    card.click()
    opened = page.locator(".jp-NotebookPanel:visible")
    expect(
        page.locator(".lm-TabBar-tab.lm-mod-current").filter(has_text="Untitled")
    ).to_be_visible()
    bar = page.locator("#jp-main-statusbar")
    expect(bar).to_contain_text(f"{kernel} | Idle", timeout=OPEN_MS)
    opened.locator(".cm-content").click()
    page.keyboard.insert_text(cell)
    page.keyboard.press("Control+Enter")
    expect(opened.locator(".jp-OutputArea-output")).to_have_text(f"{shown}\n")


def test_a_kernel_from_an_image(
    open_lab: OpenLab, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_PATH", os.environ.get("JUPYTER_PATH", ""))  # to be put back
    install_course_kernel(engine, tmp_path / "kernels")
    notebook = open_lab("11-a-kernel-from-an-image.ipynb")
    notebook.clear()
    notebook.run_all()
    expect(notebook.output("import sys")).to_have_text("Python 3.11 at /usr/bin/python3\n")
    expect(notebook.output("import socket")).to_contain_text("Interfaces: ['lo']")

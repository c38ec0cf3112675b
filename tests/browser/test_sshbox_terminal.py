"""A practice box's terminal under the cell that shows the box: the student's, and gone with it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import nbformat
from labpage import LabPage
from playwright.sync_api import expect

from container_magics.engine.client import Engine

KERNEL = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
END_S = 30.0


def programs(engine: Engine, box: str) -> list[str]:
    return [row[-1] for row in engine.api.top(box, ps_args="-eo pid,args")["Processes"]]


def inside(engine: Engine, box: str, script: str) -> str:
    made = engine.api.exec_create(box, ["sh", "-c", script], stderr=False)
    return str(engine.api.exec_start(made["Id"]).decode())


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + END_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_box_has_a_terminal_under_its_cell(
    open_lab: Callable[..., LabPage], course: Path, engine: Engine, pictures: Path
) -> None:
    box = f"face-{uuid.uuid4().hex[:8]}"
    cells = [nbformat.v4.new_code_cell(f"%sshbox {box}")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), course / "box.ipynb")
    notebook = open_lab("box.ipynb")
    notebook.run_all()
    output = notebook.output("%sshbox")
    expect(output).to_contain_text(f"{box} is up: you can log in.")
    expect(output.locator(".container-magics td.left").first).to_be_visible()  # the view is drawn
    screen = output.locator(".jp-Terminal .xterm-screen")
    expect(screen).to_have_count(0)
    before = programs(engine, box)

    output.get_by_role("button", name=f"Open a terminal in {box}").click()
    expect(screen).to_be_visible()
    screen.click()
    notebook.page.keyboard.type('echo "$(whoami) $(pwd) $HOME" > typed; sleep 1213 &\n')
    said = "student /home/student /home/student\n"
    until(lambda: inside(engine, box, "cat /home/student/typed") == said)
    until(lambda: "sleep 1213" in programs(engine, box))
    notebook.page.keyboard.type("ls -la\n")
    notebook.page.wait_for_timeout(1000)  # it draws on a canvas, after the text has come
    under = output.locator(".container-magics-shell")
    notebook.save_picture(pictures / "sshbox-terminal.png", top=under.last)

    output.get_by_role("button", name=f"Close the terminal in {box}").click()
    expect(screen).to_have_count(0)
    # a box's root may not signal a student's programs, yet nothing runs on
    until(lambda: sorted(programs(engine, box)) == sorted(before))

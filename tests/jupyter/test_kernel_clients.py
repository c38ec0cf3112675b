"""Front ends that others wrote run a notebook on the container kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from container_magics.engine.client import Engine

pytestmark = pytest.mark.usefixtures("base", "nothing_left")
KERNEL = {"kernelspec": {"name": "container", "display_name": "Container", "language": "bash"}}


def notebook(*sources: str) -> nbformat.NotebookNode:
    """One on the container kernel, with these cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)


def test_nbclient(engine: Engine) -> None:
    made = notebook("cd /usr/share; word=kept", "pwd; echo $word", "echo '<i>x</i>' | show html")
    NotebookClient(made, timeout=60).execute()
    assert made.cells[1].outputs[0].text == "/usr/share\nkept\n"
    assert made.cells[2].outputs[0].data["text/html"] == "<i>x</i>\n"


def test_nbclient_stops_at_a_failing_cell(engine: Engine) -> None:
    made = notebook("echo one; (exit 3)", "echo two")
    with pytest.raises(CellExecutionError, match="exit status 3"):
        NotebookClient(made, timeout=60).execute()
    assert "outputs" not in made.cells[1] or not made.cells[1].outputs


def test_papermill(engine: Engine, tmp_path: Path) -> None:
    nbformat.write(notebook("echo hello from $0"), tmp_path / "in.ipynb")
    papermill.execute_notebook(
        str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), progress_bar=False
    )
    done = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert "hello from bash" in done.cells[0].outputs[0].text


def test_jupyter_console(engine: Engine) -> None:
    """Cells typed at its prompt; its own quit ends it, and the kernel with it."""
    command = [sys.executable, "-m", "jupyter_console", "--kernel", "container", "--simple-prompt"]
    typed = "word=typed\necho $word-$(whoami)\nfor n in 1 2; do\necho number $n\ndone\n\nquit\n"
    done = subprocess.run(
        [*command, "--no-confirm-exit"], input=typed, capture_output=True, text=True, timeout=120
    )
    assert "typed-root" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0, done.stderr

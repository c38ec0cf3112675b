"""The first cells after our extension is loaded, while a sweep begins beside them."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Each program is a cell, the way a notebook runs it. Threads change as often as they can, so that
# what two of them do at once does happen: without the rule of jupyter/beside.py nearly each of
# these failed.
CELLS = """
import sys, threading
from IPython.core.interactiveshell import InteractiveShell
sys.setswitchinterval(1e-5)
shell = InteractiveShell.instance()
for cell in sys.argv[1:]:
    if cell == "--extension":
        shell.extension_manager.load_extension("container_magics")
    elif not shell.run_cell(cell).success:
        sys.exit(f"this cell failed: {cell}")
for thread in threading.enumerate():
    if thread.name == "container-magics sweep":
        thread.join()
"""
LOAD = "%load_ext container_magics"
IMPORTS = ["from container_magics import connect; connect", "from docker.errors import NotFound"]


@pytest.mark.parametrize("line", IMPORTS)
def test_a_cell_may_import_what_the_sweep_imports(line: str) -> None:
    for cells in ([f"{LOAD}\n{line}"], [LOAD, line], ["--extension", line]):
        done = subprocess.run(
            [sys.executable, "-c", CELLS, *cells], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not done.stderr, "the sweep's thread has ended without an error, too"


def test_the_sweep_begins_though_no_second_cell_is_run() -> None:
    ends = "[each.join() for each in threading.enumerate() if 'sweep' in each.name]"
    program = (
        "import sys, threading\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        f"InteractiveShell.instance().run_cell({LOAD!r})\n"
        f"print(len({ends}), 'container_magics.session.sweep' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "1 True\n", done.stderr

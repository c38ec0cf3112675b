"""%vm in a cell: the comparison that a reader sees, the stop button, and a machine without QEMU."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from conftest import Notebook, wait_until
from leftovers import machines


def test_the_cell_compares_a_container_with_a_virtual_machine(
    notebook: Notebook, nothing_left: object
) -> None:
    seen = notebook.run("%vm compare --first small")
    assert not seen.error, seen.told
    for words in ("container", "virtual machine", "the host's", "its own", "first login", "MB"):
        assert words in seen.text
    assert "KVM" in seen.text, "it is said how the processor was made"
    assert "<table" in seen.html
    assert "<script" not in seen.html
    kept = notebook.run("print(comparison.vm.inside.kernel != comparison.container.inside.kernel)")
    assert kept.stdout == "True\n"
    assert not machines()


def test_the_stop_button_ends_the_virtual_machine(notebook: Notebook, nothing_left: object) -> None:
    message = notebook.begin("%vm compare --emulated")
    assert wait_until(lambda: bool(machines()), 120)
    notebook.stop_button()
    seen = notebook.wait(message)
    assert seen.error == "CellStopped"
    assert not machines()


def test_a_kernel_that_is_killed_takes_its_virtual_machine_along(
    new_notebook: Callable[..., Notebook],
) -> None:
    notebook = new_notebook()
    notebook.begin("%vm compare --emulated")
    assert wait_until(lambda: bool(machines()), 120)
    notebook.pull_the_plug()
    assert wait_until(lambda: not machines())


def test_the_probe_says_whether_kvm_works(notebook: Notebook, nothing_left: object) -> None:
    seen = notebook.run("%vm probe")
    assert not seen.error, seen.told
    assert "KVM works here" in seen.text or "KVM does not work here" in seen.text


def test_without_qemu_the_last_figures_are_shown(
    new_notebook: Callable[..., Notebook], tmp_path: Path
) -> None:
    """The kernel's PATH and the system's folders lead to no QEMU."""
    notebook = new_notebook(PATH=os.pathsep.join((str(Path(sys.executable).parent), str(tmp_path))))
    notebook.run("from container_magics.engine import command; command._SYSTEM_FOLDERS = ()")
    seen = notebook.run("%vm compare")
    assert not seen.error, seen.told
    for words in ("QEMU is not installed", "apt-get install", "Measured on", "virtual machine"):
        assert words in seen.text
    refused = notebook.run("%vm probe")
    assert refused.error == "EngineError"
    assert "apt-get install" in refused.told


def test_what_is_typed_wrongly_is_refused(notebook: Notebook) -> None:
    assert notebook.run("%vm start").error == "UsageError"

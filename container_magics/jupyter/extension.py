"""Load the magics into a shell, and take leave of it."""

from __future__ import annotations

from IPython.core.interactiveshell import InteractiveShell

from container_magics.jupyter import completion
from container_magics.jupyter.magics.classes import ClassMagics
from container_magics.jupyter.magics.compose import ComposeMagics
from container_magics.jupyter.magics.container import ContainerMagics
from container_magics.jupyter.magics.engine import EngineMagics
from container_magics.jupyter.magics.exercise import ExerciseMagics
from container_magics.jupyter.magics.image import ImageMagics
from container_magics.jupyter.magics.layers import LayersMagics
from container_magics.jupyter.magics.lists import ListMagics
from container_magics.jupyter.magics.shell import ShellMagics
from container_magics.jupyter.magics.ssh import SshMagics
from container_magics.jupyter.magics.vm import VmMagics
from container_magics.jupyter.workbench import Workbench

MAGICS = (
    ContainerMagics,
    ImageMagics,
    LayersMagics,
    ListMagics,
    ComposeMagics,
    SshMagics,
    ShellMagics,
    ExerciseMagics,
    VmMagics,
    ClassMagics,
    EngineMagics,
)


def load(shell: InteractiveShell) -> None:
    """Register every magic and Tab, and begin the sweep of what dead sessions left."""
    bench = Workbench(shell)
    for magics in MAGICS:
        shell.register_magics(magics(bench))
    completion.install(bench)
    bench.begin()


def unload(shell: InteractiveShell) -> None:
    """Remove what this session made; the magics themselves stay until the shell ends."""
    for magics in shell.magics_manager.registry.values():
        if isinstance(magics, ContainerMagics):
            magics.bench.end()
    completion.uninstall(shell)

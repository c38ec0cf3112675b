"""The magics of a container kernel: those of the package, and two of its own.

``%image IMAGE`` switches the image, ``%keep`` keeps the container over a restart of the kernel;
``%container VERB`` without a name means the kernel's own container.
"""

from __future__ import annotations

import re
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from container_magics.core.imageflags import IMAGE_VERBS
from container_magics.core.verbs import CONTAINER_VERBS
from container_magics.jupyter.kernelcell import pulling
from container_magics.jupyter.kernelhome import KernelHome
from container_magics.jupyter.publish import show
from container_magics.jupyter.stop import stop_button
from container_magics.jupyter.workbench import Workbench
from container_magics.session.stopper import Stopper
from container_magics.view.model import Note

NAME = re.compile(r"(%{1,2})([A-Za-z_]\w*)(\??)")


def split(shell: InteractiveShell, code: str) -> tuple[str, str]:
    """(the magics at the beginning, the rest); a cell magic takes the whole cell."""
    lines = code.split("\n")
    magics: list[str] = []
    while lines and (is_magic(shell, lines[0]) or (not lines[0].strip() and len(lines) > 1)):
        if lines[0].lstrip().startswith("%%"):
            return "\n".join([*magics, *lines]), ""
        magics.append(lines.pop(0))
    if not any(line.strip() for line in magics):
        return "", code
    return "\n".join(magics), "\n".join(lines)


def is_magic(shell: InteractiveShell, code: str) -> bool:
    """Whether a piece of code begins with a magic, or asks for the help of one."""
    found = NAME.match(code.lstrip())
    if found is None:
        return False
    kind = "cell" if found[1] == "%%" else "line"
    return bool(shell.find_magic(found[2], magic_kind=kind))


def install(shell: InteractiveShell, home: KernelHome, bench: Workbench) -> None:
    """Put the kernel's own magics before those of the package."""
    of_image: Any = shell.find_magic("image", magic_kind="line")
    of_container: Any = shell.find_magic("container", magic_kind="line")

    def image(line: str) -> Any:
        words = line.split()
        if len(words) == 1 and words[0] not in IMAGE_VERBS and not words[0].startswith("-"):
            stopper = Stopper()
            with stop_button(stopper):
                home.switch(words[0], stopper, pulling(bench))
            show(Note(f"Cells run in a fresh container of {words[0]} now.", "ok"))
            return None
        return of_image(line)

    def container(line: str) -> Any:
        words = line.split()
        if len(words) == 1 and words[0] in CONTAINER_VERBS and home.container_id:
            return of_container(f"{line} {home.name}")
        return of_container(line)

    def keep(line: str) -> None:  # noqa: ARG001 - every magic is given its line
        """Keep this container over a restart of the kernel; without it a restart is a fresh one.

        Shutting the kernel down removes the container all the same.
        """
        home.keep()
        show(Note("A restart of the kernel keeps this container: its files stay.", "ok"))

    image.__doc__, container.__doc__ = of_image.__doc__, of_container.__doc__
    for each, whole in ((image, of_image), (container, of_container)):
        if hasattr(whole, "parsers"):  # for Tab
            each.parsers = whole.parsers  # type: ignore[attr-defined]
    register: Any = shell.register_magic_function
    for name, function in (("image", image), ("container", container), ("keep", keep)):
        register(function, "line", name)

"""The magics of a container kernel: those of the package, and two of its own.

``%image IMAGE`` switches the image, ``%keep`` keeps the container over a restart of the kernel;
``%container VERB`` alone means the kernel's own container. IPython's own magics act elsewhere, and
most are refused (core/foreignmagics.py).
"""

from __future__ import annotations

import re
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from container_magics.core.foreignmagics import refusal
from container_magics.core.imageflags import IMAGE_VERBS
from container_magics.core.verbs import CONTAINER_VERBS
from container_magics.errors import UsageError
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
    return found is not None and bool(function_of(shell, found[1], found[2]))


def function_of(shell: InteractiveShell, mark: str, name: str) -> Any:
    """What runs a magic; None for one that there is not."""
    return shell.find_magic(name, magic_kind="cell" if mark == "%%" else "line")


def refused(shell: InteractiveShell, magics: str, language: str) -> UsageError | None:
    """Why the first that cannot of the ``magics`` of a cell may not run: it is IPython's, and would
    act on this machine. None when all may; to ask for a magic's help (``%cd?``) is harmless."""
    for line in magics.split("\n"):
        found = NAME.match(line.lstrip())
        if found is None or found[3]:
            continue
        if is_ipython_s(function_of(shell, found[1], found[2])):
            words = line.lstrip()[found.end() :]
            if error := refusal(found[1], found[2], words, language):
                return error
        if found[1] == "%%":  # what follows is its own
            break
    return None


def is_ipython_s(function: Any) -> bool:
    """Whether a magic is IPython's or ipykernel's, and not ours or an extension's."""
    return str(getattr(function, "__module__", "")).partition(".")[0] in ("IPython", "ipykernel")


def offered(shell: InteractiveShell, reply: dict[str, Any], language: str) -> dict[str, Any]:
    """A reply to Tab without the magics that would be refused."""

    def may_run(match: str) -> bool:
        found = NAME.fullmatch(match)
        if found is None or not is_ipython_s(function_of(shell, found[1], found[2])):
            return True
        return refusal(found[1], found[2], "", language) is None

    more = reply.get("metadata", {})  # ipykernel says the same a second time there
    typed = {key: [one for one in found if may_run(one["text"])] for key, found in more.items()}
    matches = [one for one in reply["matches"] if may_run(one)]
    return {**reply, "matches": matches, "metadata": typed}


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

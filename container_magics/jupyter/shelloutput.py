"""The part of an output that lets JupyterLab open a terminal in a container: %shell, %sshbox.

labextension/src/shell.ts draws a button for it. It names a container, and no command.
"""

from __future__ import annotations

from typing import Any

SHELL = "application/vnd.container-magics.shell.v1+json"


def terminal_in(container: str, *, under_view: bool = False) -> dict[str, Any]:
    """What goes into the bundle; ``under_view`` shows the output's view above the button."""
    return {SHELL: {"container": container, **({"view": True} if under_view else {})}}

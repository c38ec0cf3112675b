"""Magics, widgets and a JupyterLab extension to work with containers from notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from container_magics.errors import ContainerMagicsError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from container_magics.engine.client import Engine, connect
    from container_magics.session.container import Container

__all__ = ["Container", "ContainerMagicsError", "Engine", "connect", "load_ipython_extension"]
__version__ = "0.1.0"


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Where the built JupyterLab extension is in this package, and the name it is served under."""
    return [{"src": "labextension", "dest": "container-magics"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Where Jupyter Server finds our handlers; it imports the module when it starts."""
    return [{"module": "container_magics.jupyter.server"}]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics; what IPython calls for ``%load_ext container_magics``."""
    from container_magics.jupyter.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove what this session made; what IPython calls for ``%unload_ext``."""
    from container_magics.jupyter.extension import unload

    unload(shell)


def __getattr__(name: str) -> Any:
    """What needs the docker SDK, which is not light, loaded when first asked for."""
    if name == "Container":
        from container_magics.session.container import Container

        return Container
    if name in ("connect", "Engine"):
        from container_magics.engine import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

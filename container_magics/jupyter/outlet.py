"""A cell's place in the notebook, kept so that a thread can write there when the cell is over.

ipykernel 6 sends what a thread prints to whatever cell runs at that moment, or to the one that
started the thread; ipykernel 7 to the last one alone. So nothing is printed here: the messages
are sent as the kernel itself sends them (messaging protocol of Jupyter, "stream",
"display_data", "update_display_data"), each with the cell that asked as its parent.
"""

from __future__ import annotations

import threading
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from container_magics.core.events import Stream


class Outlet:
    """Where the output of one cell goes; may be used from any thread, for as long as one likes.

    Made by ``outlet_of`` in the cell. After ``close()`` nothing is sent any more.
    """

    def __init__(self, kernel: Any, parent: dict[str, Any]) -> None:
        """Take an ipykernel's kernel and the header of the request that runs the cell."""
        self._kernel = kernel
        self._parent = parent
        self._lock = threading.Lock()
        self._closed = False

    def write(self, stream: Stream, text: str) -> None:
        """More of the cell's stdout or stderr."""
        self._send("stream", {"name": stream, "text": text})

    def display(self, data: dict[str, object], display_id: str = "") -> None:
        """One more display; with a name it can be updated later."""
        transient = {"display_id": display_id} if display_id else {}
        self._send("display_data", {"data": data, "metadata": {}, "transient": transient})

    def update(self, data: dict[str, object], display_id: str) -> None:
        """Another content for all displays of that name."""
        content = {"data": data, "metadata": {}, "transient": {"display_id": display_id}}
        self._send("update_display_data", content)

    def close(self) -> None:
        """Send nothing more; a message that is on its way is waited for."""
        with self._lock:
            self._closed = True

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        with self._lock:
            if self._closed:
                return
            # to the kernel's own thread for such messages: it takes them from any other
            self._kernel.session.send(
                self._kernel.iopub_socket,
                kind,
                content,
                parent=self._parent,
                ident=kind.encode(),
            )


def outlet_of(shell: InteractiveShell | None) -> Outlet | None:
    """That of the cell that runs now; None where there is no kernel of ipykernel's, as in a
    terminal's IPython."""
    kernel: Any = getattr(shell, "kernel", None)
    if not all(hasattr(kernel, name) for name in ("session", "iopub_socket", "get_parent")):
        return None
    header = kernel.get_parent("shell").get("header")
    return Outlet(kernel, dict(header)) if header else None

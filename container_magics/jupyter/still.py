"""A widget's output, which is saved as the view that it was: that is shown where no kernel has it.

labextension/src/still.ts shows the one or the other; other front ends take the widget while they
can have it, or the text or the HTML.
"""

from __future__ import annotations

from typing import Any

from ipywidgets import Widget

from container_magics.view.bundle import bundle
from container_magics.view.model import View

LIVE = "application/vnd.container-magics.live.v1+json"


def with_still(widget: Widget, shown: Any, view: View) -> Any:
    """What ipywidgets' ``_repr_mimebundle_`` gave, a bundle or a pair of it and metadata, with the
    view in place of its text; of one that is closed the view alone."""
    data, metadata = shown if isinstance(shown, tuple) else (shown, {})
    live = {LIVE: {"model_id": widget.model_id}} if widget.comm is not None else {}
    return {**(data or {}), **bundle(view), **live}, metadata

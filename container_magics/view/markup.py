"""Text and elements of HTML, escaped."""

from __future__ import annotations

from html import escape

from container_magics.view.cells import visible


def text(words: str) -> str:
    """THE place where text becomes HTML: nothing in ``words`` can be markup or a control."""
    return escape(visible(words), quote=True)


def tag(name: str, inside: str = "", **attributes: str) -> str:
    """An element around HTML; attribute values are escaped, empty ones left out."""
    given = "".join(f' {key}="{text(value)}"' for key, value in attributes.items() if value)
    return f"<{name}{given}>{inside}</{name}>"

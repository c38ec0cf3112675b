"""What a cell of a container kernel shows with ``show`` and ``display``, as Jupyter knows it."""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import PurePosixPath
from typing import Any

from container_magics.core.cellprotocol import Shown
from container_magics.core.units import size
from container_magics.errors import UsageError
from container_magics.view.bundle import bundle
from container_magics.view.model import Column, Table

PICTURES = {
    b"\x89PNG\r\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
"""How such a file begins (their specifications), and its MIME type."""
TEXTS = {
    "html": "text/html",
    "markdown": "text/markdown",
    "latex": "text/latex",
    "svg": "image/svg+xml",
}
ENDINGS = {
    ".html": "html", ".htm": "html", ".json": "json", ".csv": "csv", ".md": "markdown",
    ".tex": "latex", ".svg": "svg", ".txt": "text",
}  # fmt: skip
MOST_ROWS = 1000
"""More rows of a CSV file are counted, and not shown."""


def shown_bundle(shown: Shown, content: bytes) -> dict[str, Any]:
    """From MIME type to content. UsageError when the content is not what it was said to be."""
    if shown.kind in ("bundle", "result", "error"):
        return dict(json.loads(content))
    for begin, mime in PICTURES.items():
        if content.startswith(begin) and shown.kind not in TEXTS:
            encoded = base64.b64encode(content).decode()
            return {mime: encoded, "text/plain": f"{mime}, {size(len(content))}"}
    kind = shown.kind or guessed(shown.name, content)
    text = content.decode("utf-8", "replace")
    if kind in TEXTS:
        return {TEXTS[kind]: text, "text/plain": text}
    if kind == "json":
        return of_json(text)
    if kind == "csv":
        return bundle(of_csv(text))
    if kind == "text":
        return {"text/plain": text}
    raise UsageError(f"What is shown as {kind} is none.", hint="`show` without a kind guesses it.")


def guessed(name: str, content: bytes) -> str:
    """The kind of a file, by its name's ending, else by how it begins; "text" for any other."""
    ending = PurePosixPath(name).suffix.lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    head = content[:200].lstrip().lower()
    if head.startswith(b"<svg"):
        return "svg"
    if head.startswith(b"<"):
        return "html"
    if head[:1] in (b"{", b"["):
        try:
            json.loads(content)
        except ValueError:
            return "text"
        return "json"
    return "text"


def of_json(text: str) -> dict[str, Any]:
    """A tree to open, and the text with its indents."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"What is shown as JSON is none: {error}.") from error
    pretty = json.dumps(value, indent=2, ensure_ascii=False)
    if not isinstance(value, dict | list):
        return {"text/plain": pretty}
    return {"application/json": value, "text/plain": pretty}


def of_csv(text: str) -> Table:
    """Its first row is the heading; short rows are filled up."""
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    head, *body = rows or [[]]
    columns = tuple(Column(name) for name in head)
    cells = tuple(tuple([*row, *[""] * len(head)][: len(head)]) for row in body[:MOST_ROWS])
    more = len(body) - len(cells)
    return Table(columns, cells, caption=f"{more} more rows are not shown" if more else "")

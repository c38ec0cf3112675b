"""Hostile text, and a hook that counts what runs or is asked for because of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Dialog, Locator, Page, Request

HOST = "strike.invalid"
"""Such a host is never found (RFC 2606)."""
CALL = "window.strike()"
LIST = Path(__file__).with_name("hostile.txt")
SIGNS = {"ESC": "\x1b", "BEL": "\x07", "U+202E": "\u202e", "U+FEFF": "\ufeff"}


def payloads() -> list[str]:
    """Each as it is, in the order of the list."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [ready(line) for line in lines if line and not line.startswith("#")]


def ready(line: str) -> str:
    """A line of the list with the hook's call, the host and the characters that it names."""
    text = line.replace("STR&#73;KE", "window.str&#105;ke()")
    text = text.replace("&#83;TRIKE", f"&#119;{CALL[1:]}")
    text = text.replace("STRIKE", CALL).replace("HOST", HOST)
    for name, sign in SIGNS.items():
        text = text.replace(name, sign)
    return text


class Hook:
    """Counts calls from any frame of a browser's context, dialogs, and requests to ``HOST``."""

    def __init__(self, context: BrowserContext) -> None:
        self.counted: Counter[str] = Counter()
        context.expose_binding("strike", lambda *_: self.counted.update(["call"]))
        context.on("dialog", self._dialog)
        context.on("request", self._request)

    def _dialog(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":
            self.counted.update(["dialog"])
        dialog.accept()

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).hostname == HOST:
            self.counted.update(["request"])

    def counts_on(self, page: Page) -> None:
        """Fail where the hook would not see a payload that this page takes for HTML."""
        before = Counter(self.counted)
        html = f'<img class="control" src="x:" onerror="{CALL}">'
        page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", html)
        for _ in range(600):
            if self.counted["call"] > before["call"]:
                break
            page.wait_for_timeout(100)
        assert self.counted["call"] == before["call"] + 1
        page.locator("img.control").evaluate("one => one.remove()")
        self.counted = before


def touch(areas: Locator) -> None:
    """What a reader does: open all that opens, and move over it."""
    areas.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    for area in areas.all():
        area.hover(force=True)
    areas.page.wait_for_timeout(500)  # for what would come late: a script that is loaded

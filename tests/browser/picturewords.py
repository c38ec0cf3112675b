"""What a kept picture says, in words: a picture that says what is no longer so is found by them.

Beside a picture in docs/images lies NAME.json: the words of our sidebar and of the cells in the
picture, the test that made it, and the picture's SHA-256. Whenever that test runs, it compares
what it sees with the kept words. Pixels are not compared: fonts differ from machine to machine.
Nor is JupyterLab's own frame.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from playwright.sync_api import Locator, Page

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
VARIES = (
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"SHA256:\S+", "SHA256:KEY"),
    (r"(/[\w.~-]+){4,}", "PATH"),
    (r"\b(localhost|[a-z.]+/library)/", ""),  # as Podman names images
    (r"\b[0-9a-f]{8,}\b", "ID"),
    (r"\b[\d.]+ ?(ms|s|min|seconds?|minutes?)\b", "TIME"),
    (r"\b[\d.]+ ?[kMGT]?B\b", "SIZE"),
    (r"^\[[\d ]*\]:", "[N]:"),
    ("¶", ""),
)
SIDEBAR = """(panel, own) => [...panel.querySelectorAll("summary, li.row")]
    .filter(one => one.checkVisibility())
    .filter(one => one.matches("summary") || (own && one.textContent.includes(own)))
    .map(one => [...one.children].map(part =>
        part.matches(".count") ? part.textContent.replace(/^[0-9]+$/, "N") : part.textContent
    ).join(" "))"""
"""Its titles, and the test's own rows: what else the engine has is another matter each time."""
CELLS = """(cells, top) => cells.slice(cells.findIndex(cell => cell.contains(top)))
    .map(cell => [cell.innerText, cell.getBoundingClientRect().bottom])"""


def check(picture: Path, page: Page, top: Locator, own: str) -> None:
    """Compare what ``page`` shows with the kept words of the picture of that name, if there is
    one; where pictures are made anew, write the words beside it.

    Cells count from ``top`` on; ``own`` is in the name of what the test itself has made.
    """
    if os.environ.get("CONTAINER_MAGICS_SCREENSHOTS"):
        made = {
            "test": os.environ["PYTEST_CURRENT_TEST"].removesuffix(" (call)"),
            "sha256": hashlib.sha256(picture.read_bytes()).hexdigest(),
            **words(page, top, own, None),
        }
        text = json.dumps(made, indent=1, ensure_ascii=False)
        picture.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    elif (IMAGES / picture.name).exists():
        kept = json.loads((IMAGES / picture.name).with_suffix(".json").read_text(encoding="utf-8"))
        compare(picture.name, kept, words(page, top, own, len(kept["cells"])))


def compare(name: str, kept: dict[str, object], now: dict[str, object]) -> None:
    """Fail where a picture says something else than what is shown now."""
    again = f"CONTAINER_MAGICS_SCREENSHOTS=docs/images make test ARGS='{kept['test']}'"
    said = {part: kept[part] for part in now}
    assert now == said, f"the picture {name} is old: make it again with {again}, and look at it"


def words(page: Page, top: Locator, own: str, number: int | None) -> dict[str, object]:
    """The sidebar's lines and those of ``number`` cells; None: all that end in the window."""
    panel = page.locator("#container-magics-panel")
    side = panel.evaluate(SIDEBAR, own) if panel.is_visible() else []
    every = page.locator(".jp-Notebook .jp-Cell")
    shown = every.evaluate_all(CELLS, top.element_handle())
    height = (page.viewport_size or {"height": 0})["height"]
    whole = sum(bottom < height for _, bottom in shown) if number is None else number
    return {
        "sidebar": lines("\n".join(side)),
        "cells": [lines(text) for text, _ in shown[:whole]],
    }


def lines(text: str) -> list[str]:
    """Those that are not empty, with names in place of what varies from run to run."""
    tidy = [" ".join(line.replace("\u200b", "").split()) for line in text.splitlines()]
    for pattern, name in VARIES:
        tidy = [re.sub(pattern, name, line).strip() for line in tidy]
    return [line for line in tidy if line]

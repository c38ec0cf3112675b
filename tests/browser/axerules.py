"""What is ours in a page, held against the rules of axe-core (WCAG)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).resolve().parents[2]
STYLES = sorted((ROOT / "labextension" / "src" / "style").glob("*.css"))
NOT_OURS = (".noUi-handle",)
"""The handle of an ipywidgets slider has no name (8.1.9), and Python cannot give it one."""
BARE = """<!doctype html><html lang="en"><title>parts</title><style>{styles}</style>
<body style="background: var(--jp-layout-color1); color: var(--jp-ui-font-color1);
 font: 13px sans-serif">{parts}</body></html>"""


def faults(page: Page, *where: str) -> list[str]:
    """Serious and critical ones in these parts of the page, each of which is there. Not contrast
    in JupyterLab's page: axe-core 4.12 finds its rule inapplicable there. See ``pale``."""
    for each in where:
        expect(page.locator(each).first).to_be_visible()
    context = {"include": [[each] for each in where], "exclude": [list(NOT_OURS)]}
    told = Axe().run(page, context).response
    return [
        f"{one['id']} ({one['impact']}): {words(node)}"
        for one in told["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def pale(page: Page, browser: Browser, theme: Path, *parts: str, hover: str = "") -> list[str]:
    """What has too little contrast in these parts: copied into a page of their own, with the
    theme's and our style sheets, where axe-core measures. ``hover`` is under the mouse there.

    A sign is measured as a word: axe-core leaves out what is no letter.
    """
    copied = "".join(
        part for each in parts for part in page.locator(each).evaluate_all(
            "all => all.map(one => one.outerHTML)"
        )
    )  # fmt: skip
    styles = "\n".join(path.read_text(encoding="utf-8") for path in (theme, *STYLES))
    with browser.new_context() as context:
        bare = context.new_page()
        bare.set_content(BARE.format(styles=styles, parts=copied), wait_until="domcontentloaded")
        bare.locator(".sign").evaluate_all("all => all.forEach(one => one.textContent = 'sign')")
        if hover:
            bare.locator(hover).first.hover()
        return too_pale(bare)


def too_pale(page: Page) -> list[str]:
    """What has too little contrast in a page where axe-core measures it."""
    told = Axe().run(page, options={"runOnly": ["color-contrast"]}).response
    assert told["passes"], "nothing was measured"
    return [words(node) for one in told["violations"] for node in one["nodes"]]


def words(node: dict[str, Any]) -> str:
    """Which part it is, and what is wrong with it."""
    messages = [each["message"] for each in (*node["any"], *node["all"], *node["none"])]
    return f"{node['target']} {node['html'][:160]} {messages}"

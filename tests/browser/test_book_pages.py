"""The book in a browser: its pages turn, and read well light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from axerules import faults, too_pale
from playwright.sync_api import Browser, expect

from container_magics.cli import main

COURSE = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("book") / "site"
    assert main(["book", str(COURSE), str(target), "--title", "Containers and Images"]) == 0
    return target


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_read_well(site: Path, browser: Browser, pictures: Path, theme: str) -> None:
    """Views, code, output and errors are in these; each with the reader's own colours."""
    pictures.mkdir(parents=True, exist_ok=True)
    with browser.new_context(
        color_scheme=theme, viewport={"width": 1000, "height": 900}
    ) as context:
        page = context.new_page()
        page.goto((site / "index.html").as_uri())
        page.locator("a[rel=next]").first.click()
        expect(page.locator("h1")).to_contain_text("Images")  # the first chapter
        found = []
        for name in ("index", "01-images", "04-ssh-practice", "07-layers"):
            page.goto((site / f"{name}.html").as_uri())
            found += [f"{name}: {each}" for each in (*faults(page, "body"), *too_pale(page))]
            ink = page.locator("body p").first.evaluate("one => getComputedStyle(one).color")
            assert is_light(ink) == (theme == "dark"), ink
        page.locator("table").first.evaluate("one => one.scrollIntoView({block: 'start'})")
        page.screenshot(path=pictures / f"book-{theme}.png")
    assert not found, "\n".join(found)


def is_light(colour: str) -> bool:
    """Of a colour as the browser tells it, rgb(…)."""
    red, green, blue = (int(each) for each in colour.strip("rgb() ").split(",")[:3])
    return red + green + blue > 3 * 128

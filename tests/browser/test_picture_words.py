"""A picture in docs/images that says what is no longer so is found, and one that says it is not."""

from __future__ import annotations

import json
from pathlib import Path

import picturewords
import pytest
from playwright.sync_api import Browser, Page

OWN = "face-0123abcd"
PAGE = """<style>body { margin: 0 } .jp-Cell { height: 100px; white-space: pre-line }</style>
<div id="container-magics-panel">
  <details open><summary><span>Images</span> <span class="count">3</span></summary>
    <ul><li class="row"><span>face-0123abcd</span><span>running</span></li>
      <li class="row"><span>another's</span></li></ul></details>
  <details><summary><span>Disk use</span> <span class="count">FIGURE</span></summary>
    <ul><li class="row">face-0123abcd, folded</li></ul></details></div>
<div class="jp-Notebook"><div class="jp-Cell">above</div>
  <div class="jp-Cell" id="top">[3]:
ssh -p 32789 127.0.0.1:32789 -F /tmp/a/b/c/config took 1.5 s, OUTPUT</div>
  <div class="jp-Cell">next</div><div class="jp-Cell">below the window</div></div>"""


def look(browser: Browser, picture: Path, figure: str = "", output: str = "150 MB") -> None:
    """What a test with a picture does, with a page that shows these."""
    with browser.new_context(viewport={"width": 800, "height": 450}) as context:
        page: Page = context.new_page()
        page.set_content(PAGE.replace("FIGURE", figure).replace("OUTPUT", output))
        page.screenshot(path=picture)
        picturewords.check(picture, page, page.locator("#top"), OWN)


def test_an_old_picture_is_found_by_its_words(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, today = tmp_path / "kept", tmp_path / "today"
    kept.mkdir()
    today.mkdir()
    monkeypatch.setattr(picturewords, "IMAGES", kept)
    monkeypatch.setenv("CONTAINER_MAGICS_SCREENSHOTS", str(kept))
    look(browser, kept / "one.png")
    said = json.loads((kept / "one.json").read_text())
    assert said["sidebar"] == ["Images N", "face-ID running", "Disk use"]
    assert said["cells"] == [
        ["[N]:", "ssh -p 32789 127.0.0.1:PORT -F PATH took TIME, SIZE"],
        ["next"],
    ]

    monkeypatch.delenv("CONTAINER_MAGICS_SCREENSHOTS")
    look(browser, today / "one.png", output="2.5 GB")  # a size varies
    look(browser, today / "other.png", output="nothing that is kept")
    for changed in ({"figure": "0"}, {"output": "another word"}):
        with pytest.raises(AssertionError, match=r"the picture one\.png is old: make it again"):
            look(browser, today / "one.png", **changed)

"""`make book`: the course as pages that lead to each other, and nowhere else."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from container_magics.cli import main

COURSE = Path(__file__).resolve().parents[2] / "notebooks"
PICTURE = b"GIF89a"


class Page(HTMLParser):
    """What a page names: its anchors, its links, what it loads, and whether it runs anything."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.runs: list[str] = []
        self.turns: dict[str, str] = {}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors.add(given.get("id", ""))
        if tag == "a":
            self.links.append(given.get("href", ""))
            if "rel" in given:
                self.turns[given["rel"]] = given["href"]
        elif "href" in given or "src" in given:
            self.loads.append(given.get("href", "") or given.get("src", ""))
        if tag in ("script", "iframe", "object", "embed") or any(n.startswith("on") for n in given):
            self.runs.append(tag)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("book") / "site"
    assert main(["book", str(COURSE), str(target), "--title", "Containers and Images"]) == 0
    return target


def pages(site: Path) -> dict[str, Page]:
    return {path.name: Page(path) for path in site.glob("*.html")}


def test_every_notebook_is_a_page_and_the_pages_can_be_turned(site: Path) -> None:
    found = pages(site)
    names = [path.stem + ".html" for path in sorted(COURSE.glob("*.ipynb"))]
    names[0] = "index.html"
    assert sorted(found) == sorted(names)
    turned, here = ["index.html"], "index.html"
    while here := found[here].turns.get("next", ""):
        assert found[here].turns["prev"] == turned[-1]
        turned.append(here)
    assert turned == names


def test_every_link_within_the_book_leads_somewhere(site: Path) -> None:
    found, dead = pages(site), []
    for name, page in found.items():
        for link in page.links:
            if re.match(r"\w+:", link):
                continue
            target, _, anchor = link.partition("#")
            there = found.get(target or name)
            if there is None or (anchor and unquote(anchor) not in there.anchors):
                dead.append((name, link))
    assert dead == []


def test_a_page_runs_nothing_and_loads_its_style_alone(site: Path) -> None:
    for name, page in pages(site).items():
        assert page.runs == [], name
        loaded = {each for each in page.loads if not each.startswith("data:image/")}
        assert loaded == {"book.css"}, name
    assert "http" not in (site / "book.css").read_text()


def test_what_is_saved_is_shown(site: Path) -> None:
    text = unescape(re.sub("<[^>]*>", "", (site / "01-images.html").read_text()))
    assert "Good morning from Debian GNU/Linux 12." in text
    assert "Who owns /etc/motd" in text
    assert '<span class="k">FROM</span>' in (site / "01-images.html").read_text()  # a Dockerfile


def test_a_teachers_notes_with_a_picture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    notes, site = tmp_path / "notes", tmp_path / "site"
    notes.mkdir()
    cells = [
        nbformat.v4.new_markdown_cell("# Mine & yours <b>\n\n![a](drawn.gif) [b](two.ipynb#B-c)"),
        nbformat.v4.new_code_cell("%%container x --as node\nconst x = '</pre><script>'"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notes / "one.ipynb")
    cells = [nbformat.v4.new_markdown_cell("no title\n\n## B c")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notes / "two.ipynb")
    (notes / "drawn.gif").write_bytes(PICTURE)
    (notes / "answers.md").write_text("secret")
    assert main(["book", str(notes), str(site)]) == 0
    assert "Written: 2 chapters." in capfd.readouterr().out
    assert sorted(path.name for path in site.iterdir()) == [
        "book.css", "drawn.gif", "index.html", "two.html",
    ]  # fmt: skip
    assert (site / "drawn.gif").read_bytes() == PICTURE
    first = Page(site / "index.html")
    assert "two.html#B-c" in first.links
    assert first.runs == []
    assert "<title>Mine &amp; yours &lt;b&gt;</title>" in (site / "index.html").read_text()
    assert main(["book", str(notes), str(site)]) == 0  # and again


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [("", "", "no notebooks in"), ("a.ipynb", "{", "a.ipynb cannot be read as a notebook")],
)
def test_what_is_no_book(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, text: str, sentence: str
) -> None:
    if name:
        (tmp_path / name).write_text(text)
    assert main(["book", str(tmp_path), str(tmp_path / "site")]) == 1
    assert sentence in capfd.readouterr().err


def test_a_site_that_cannot_be_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("a file")
    assert main(["book", str(COURSE), str(tmp_path / "taken")]) == 1
    assert "cannot be written" in capfd.readouterr().err

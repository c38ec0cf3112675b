"""A folder of notebooks as a book: a static site without scripts, which asks the network nothing.

Each notebook is a chapter, in the order of their file names; the first one is ``index.html``. The
outputs are those that are saved: nothing is run.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container_magics.errors import UsageError
from container_magics.jupyter import notebookfile

PAGES = Path(__file__).with_name("bookpages")
PICTURES = (".gif", ".jpeg", ".jpg", ".png", ".svg", ".webp")
"""Files beside the notebooks that pages may show. Others stay at home: exercises have answers."""
LIGHT, DARK = "xcode", "github-dark"
"""The styles of Pygments for code."""
HEADING = re.compile(r'<h2 id="([^"]*)">(.*?)<a class="anchor-link"', re.DOTALL)
TAG = re.compile(r"<[^>]*>")
LINK = re.compile(r"(\]\()([^)\s#]+\.ipynb)(#[^)\s]*)?(\))")
AS = re.compile(r"\s--as(?:=|\s+)[\"']?(\w+)")
LEXERS = {
    "bash": "bash", "lua": "lua", "mysql": "mysql", "node": "javascript", "perl": "perl",
    "php": "php", "psql": "postgresql", "python": "python", "r": "r", "ruby": "ruby", "sh": "sh",
    "sqlite": "sql", "zsh": "zsh",
}  # fmt: skip
"""The lexer of Pygments for a cell that --as runs so."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A notebook, the name of its page, and its title."""

    source: Path
    page: str
    title: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a chapter, and the place it is at; both as nbconvert escaped them."""

    anchor: str
    title: str


def write_book(folder: Path, target: Path, title: str) -> list[Chapter]:
    """Write the site of the notebooks in ``folder`` into ``target``, with their pictures. Other
    files of ``target`` stay. Returns its chapters in order; ``title`` "" is the first one's.

    Raises UsageError where there is no notebook, one cannot be read, or nothing can be written.
    """
    notebooks = {path: notebookfile.read(path) for path in sorted(folder.glob("*.ipynb"))}
    if not notebooks:
        raise UsageError(f"There are no notebooks in {folder}.")
    chapters = list(_chapters(notebooks))
    try:
        target.mkdir(parents=True, exist_ok=True)
        for number, chapter in enumerate(chapters):
            page = _page(chapters, number, notebooks[chapter.source], title or chapters[0].title)
            (target / chapter.page).write_text(page, encoding="utf-8")
        (target / "book.css").write_text(_style(), encoding="utf-8")
        for picture in folder.iterdir():
            if picture.suffix.lower() in PICTURES and target.resolve() != folder.resolve():
                shutil.copyfile(picture, target / picture.name)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}.") from error
    return chapters


def _chapters(notebooks: dict[Path, Any]) -> Iterator[Chapter]:
    for number, (path, notebook) in enumerate(notebooks.items()):
        prose = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        lines = (line for text in prose for line in text.splitlines())
        title = next((line[2:].strip() for line in lines if line.startswith("# ")), path.stem)
        yield Chapter(path, f"{path.stem}.html" if number else "index.html", title)


def _page(chapters: list[Chapter], number: int, notebook: Any, title: str) -> str:
    from jinja2 import Environment, FileSystemLoader

    body = _body(notebook, {chapter.source.name: chapter.page for chapter in chapters})
    pages = Environment(loader=FileSystemLoader(PAGES), autoescape=True)
    rendered = pages.get_template("page.html")
    return rendered.render(
        title=title,
        chapters=chapters,
        here=chapters[number],
        before=chapters[number - 1] if number else None,
        after=chapters[number + 1] if number + 1 < len(chapters) else None,
        sections=list(_sections(body)),
        body=body,
    )


def _body(notebook: Any, pages: dict[str, str]) -> str:
    """The cells as HTML; links between chapters lead to their pages."""
    language = notebook.metadata.setdefault("language_info", {"name": "python"})
    if language.get("name") == "python":
        language["pygments_lexer"] = "ipython3"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda found: _link(found, pages), cell.source)
        elif lexer := _lexer(cell.source.partition("\n")[0]):
            cell.metadata["magics_language"] = lexer
    notebook.metadata.pop("widgets", None)  # a widget's picture of text stands for it
    body, _ = _exporter().from_notebook_node(notebook)
    return str(body)


def _exporter() -> Any:
    from nbconvert import HTMLExporter

    return HTMLExporter(template_name="basic")  # type: ignore[no-untyped-call]


def _link(found: re.Match[str], pages: dict[str, str]) -> str:
    begin, name, place, end = found.groups()
    return f"{begin}{pages.get(name, name)}{place or ''}{end}"


def _lexer(line: str) -> str:
    """The lexer for a cell that begins with this line; "" for Python's."""
    magic = line.split()[0] if line.startswith("%%") else ""
    if magic != "%%container":
        return {"%%image": "docker", "%%compose": "yaml", "%%ssh": "bash"}.get(magic, "")
    asked = AS.search(line)
    return LEXERS.get(asked[1] if asked else "sh", "text")


def _sections(body: str) -> Iterator[Section]:
    for anchor, title in HEADING.findall(body):
        yield Section(anchor, TAG.sub("", title))


def _style() -> str:
    from pygments.formatters import HtmlFormatter

    def code(style: str) -> str:
        formatter: Any = HtmlFormatter(style=style)
        return str(formatter.get_style_defs(".highlight"))

    own = (PAGES / "book.css").read_text(encoding="utf-8")
    return f"{code(LIGHT)}\n@media (prefers-color-scheme: dark) {{\n{code(DARK)}\n}}\n{own}"

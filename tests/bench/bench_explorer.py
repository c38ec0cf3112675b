"""The explorer of layers with 100,000 names in one folder, in JupyterLab in a real browser."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Page, sync_playwright

from container_magics.engine import command
from container_magics.engine.client import Engine
from tests.bench.turns import Row, say

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
from labpage import LabPage
from labserver import SETTINGS, serve, write_settings

NAMES = 100_000
OPEN_MS, FRAME_MS = 1000, 1000 / 30
MOST_REPEATS = 10
SPEC = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
CELL = f"""
from container_magics.core.layers import Entry, ImageLayers, Layer
from container_magics.core.layertree import merge
from container_magics.jupyter.explorer import Explorer
def entry(path, kind, size):
    return Entry(path, size, 0o644, kind, b"", 0, 0, 0.0)
entries = [entry(b"many", "dir", 0)]
entries += [entry(b"many/name%06d" % n, "file", n) for n in range({NAMES})]
layer = Layer("", "", "COPY many /many", None, sum(e.size_bytes for e in entries), tuple(entries))
Explorer(merge(ImageLayers("large", (layer,))), "large")
"""
# From the key to the frame in which the folder's names are drawn.
OPEN = """async (tree) => {
  const frame = () => new Promise(requestAnimationFrame);
  const begin = performance.now();
  tree.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
  while (tree.querySelectorAll('[aria-level="2"]').length < 10) await frame();
  return performance.now() - begin;
}"""
CLOSE = """async (tree) => {
  const frame = () => new Promise(requestAnimationFrame);
  tree.dispatchEvent(new KeyboardEvent("keydown", {key: "Home", bubbles: true}));
  while (!tree.querySelector('[data-index="0"]')) await frame();
  tree.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft", bubbles: true}));
  const shut = () => tree.querySelector('[data-index="0"]')?.ariaExpanded === "false";
  while (tree.querySelector('[aria-level="2"]') || !shut()) await frame();
}"""
# Three seconds of scrolling, some 20 rows a frame: milliseconds between frames, and whether the
# rows in sight are drawn in the end.
SCROLL = """async (tree) => {
  const frame = () => new Promise(requestAnimationFrame);
  const times = [];
  let before = await frame();
  const end = before + 3000;
  while (before < end) {
    tree.scrollTop += 520;
    const now = await frame();
    times.push(now - before);
    before = now;
  }
  const first = Math.ceil(tree.scrollTop / 26);
  while (!tree.querySelector(`[data-index="${first}"]`)) await frame();
  return [times, performance.now() - before];
}"""


def rows(engine: Engine, repeats: int) -> list[Row]:
    """The folder is opened and closed again and again, then scrolled as often."""
    repeats = min(repeats, MOST_REPEATS)
    with explorer(engine) as page:
        tree = page.locator(".cm-longlist")
        opened, frames, settled = list[float](), list[float](), list[float]()
        for _ in range(repeats):
            opened.append(tree.evaluate(OPEN))
            times, rest = tree.evaluate(SCROLL)
            frames += times
            settled.append(rest)
            tree.evaluate(CLOSE)
            say(".", end="")
    say("")
    return [
        row("a folder of 100,000 names is open", statistics.median(opened), OPEN_MS, "median"),
        row("scrolling it: a frame", quantile(frames, 0.99), FRAME_MS, f"99 % of {len(frames)}"),
        row("the longest frame", max(frames), FRAME_MS, ""),
        row("rows are drawn after the last frame", statistics.median(settled), None, "median"),
    ]


def quantile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def row(what: str, ours_ms: float, most_ms: float | None, of: str) -> Row:
    target = "" if most_ms is None else f"≤ {most_ms:.0f} ms"
    met = None if most_ms is None else ours_ms <= most_ms
    return Row(what, f"{ours_ms:.1f} ms", "", "", of, target, met)


@contextmanager
def explorer(engine: Engine) -> Iterator[Page]:
    """A page of JupyterLab that shows it."""
    program = command.find("chromium")
    assert program is not None, "this needs Chromium"
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as place, sync_playwright() as play:
        folder, home = Path(place, "notes"), Path(place, "home")
        folder.mkdir()
        home.mkdir()
        cells: list[Any] = [nbformat.v4.new_code_cell(CELL)]
        book = nbformat.v4.new_notebook(cells=cells, metadata=SPEC)
        nbformat.write(book, folder / "large.ipynb")
        write_settings(home, SETTINGS)
        words = ["--no-sandbox", "--headless", "--disable-gpu"]
        with (
            serve(folder, home, DOCKER_HOST=engine.endpoint.url) as server,
            play.chromium.launch(executable_path=str(program), args=words) as browser,
        ):
            notebook = LabPage(browser.new_page(), server, "large.ipynb")
            notebook.open()
            notebook.run_all()
            notebook.page.locator(".cm-longlist-row").first.wait_for(timeout=60_000)
            yield notebook.page

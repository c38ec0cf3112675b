"""The sidebar: from an event to the screen, JupyterLab's start, and the size of what is sent."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from tests.bench import dockercommand
from tests.bench.turns import Row, difference, in_turns, spread

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
from labserver import SETTINGS, Server, serve, write_settings

CONTAINERS = 200
LATEST_S, START_S, LARGEST_BYTES = 0.2, 0.1, 200_000
BUNDLE = Path(__file__).resolve().parents[2] / "container_magics" / "labextension" / "static"
NAME = "bench-sidebar"
CHROMIUM = ("--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking")
READY = '.lm-TabBar-tab[data-id="jp-running-sessions"]'
OURS = '.lm-TabBar-tab[data-id="container-magics-panel"]'
# Notes when a frame is drawn in which the container's row says another word.
WATCH = """name => {
    window.seen = [];
    const panel = document.getElementById("container-magics-panel");
    let before = "";
    new MutationObserver(() => requestAnimationFrame(() => {
        const rows = [...panel.querySelectorAll("[data-container]")];
        const row = rows.find(one => one.querySelector(".name").textContent === name);
        const now = row?.querySelector(".pale").textContent ?? "";
        if (now !== before) {
            before = now;
            setTimeout(() => window.seen.push([now, performance.timeOrigin + performance.now()]));
        }
    })).observe(panel, {childList: true, subtree: true, characterData: true});
}"""


def rows(engine: Engine, repeats: int) -> list[Row]:
    """Of this extension, in Chromium and a JupyterLab of its own."""
    path = f"/usr/bin{os.pathsep}{os.environ.get('PATH', '')}"
    program = shutil.which("chromium", path=path) or shutil.which("google-chrome", path=path)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=CHROMIUM) as browser,
    ):
        return [events(engine, browser, repeats), starts(browser, repeats), bundle()]


@contextmanager
def lab(*, extension: bool = True) -> Iterator[Server]:
    """A server of an empty folder, with or without our extension in its pages."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        home, work = Path(folder) / "home", Path(folder) / "work"
        work.mkdir()
        write_settings(home, SETTINGS)
        if not extension:
            page = home / "config" / "labconfig" / "page_config.json"
            page.parent.mkdir(parents=True)
            page.write_text(json.dumps({"disabledExtensions": {"container-magics": True}}))
        with serve(work, home) as server:
            yield server


def events(engine: Engine, browser: Browser, repeats: int) -> Row:
    """Starts and ends of one container among many; the time of each is the engine's own."""
    with many(engine) as name, lab() as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{server.url}lab?reset&token={server.token}", timeout=180_000)
        page.locator(OURS).click(timeout=180_000)
        page.locator(f"#container-magics-panel [aria-label='{name}']").wait_for(timeout=60_000)
        page.evaluate(WATCH, name)
        late_s = [one for _ in range(repeats) for one in start_and_end(engine, page, name)]
    at_95_s = statistics.quantiles(late_s, n=20, method="inclusive")[-1]
    return Row(
        f"an event on the screen, {CONTAINERS} containers there", spread(late_s), "", "",
        f"{at_95_s * 1e3:.0f} ms at the 95th percentile", f"≤ {LATEST_S * 1e3:.0f} ms",
        at_95_s <= LATEST_S,
    )  # fmt: skip


@contextmanager
def many(engine: Engine) -> Iterator[str]:
    """The name of one container; with it there are so many that run no program."""
    label, _, value = dockercommand.LABEL.partition("=")
    names = [NAME, *(f"{NAME}-{at}" for at in range(CONTAINERS - 1))]
    for name in names:
        engine.api.create_container(BASE, ["sleep", "600"], name=name, labels={label: value})
    try:
        yield NAME
    finally:
        for name in names:
            engine.api.remove_container(name, force=True)


def start_and_end(engine: Engine, page: Page, name: str) -> Iterator[float]:
    """Seconds from each of both events to the frame that shows it."""
    for act, action, word in (
        (partial(engine.api.start, name), "start", "running"),
        (partial(engine.api.kill, name), "die", "exited"),
    ):
        told = Told(engine, name, action)
        page.evaluate("window.seen.length = 0")
        act()
        page.wait_for_function(
            "word => seen.some(([text]) => text.startsWith(word))", arg=word, timeout=60_000
        )
        seen = page.evaluate("word => seen.find(([text]) => text.startsWith(word))[1]", word)
        yield seen / 1e3 - told.time_s()


class Told:
    """When the engine says that an event was."""

    def __init__(self, engine: Engine, name: str, action: str) -> None:
        filters = {"container": [name], "event": [action]}
        self._stream = engine.api.events(decode=True, filters=filters, since=int(time.time()) - 1)
        self._after_s = time.time()
        self._found: list[float] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        for event in self._stream:
            at_s = event["timeNano"] / 1e9
            if at_s >= self._after_s:
                self._found.append(at_s)
                self._stream.close()
                return

    def time_s(self) -> float:
        """Seconds from the Unix epoch."""
        self._thread.join(60)
        return self._found[0]


def starts(browser: Browser, repeats: int) -> Row:
    """From the address to the sidebars' tabs, with and without us; caches are warm."""
    with ExitStack() as opened:
        ways = {}
        for way, is_there in (("with", True), ("without", False)):
            server = opened.enter_context(lab(extension=is_there))
            context = opened.enter_context(browser.new_context())
            ways[way] = partial(start, context.new_page(), server, OURS if is_there else READY)
        found = in_turns(ways, max(4, repeats // 2))
    return difference(
        "JupyterLab's start, with the sidebar", found["with"], "without", found["without"], START_S
    )


def start(page: Page, server: Server, tab: str) -> float:
    """Seconds until both tabs that are there can be seen."""
    begin_s = time.perf_counter()
    page.goto(f"{server.url}lab?reset&token={server.token}", timeout=180_000)
    page.locator(READY).wait_for(timeout=180_000)
    page.locator(tab).wait_for(timeout=180_000)
    return time.perf_counter() - begin_s


def bundle() -> Row:
    """All of our JavaScript, also that which is loaded only when it is needed."""
    size = sum(path.stat().st_size for path in BUNDLE.glob("*.js"))
    return Row(
        "the extension's JavaScript, not compressed", f"{size / 1e3:.0f} kB", "", "",
        f"{size / 1e3:.0f} kB", f"< {LARGEST_BYTES / 1e3:.0f} kB", size < LARGEST_BYTES,
    )  # fmt: skip

"""Look at a JupyterLab of another environment, in a browser: is our extension alive in its page?

    python lookatlab.py FOLDER JUPYTER [PICTURE]

FOLDER is served by the program JUPYTER. The browser's driver is that of .venv. Used by
.ci/combination, since an extension that is listed as "enabled OK" may still not start in a page.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

MIME = "application/vnd.container-magics.v1+json"
TABLE = {
    "kind": "table",
    "columns": [{"name": "name", "align": "left"}],
    "rows": [["drawn by the extension"]],
    "caption": "",
    "empty": "none",
}
CELLS = [
    {"cell_type": "code", "id": "one", "metadata": {}, "execution_count": None, "outputs": [],
     "source": "%%image look:1\nFROM debian\nRUN true"},
    {"cell_type": "code", "id": "two", "metadata": {}, "execution_count": 1, "source": "1",
     "outputs": [{"output_type": "display_data", "metadata": {},
                  "data": {MIME: TABLE, "text/plain": "text alone"}}]},
]  # fmt: skip
NOTEBOOK = {"cells": CELLS, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
ARGUMENTS = ["--no-sandbox", "--headless", "--disable-gpu"]
START_S = 90.0


def main(folder: Path, jupyter: str, picture: str = "") -> None:
    expect.set_options(timeout=90_000)
    (folder / "look.ipynb").write_text(json.dumps(NOTEBOOK), encoding="utf-8")
    token, port = secrets.token_urlsafe(16), free_port()
    words = ["lab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    words += [f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}"]
    kinds = ("CONFIG", "DATA", "RUNTIME")  # nothing of ours goes to the user's own
    places = {f"JUPYTER_{kind}_DIR": str(folder.parent / kind.lower()) for kind in kinds}
    environment = {**os.environ, **places, "JUPYTER_TOKEN": token}
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen([jupyter, *words], env=environment, stdout=log, stderr=log)
    path = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        wait_for(port)
        with (
            sync_playwright() as playwright,
            playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as browser,
        ):
            page = browser.new_page(viewport={"width": 1180, "height": 800})
            page.goto(f"http://127.0.0.1:{port}/lab/tree/look.ipynb?reset&token={token}")
            try:
                look(page)
            finally:
                if picture:
                    page.screenshot(path=picture)
    finally:
        server.terminate()
        server.wait(30)


def look(page: Page) -> None:
    """Each of our parts once: renderer, languages, sidebar, status bar."""
    page.locator(".jp-Dialog button").filter(has_text="No Kernel").click(timeout=90_000)
    drawn = page.locator(".jp-Notebook .container-magics td.left")
    expect(drawn).to_have_text("drawn by the extension")
    cell = page.locator(".jp-Notebook .jp-Cell").first
    word = cell.locator(".cm-line span").filter(has_text="FROM").last
    expect(word).to_be_visible()
    expect(cell.get_by_role("toolbar", name="Image")).to_be_visible()
    expect(page.locator(".container-magics-status")).to_contain_text(
        re.compile("running|No engine")
    )
    page.locator('[data-id="container-magics-panel"]').click()
    panel = page.locator("#container-magics-panel")
    expect(panel).to_contain_text("Containers of this notebook")
    panel.get_by_text("Images", exact=True).click()
    expect(panel.get_by_role("list", name="Images").get_by_role("listitem").first).to_be_visible()
    print(
        "in a page: a saved view, a Dockerfile's colours and buttons, the sidebar, the status bar"
    )


def wait_for(port: int) -> None:
    limit_s = time.monotonic() + START_S
    while time.monotonic() < limit_s:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("JupyterLab does not start")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

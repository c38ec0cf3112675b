"""A browser, a JupyterLab of its own for each test, and proof that both leave nothing.

``CONTAINER_MAGICS_SCREENSHOTS=docs/images`` writes the README's pictures anew; without it
they go to the test's temporary folder, and a test run changes nothing in the work tree.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hostilebox import hostile as hostile  # a fixture, for two files
from labpage import LabPage
from labserver import SETTINGS, serve, write_settings
from playwright.sync_api import Browser, sync_playwright

from container_magics.engine.client import Engine
from container_magics.engine.ownership import NOTEBOOK
from container_magics.lab import copy_notebooks

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
CHROMIUM = (
    "--disable-3d-apis",  # else a terminal draws where no picture sees it
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


# For a module: Playwright holds an event loop, in which other tests' kernels could not run.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or Chrome; Playwright brings none of its own and fetches none."""
    path = f"/usr/bin{os.pathsep}{os.environ.get('PATH', '')}"
    program = shutil.which("chromium", path=path) or shutil.which("google-chrome", path=path)
    if program is None:
        pytest.fail(
            "The browser tests need Chromium (Debian: apt-get install chromium fonts-dejavu) or, "
            "where that is a snap, as on Ubuntu, Chrome (google-chrome)."
        )
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=CHROMIUM) as opened,
    ):
        yield opened


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The student's own copy of the course, as `make lab` makes it."""
    folder = tmp_path / "course"
    copy_notebooks(NOTEBOOKS, folder)
    return folder


@pytest.fixture
def open_lab(
    browser: Browser, engine: Engine, base: str, course: Path, tmp_path: Path
) -> Iterator[Callable[..., LabPage]]:
    """A function that serves the course and opens a notebook of it.

    Its ``theme`` is JupyterLab's name of one; other words are for the server's environment.
    After the test, server, kernels and page are ended, and no container may be left that a
    notebook of this course made.
    """
    home = tmp_path / "jupyter"
    home.mkdir()

    def open_one(notebook: str, theme: str = "JupyterLab Light", **variables: str) -> LabPage:
        write_settings(home, {**SETTINGS, "apputils-extension/themes": {"theme": theme}})
        # Kernels must not take pytest's environment for nbval's: nothing is masked here.
        variables = {"CONTAINER_MAGICS_STABLE": "0", **variables}
        server = stack.enter_context(serve(course, home, **variables))
        window = {"width": 1180, "height": 900}
        context = stack.enter_context(browser.new_context(viewport=window, device_scale_factor=1.5))
        page = LabPage(context.new_page(), server, notebook)
        page.open()
        return page

    with ExitStack() as stack:
        yield open_one
    left = made_by(engine, course)
    for container in left:
        engine.api.remove_container(container, force=True, v=True)
    assert not left


def made_by(engine: Engine, course: Path) -> list[str]:
    """Names of the containers that notebooks in ``course`` made."""
    found = engine.api.containers(all=True, filters={"label": [NOTEBOOK]})
    return [
        container["Names"][0]
        for container in found
        if container["Labels"][NOTEBOOK].startswith(str(course))
    ]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where this test's pictures go."""
    return Path(os.environ.get("CONTAINER_MAGICS_SCREENSHOTS") or tmp_path / "pictures")

"""A plugin of pytest: each of xdist's workers has an engine, and a state folder, of its own.

``tests/run.py`` starts the engines, and names their state folders in the variable STATES. So
tests that look at all that an engine has may run side by side. After each file of tests a worker
notes which images are new on its engine, so that one that stays can be laid at a door.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a plugin is read before pytest adds it
from leftovers import image_names
from secondlook import note

from container_magics.engine.statedir import STATE_VARIABLE, Places

STATES = "CONTAINER_MAGICS_TEST_STATES"
SLOWEST = (
    "test_faults.py",
    "test_course.py",
    "test_face.py",
    "test_build.py",
    "test_class.py",
    "test_context.py",
    "test_build_again.py",
    "test_build_debug.py",
    "test_provisioner.py",
    "test_container_kernel.py",
    "test_private.py",
)
"""They come first, and the short ones of tests/unit last: so none keeps one worker alone at the
end. With --no-loadscope-reorder, xdist gives the files out in this order."""
WORKER = "PYTEST_XDIST_WORKER"
SEEN = "images-seen.json"
"""In a worker's state folder: image name -> the file of tests after which it was first there."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Turn a worker, and with it all that it starts, to its own engine."""
    states, worker = os.environ.get(STATES, ""), os.environ.get(WORKER, "")
    if states and worker:
        state = Path(states.split(os.pathsep)[int(worker.removeprefix("gw"))])
        os.environ[STATE_VARIABLE] = str(state)
        os.environ["DOCKER_HOST"] = Places(state).url


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first and the unit tests last, all else in its order between them."""
    ranks = {name: rank for rank, name in enumerate(SLOWEST)}
    items.sort(
        key=lambda item: (
            item.path.parent.name == "unit",
            ranks.get(item.path.name, len(ranks)),
        )
    )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what failed; of xdist's processes the one that hears of all."""
    if report.failed and not os.environ.get(WORKER):
        note(report.nodeid)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """At the end of a file of tests, note the images that are new."""
    yield
    state = os.environ.get(STATE_VARIABLE, "")
    if state and (nextitem is None or nextitem.path != item.path):
        with suppress(docker.errors.DockerException, OSError):  # a test may have ended the engine
            note_images(Path(state), str(item.path))


def note_images(state: Path, test_file: str) -> None:
    api = docker.APIClient(os.environ["DOCKER_HOST"])
    try:
        there = {name for image in api.images() for name in image_names(image)}
    finally:
        api.close()
    seen = images_seen(state)
    kept = {name: file for name, file in seen.items() if name in there}
    notes = dict.fromkeys(there, test_file) | kept
    (state / SEEN).write_text(json.dumps(notes), encoding="utf-8")


def images_seen(state: Path) -> dict[str, str]:
    """What was noted; empty where nothing was."""
    with suppress(FileNotFoundError):
        seen: dict[str, str] = json.loads((state / SEEN).read_text(encoding="utf-8"))
        return seen
    return {}

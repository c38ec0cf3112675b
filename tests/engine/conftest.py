"""The engines that builds are tried on: the suite's own, a newer one with either store, Podman."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from buildbench import CLASSIC, Bench
from otherengines import give_image, newer_engine
from podmanengine import podman_engine

from container_magics.engine import command
from container_magics.engine.client import Engine

STATE = Path(__file__).resolve().parents[2] / ".state"
OTHERS = ("newer", "newer-containerd")


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A folder that other users may enter: pytest's are closed to them."""
    ours = Path(tempfile.gettempdir())
    for folder in (tmp_path, *tmp_path.parents):
        if folder == ours:
            break
        folder.chmod(0o755)
    return tmp_path


@pytest.fixture(scope="session")
def newer(as_root: None, engine: Engine, base: str) -> Iterator[Engine]:
    """A newer Docker with the overlay2 graph driver, and the base image in it."""
    with newer_engine(STATE, "overlay2") as found:
        give_image(engine, found, base)
        yield found


@pytest.fixture(scope="session")
def newer_containerd(as_root: None, engine: Engine, base: str) -> Iterator[Engine]:
    """A newer Docker with containerd's image store, and the base image in it."""
    with newer_engine(STATE, "containerd") as found:
        give_image(engine, found, base)
        yield found


@pytest.fixture(scope="session")
def podman(as_root: None, engine: Engine, base: str) -> Iterator[Engine]:
    """Podman, rootless, and the base image in it."""
    if command.find("podman") is None and not command.can_install():
        pytest.skip("needs Podman")
    with podman_engine(STATE) as found:
        give_image(engine, found, base)
        yield found


@pytest.fixture(params=["own", *OTHERS, "podman"])
def builder(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn. CONTAINER_MAGICS_BUILDERS=own,newer narrows the choice."""
    return chosen(request)


@pytest.fixture(params=["own", *OTHERS])
def docker_builder(request: pytest.FixtureRequest) -> Engine:
    """Each Docker in turn, for what Podman is refused or has no word for (docs/engines.md)."""
    return chosen(request)


def chosen(request: pytest.FixtureRequest) -> Engine:
    """The engine of a fixture's parameter."""
    name = str(request.param)
    wanted = os.environ.get("CONTAINER_MAGICS_BUILDERS")
    if wanted and name not in wanted.split(","):
        pytest.skip("not among CONTAINER_MAGICS_BUILDERS")
    fixture = {"own": "engine"}.get(name, name.replace("-", "_"))
    found: Engine = request.getfixturevalue(fixture)
    return found


@pytest.fixture
def bench(request: pytest.FixtureRequest, builder: Engine, base: str) -> Iterator[Bench]:
    asked = getattr(request.node, "callspec", None)
    made = Bench(builder, base)
    if made.podman and asked and asked.params.get("version") == CLASSIC:
        pytest.skip("Podman has one builder only")
    yield made
    made.remove()

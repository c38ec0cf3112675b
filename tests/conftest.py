"""What every test may ask for: a real engine, the base image, and proof that nothing is left."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator

import pytest
from leftovers import Inventory, left_over, take_inventory
from swarmnodes import ground as ground
from swarmnodes import new_course as new_course
from swarmnodes import six as six

from container_magics.engine.base import ensure_base
from container_magics.engine.client import Engine, connect
from container_magics.engine.layercache import CACHE_VARIABLE

SETTLE_S = 60.0
"""How long a container may take to go whose program has ended."""


@pytest.fixture(scope="session", autouse=True)
def own_cache() -> Iterator[None]:
    """What is kept of layers is not the user's own, where `make test` has not seen to it."""
    if CACHE_VARIABLE in os.environ:
        yield
        return
    with (
        tempfile.TemporaryDirectory(prefix="cm-test-cache-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv(CACHE_VARIABLE, folder)
        yield


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine that this user has; a test that needs one fails where none answers."""
    found = connect()
    yield found
    found.close()


@pytest.fixture(scope="session")
def as_root() -> None:
    """For what only root can do: namespaces, other users, a dockerd of the test's own. Others
    skip it, and pytest's last lines say so; continuous integration is root."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes namespaces, another user, or an engine of its own")


@pytest.fixture(scope="session")
def base(engine: Engine) -> str:
    """The name of the course's base image, made now if it was never made."""
    return ensure_base(engine, print)


@pytest.fixture
def nothing_left(engine: Engine) -> Iterator[Inventory]:
    """Fail when the test leaves a container, network, volume or image with our label."""
    before = take_inventory(engine.api)
    yield before
    limit_s = time.monotonic() + SETTLE_S
    while left := left_over(before, take_inventory(engine.api)):
        assert time.monotonic() < limit_s, left
        time.sleep(0.1)

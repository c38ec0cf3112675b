"""A plugin of pytest: each of xdist's workers has an engine, and a state folder, of its own.

``tests/run.py`` starts the engines, and names their state folders in the variable STATES. So
tests that look at all that an engine has may run side by side.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from container_magics.engine.statedir import STATE_VARIABLE, Places

STATES = "CONTAINER_MAGICS_TEST_STATES"
SLOWEST = "test_faults.py"
"""It begins first: else one worker ends with it alone, minutes after the other."""
WORKER = "PYTEST_XDIST_WORKER"


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Turn a worker, and with it all that it starts, to its own engine."""
    states, worker = os.environ.get(STATES, ""), os.environ.get(WORKER, "")
    if states and worker:
        state = Path(states.split(os.pathsep)[int(worker.removeprefix("gw"))])
        os.environ[STATE_VARIABLE] = str(state)
        os.environ["DOCKER_HOST"] = Places(state).url


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest file first; all else in its order."""
    items.sort(key=lambda item: item.path.name != SLOWEST)

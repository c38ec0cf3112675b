"""Wait for what no reader can know of: containers of cells that are done, and spares."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from container_magics.engine import containers
from container_magics.errors import Conflict, EngineRefused, NameTaken
from container_magics.jupyter.workbench import Workbench

T = TypeVar("T")
DEPART_S = 20.0
"""How long a container that has ended may take to be removed."""


def unhindered(bench: Workbench, remove: Callable[[], T]) -> T:
    """What ``remove`` gives; it takes an image, a network or a volume away that no container
    may need any more.

    A cell ends with its program, some 50 ms before the engine has removed its container. While
    one is on its way, a refusal (but NameTaken) is no answer yet. Spares are given up.
    """
    bench.drop_spares(wait=True)
    limit_s = time.monotonic() + DEPART_S
    while True:
        mine = containers.listed(bench.engine, bench.owner, mine=True)
        departing = any(facts.container_id in bench.departing for facts in mine)
        try:
            return remove()
        except NameTaken:
            raise
        except (Conflict, EngineRefused):
            if not departing or time.monotonic() > limit_s:
                raise
            time.sleep(0.02)

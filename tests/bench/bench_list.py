"""%containers where there are 200 of them, against ``docker ps``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from tests.bench import dockercommand
from tests.bench.kernel import OURS, kernel
from tests.bench.turns import Row, in_turns, within

CONTAINERS = 200
AT_MOST_S = 0.5


def rows(engine: Engine, repeats: int) -> list[Row]:
    """Until the table is shown, and until the command has returned."""
    with containers(engine), kernel(OURS, engine.endpoint.url) as cells:
        samples = in_turns(
            {
                "docker": lambda: dockercommand.timed(engine, "ps", "--all"),
                "ours": lambda: cells.run("%containers --all"),
            },
            repeats,
        )
    return [
        within(
            f"`%containers --all`, {CONTAINERS} containers", samples["ours"],
            "`docker ps --all`", samples["docker"], AT_MOST_S,
        )
    ]  # fmt: skip


@contextmanager
def containers(engine: Engine) -> Iterator[None]:
    """CONTAINERS that were made, and never started, while the block runs."""
    label, _, number = dockercommand.LABEL.partition("=")
    made = []
    try:
        for _ in range(CONTAINERS):
            one = engine.api.create_container(BASE, ["true"], labels={label: number})
            made.append(one["Id"])
        yield
    finally:
        for container_id in made:
            engine.api.remove_container(container_id, force=True)

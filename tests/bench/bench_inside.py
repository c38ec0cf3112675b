"""%%container --in a running container, against ``docker exec``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from tests.bench import dockercommand
from tests.bench.kernel import OURS, kernel
from tests.bench.turns import Row, in_turns, quotient

AT_MOST = 0.80


def rows(engine: Engine, repeats: int) -> list[Row]:
    """Until the cell is done, and until the command has returned."""
    with running(engine) as name, kernel(OURS, engine.endpoint.url) as cells:
        cell = f"%%container --in {name}\ntrue"
        samples = in_turns(
            {
                "docker": lambda: dockercommand.timed(engine, "exec", name, "true"),
                "ours": lambda: cells.run(cell),
            },
            repeats,
        )
    return [
        quotient(
            "`%%container --in NAME`, cell `true`", samples["ours"],
            "`docker exec NAME true`", samples["docker"], AT_MOST,
        )
    ]  # fmt: skip


@contextmanager
def running(engine: Engine) -> Iterator[str]:
    """The name of a container that does nothing, while the block runs."""
    label, _, number = dockercommand.LABEL.partition("=")
    made = engine.api.create_container(
        BASE, ["sleep", "infinity"], name=f"cm-bench-{number}", labels={label: number}
    )
    try:
        engine.api.start(made["Id"])
        yield f"cm-bench-{number}"
    finally:
        engine.api.remove_container(made["Id"], force=True)

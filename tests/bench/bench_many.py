"""Ten cells at once in ten kernels, against ten docker commands at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from tests.bench import dockercommand
from tests.bench.kernel import OURS, kernel
from tests.bench.turns import Row, in_turns, quotient

MANY = 10
CELL = f"%%container {BASE}\necho done"
AT_MOST = 1.10


def rows(engine: Engine, repeats: int) -> list[Row]:
    """Until the last of ten is done; a cell or command that fails is an error."""
    few = max(2, repeats // 4)
    with ExitStack() as opened, ThreadPoolExecutor(MANY) as threads:
        kernels = [
            opened.enter_context(kernel(OURS, engine.endpoint.url, CONTAINER_MAGICS_SPARES="0"))
            for _ in range(MANY)
        ]

        def all_at_once(ways: Sequence[Callable[[], float]]) -> float:
            start = time.perf_counter()
            list(threads.map(lambda way: way(), ways))
            return time.perf_counter() - start

        label = ("--label", dockercommand.LABEL)
        command = ("run", "--rm", *label, BASE, "echo", "done")
        theirs = [lambda: dockercommand.timed(engine, *command)] * MANY
        ours = [lambda cells=cells: cells.run(CELL) for cells in kernels]
        samples = in_turns(
            {"docker": lambda: all_at_once(theirs), "ours": lambda: all_at_once(ours)}, few
        )
    return [
        quotient(
            "ten cells at once, in ten kernels", samples["ours"],
            "ten of `docker run --rm IMAGE echo done` at once", samples["docker"], AT_MOST,
        )
    ]  # fmt: skip

"""100 MB of output: to a variable, against ``docker run > file``; and the stop button meanwhile."""

from __future__ import annotations

import statistics
import tempfile
import time

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from tests.bench import dockercommand
from tests.bench.kernel import OURS, Kernel, kernel
from tests.bench.turns import Row, in_turns, quotient, spread

SIZE_BYTES = 100_000_000
LINES = f"yes 'a line of output, as programs write them' | head -c {SIZE_BYTES}"
FLOOD = "yes 'a line of output, as programs write them'"
AT_MOST = 1.25
"""0.8 of the throughput."""
STOP_AT_MOST_S = 1.0
FLOWING_S = 0.5


def rows(engine: Engine, repeats: int) -> list[Row]:
    """Until the cell is done and the variable has it all, and until the command has ended; and
    from the stop button to the idle status of a cell that writes without end."""
    few = max(2, repeats // 4)  # each is a second or two
    with kernel(OURS, engine.endpoint.url, CONTAINER_MAGICS_SPARES="0") as cells:
        cells.run(f"%%container {BASE} --out text\n{LINES}")
        cells.run(f"assert len(text) == {SIZE_BYTES}, len(text)")
        samples = in_turns(
            {
                "docker": lambda: to_file(engine),
                "ours": lambda: cells.run(f"%%container {BASE} --out text\n{LINES}"),
            },
            few,
        )
        stops = [stopped(cells) for _ in range(few)]
    return [
        quotient(
            "`%%container IMAGE --out VAR`, 100 MB of lines", samples["ours"],
            "`docker run --rm IMAGE … > file`", samples["docker"], AT_MOST,
        ),
        Row(
            "stop button while output without end flows to the cell", spread(stops), "", "",
            f"{max(stops):.2f} s at most", f"≤ {STOP_AT_MOST_S:.0f} s",
            statistics.median(stops) <= STOP_AT_MOST_S and max(stops) <= STOP_AT_MOST_S,
        ),
    ]  # fmt: skip


def to_file(engine: Engine) -> float:
    """Seconds of the docker command, its output to a file."""
    with tempfile.TemporaryFile() as out:
        label = ("--label", dockercommand.LABEL)
        took_s = dockercommand.timed(
            engine, "run", "--rm", *label, BASE, "sh", "-c", LINES, out=out.fileno()
        )
        if out.seek(0, 2) != SIZE_BYTES:
            raise RuntimeError("the docker command lost some of the output")
        return took_s


def stopped(cells: Kernel) -> float:
    """Seconds from the stop button to the idle status."""
    message_id = cells.client.execute(f"%%container {BASE}\n{FLOOD}", allow_stdin=False)
    cells.wait_for(message_id, "stream")
    time.sleep(FLOWING_S)
    start = time.perf_counter()
    cells.manager.interrupt_kernel()
    cells.wait_for(message_id, "idle")
    took_s = time.perf_counter() - start
    cells.client.get_shell_msg(timeout=10)
    return took_s

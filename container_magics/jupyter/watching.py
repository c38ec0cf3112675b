"""%container logs, wait and stats: what one looks at while a container runs."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Generator
from contextlib import closing

from container_magics.core.events import Output, Stream
from container_magics.core.usage import Usage
from container_magics.core.waits import EXIT, moment
from container_magics.engine import logs as engine_logs
from container_magics.engine.stats import stats as sampled
from container_magics.jupyter.listing import Listing
from container_magics.jupyter.outlet import outlet_of
from container_magics.jupyter.publish import CellPublisher, show
from container_magics.jupyter.usagewatch import UsageWatch
from container_magics.jupyter.workbench import Workbench
from container_magics.session.following import follow
from container_magics.session.waiting import TIMEOUT_S, wait_each
from container_magics.view.present import life


def logs(bench: Workbench, name: str, words: Namespace) -> None:
    """What a container wrote, or writes: with ``follow`` the stop button ends the looking."""
    since_ns = round(moment(words.since, time.time()) * 1e9) if words.since else 0
    if not words.follow:
        written(bench, engine_logs.logs(bench.engine, name, tail=words.tail, since_ns=since_ns))
        return
    story = follow(
        bench.engine,
        name,
        tail=words.tail,
        since_ns=since_ns,
        until=words.until,
        timeout_s=words.timeout,
    )
    try:
        written(bench, story)
    except KeyboardInterrupt:
        show(life.detached(name))


def written(bench: Workbench, outputs: Generator[Output, None, object]) -> None:
    """Write a log into the cell as it comes, up to the cell's limit.

    The kernel sends each of its two streams when it finds the time: so that they are seen in
    the log's order, one is sent before the other is written to.
    """
    publisher = CellPublisher(stable=bench.stable, limit_bytes=bench.output_limit_bytes)
    before: Stream = "stdout"
    try:
        with closing(outputs) as log:
            for output in log:
                if output.stream != before and not publisher.hidden_bytes:
                    (sys.stdout if before == "stdout" else sys.stderr).flush()
                before = output.stream
                publisher.write(output.stream, output.data)
    finally:
        publisher.finish()
        if publisher.hidden_bytes:
            show(life.cut(publisher.hidden_bytes))


def wait(bench: Workbench, names: list[str], words: Namespace) -> int | list[int] | None:
    """Wait for one container after the other, all within the time; returns the exit status where
    that was waited for, a list of them for several containers."""
    statuses: list[int] = []
    wanted, timeout_s = words.conditions or (EXIT,), words.timeout or TIMEOUT_S
    for name, met in wait_each(bench.engine, names, wanted, timeout_s=timeout_s):
        show(life.met(name, met.condition, exit_status=met.exit_status, line=met.line))
        if met.exit_status is not None:
            statuses.append(met.exit_status)
    if len(names) == 1:
        return statuses[0] if statuses else None
    return statuses or None


def stats(bench: Workbench, names: list[str], *, watch: bool = False) -> Listing | None:
    """What containers use now; with ``watch``, where there is a kernel, what they use from now on.

    A second such cell ends the first. In stable mode it is the table as without.
    """
    outlet = outlet_of(bench.shell) if watch and not bench.stable else None
    if outlet is not None:
        bench.background.look(lambda: UsageWatch(bench.engine, names, outlet))
        return None
    found = sampled(bench.engine, names)
    machine_bytes = bench.engine.facts().memory_bytes
    view = life.usage(found, machine_bytes=machine_bytes, stable=bench.stable)
    return Listing(found, view, Usage)

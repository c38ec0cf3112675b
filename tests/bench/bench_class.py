"""A class on a swarm of three nodes of this machine, beside boxes in a row on one engine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from container_magics.classroom import Classroom, classroom
from container_magics.engine.base import ensure_base
from container_magics.engine.client import Engine
from container_magics.engine.nsdoor import way_in
from container_magics.engine.ownership import owner
from container_magics.engine.privateswarm import PrivateSwarm, give_image, private_swarm
from container_magics.practice import boxspec, sshbox
from container_magics.session.build import build
from container_magics.session.sweep import end_session
from tests.bench.turns import Costs, Row, say

CROWDS = (10, 20, 40, 70, 100)
"""A class grows to so many."""
ROW = 30
FEW, QUICK_CROWDS, QUICK_ROW = 5, (3, 6, 9), 6
"""Of fewer samples than FEW a quick look is asked for: the same with fewer boxes."""
PORT = 2222
AT_MOST, STATUS_S = 0.4, 2.0
FLAT = 1.5
"""The dearest step may cost so much more for each box than the cheapest."""


def rows(engine: Engine, repeats: int) -> list[Row]:
    """Once each: a class of a hundred takes minutes."""
    row, crowds = (QUICK_ROW, QUICK_CROWDS) if repeats < FEW else (ROW, CROWDS)
    prepare(engine)
    alone_s = in_a_row(engine, row)
    say(f"{row} boxes in a row: {alone_s:.1f} s")
    with private_swarm() as swarm, tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        give_image(engine, [node.engine for node in swarm.nodes], boxspec.IMAGE)
        with way_in(swarm.manager.space.pid, PORT) as outer:
            class_s = once(swarm, Path(folder), outer, row)
            say(f"{row} boxes on three nodes: {class_s:.1f} s")
            first = Row(
                f"a class of {row} on three nodes, to the last first login", f"{class_s:.1f} s",
                f"{row} of `%sshbox` in a row on one engine", f"{alone_s:.1f} s",
                f"× {class_s / alone_s:.2f}", f"≤ {AT_MOST:.2f}", class_s / alone_s <= AT_MOST,
            )  # fmt: skip
            return [first, *growing(swarm, Path(folder), outer, crowds)]


def prepare(engine: Engine) -> None:
    """The box's image."""
    ensure_base(engine, say)
    if not boxspec.image_is_here(engine):
        for _ in build(engine, boxspec.recipe()[0]):
            pass


def in_a_row(engine: Engine, count: int) -> float:
    """Seconds until the last of so many boxes that are started one after the other."""
    me = replace(owner(), session=f"{owner().session} row")
    begun = time.perf_counter()
    try:
        for number in range(count):
            sshbox.start(engine, me, f"cm-row-{number}", replacing=False)
            sshbox.ready(engine, me, f"cm-row-{number}")
        return time.perf_counter() - begun
    finally:
        end_session(engine, me)
        for number in range(count):
            with suppress(OSError):
                boxspec.keys().remove(f"cm-row-{number}")


@contextmanager
def room(swarm: PrivateSwarm, folder: Path, outer: int, number: int) -> Iterator[Classroom]:
    """A class of so many; it stays."""
    yield classroom(
        "bench", [f"student-{n:03}" for n in range(number)],
        engine=swarm.manager.engine, nodes=[node.engine for node in swarm.nodes[1:]],
        publish=f"127.0.0.1:{PORT}", door=f"127.0.0.1:{outer}", folder=folder / "class",
        idle="0",
    )  # fmt: skip


def once(swarm: PrivateSwarm, folder: Path, outer: int, number: int) -> float:
    """Seconds until the last student's first login; the class is gone afterwards."""
    with room(swarm, folder, outer, number) as made:
        begun = time.perf_counter()
        try:
            made.start().expect()
            return time.perf_counter() - begun
        finally:
            made.stop()


def growing(swarm: PrivateSwarm, folder: Path, outer: int, crowds: Sequence[int]) -> list[Row]:
    """What each further box costs, in time and in memory, and what a look at all costs."""
    found, each, before, used = list[Row](), list[float](), 0, memory_bytes(swarm)
    for number in crowds:
        with room(swarm, folder, outer, number) as made:
            begun = time.perf_counter()
            made.start().expect()
            took_s = time.perf_counter() - begun
        new, now = number - before, memory_bytes(swarm)
        each.append(took_s / new)
        more = (now - used) / new / 1e6
        say(f"{before} to {number}: {each[-1]:.2f} s and {more:.0f} MB for each")
        found.append(
            Row(f"the class grows from {before} to {number}", f"{took_s:.1f} s", "", "",
                f"{each[-1]:.2f} s and {more:.0f} MB a box",
                costs=Costs(number, each[-1], more))
        )  # fmt: skip
        before, used = number, now
    flat = max(each) / min(each)
    found.append(
        Row("… the dearest box against the cheapest", "", "", "", f"× {flat:.2f}", f"≤ {FLAT}",
            flat <= FLAT)
    )  # fmt: skip
    try:
        begun = time.perf_counter()
        seen = made.status()
        took_s = time.perf_counter() - begun
        assert seen.running == number
        found.append(
            Row(f"`status` of {number} students", f"{took_s * 1e3:.0f} ms", "", "",
                "4 calls of the API", f"≤ {STATUS_S:.0f} s", took_s <= STATUS_S)
        )  # fmt: skip
    finally:
        begun = time.perf_counter()
        made.stop()
    found.append(Row(f"`stop` of {number}", f"{time.perf_counter() - begun:.1f} s", "", "", ""))
    return found


def memory_bytes(swarm: PrivateSwarm) -> int:
    """The memory of all that runs in the nodes: engines, shims, boxes. Each page once
    (/proc/PID/smaps_rollup, "Pss")."""
    total = 0
    for node in swarm.nodes:
        for process in psutil.Process(node.space.pid).children(recursive=True):
            with suppress(OSError):
                for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
    return total

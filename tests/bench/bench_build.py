"""%%image, against ``docker build`` by BuildKit: from the cache, three stages, a large context; and
how long a line that a step prints takes to the screen."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from tests.bench import dockercommand
from tests.bench.dockercommand import LABEL
from tests.bench.kernel import OURS, Kernel, kernel
from tests.bench.turns import Row, in_turns, peak, quotient, say, spread

TAG = f"cm-bench-build-{os.getpid()}"
CACHED_AT_MOST = STAGES_AT_MOST = 1.0
CONTEXT_AT_MOST = 1.2
MEMORY_BYTES = 100_000_000
SCREEN_AT_MOST_S = 0.1
FILES, FILE_BYTES = 20_000, 25_000
Sample = tuple[float, int]
"""Seconds, and bytes of memory."""
LINES = 200

SIMPLE = f"""FROM {BASE}
LABEL {LABEL}
WORKDIR /app
COPY . .
RUN cat one two > three
RUN sort three > four
ENV MODE=fast
CMD ["cat", "four"]
"""
STAGES = f"""FROM {BASE} AS one
ARG NONCE
LABEL {LABEL}
RUN echo $NONCE 1 > /out; head -c 50000000 /dev/zero | sha256sum >> /out
FROM {BASE} AS two
ARG NONCE
RUN echo $NONCE 2 > /out; head -c 50000000 /dev/zero | sha256sum >> /out
FROM {BASE}
LABEL {LABEL}
COPY --from=one /out /1
COPY --from=two /out /2
RUN cat /1 /2 > /3
"""
COPY_ALL = f"FROM scratch\nLABEL {LABEL}\nCOPY . /all\n"
# Lines that come in fits and starts, as those of a compiler do.
TALKING = f"""FROM {BASE}
LABEL {LABEL}
ARG NONCE
RUN echo $NONCE; for n in $(seq 1 {LINES}); do echo line=$n.; sleep 0.$((n % 4))$((n % 7)); done
"""
# Put into the kernel before its first build: what the engine says of when a line was printed.
TAP = """
import base64
from container_magics.core.protowire import fields
from container_magics.engine import buildstream as _build
_told, _events = {}, _build.trace_events
def _tapped(aux):
    for number, log in fields(base64.b64decode(aux)):
        found = dict(fields(log)) if number == 3 else {}
        if b"line=" in found.get(4, b""):
            when = dict(fields(found[2]))
            time_s = when.get(1, 0) + when.get(2, 0) / 1e9
            for line in found[4].decode().split():
                if line.startswith("line="):
                    _told[int(line[5:-1])] = time_s
    return _events(aux)
_build.trace_events = _tapped
"""


def rows(engine: Engine, repeats: int) -> list[Row]:
    """All in kernels of their own; the command with its own start, as a user would have it."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as name:
        folder = Path(name)
        with kernel(OURS, engine.endpoint.url) as cells:
            found = [
                cached(engine, cells, folder / "small", repeats),
                stages(engine, cells, folder, repeats),
            ]
        found += context(engine, folder, max(2, repeats // 4))
        with kernel(OURS, engine.endpoint.url) as cells:
            found.append(screen(cells))
        return found


def docker_build(engine: Engine, folder: Path, text: str, *flags: str) -> float:
    """Seconds of the docker command; the Dockerfile is beside the folder, not in it."""
    dockerfile = folder.parent / "Dockerfile"
    dockerfile.write_text(text)
    words = ("build", "-t", TAG, "-f", str(dockerfile), *flags, str(folder))
    return dockercommand.timed(engine, *words, DOCKER_BUILDKIT="1")


def cached(engine: Engine, cells: Kernel, folder: Path, repeats: int) -> Row:
    """A build that has nothing to do."""
    folder.mkdir()
    for name in ("one", "two"):
        (folder / name).write_text(f"{name}\n")
    cell = f"%%image {TAG} --context {folder}\n{SIMPLE}"
    samples = in_turns(
        {
            "docker": lambda: docker_build(engine, folder, SIMPLE),
            "ours": lambda: cells.run(cell),
        },
        repeats,
    )
    return quotient(
        "`%%image`, all from the cache", samples["ours"],
        "`docker build`", samples["docker"], CACHED_AT_MOST,
    )  # fmt: skip


def stages(engine: Engine, cells: Kernel, folder: Path, repeats: int) -> Row:
    """Two stages that do not wait for each other, and a third; every one of them is run."""
    empty = folder / "empty"
    empty.mkdir()
    nonces = (f"{os.getpid()}-{number}" for number in itertools.count())
    samples = in_turns(
        {
            "docker": lambda: docker_build(
                engine, empty, STAGES, "--build-arg", f"NONCE={next(nonces)}"
            ),
            "ours": lambda: cells.run(f"%%image {TAG} --build-arg NONCE={next(nonces)}\n{STAGES}"),
        },
        repeats,
    )
    return quotient(
        "… three stages, two of them at once", samples["ours"],
        "`docker build`", samples["docker"], STAGES_AT_MOST,
    )  # fmt: skip


def context(engine: Engine, folder: Path, repeats: int) -> list[Row]:
    """The first build of a large folder. Each sample has a kernel of its own, and the folder has
    a new name, by which the engine knows nothing of it."""
    make_files(folder / "large")
    home = folder / "large"

    def renamed() -> Path:
        nonlocal home
        home = home.rename(folder / f"large{next(numbers)}")
        return home

    def theirs() -> Sample:
        return docker_build(engine, renamed(), COPY_ALL, "--no-cache"), 0

    def ours() -> Sample:
        where = renamed()
        with kernel(OURS, engine.endpoint.url) as cells:
            before_bytes = cells.peak_bytes
            took_s = cells.run(f"%%image {TAG} --no-cache --context {where}\n{COPY_ALL}")
            return took_s, cells.peak_bytes - before_bytes

    numbers = itertools.count()
    with forgotten(engine) as forget:
        ways = {"docker": then(theirs, forget), "ours": then(ours, forget)}
        samples = in_turns(ways, repeats)
    times, peaks_bytes = zip(*samples["ours"], strict=True)
    size_mb = FILES * FILE_BYTES / 1e6
    return [
        quotient(
            f"… first build of a context of {size_mb:.0f} MB, {FILES:,} files", times,
            "`docker build`", [seconds for seconds, _ in samples["docker"]], CONTEXT_AT_MOST,
        ),
        peak("… greatest memory of the kernel, above its start", peaks_bytes, MEMORY_BYTES),
    ]  # fmt: skip


def then(
    way: Callable[[], tuple[float, int]], after: Callable[[], None]
) -> Callable[[], tuple[float, int]]:
    """The same, and something after it that is not timed."""

    def both() -> Sample:
        found = way()
        after()
        return found

    return both


def make_files(folder: Path) -> None:
    """Files in folders of 50, none like another."""
    say("making a large context")
    block = random.Random(1).randbytes(1 << 20)
    for number in range(FILES):
        where = folder / f"part{number // 1000}" / f"package{number // 50}"
        where.mkdir(parents=True, exist_ok=True)
        start = number % 997 * 1000
        data = number.to_bytes(4, "big") + block[start : start + FILE_BYTES - 4]
        (where / f"module{number}.bin").write_bytes(data)


@contextmanager
def forgotten(engine: Engine) -> Iterator[Callable[[], None]]:
    """What takes the large contexts and their layers out of the builder's cache: those records
    that were not there before, each by its ID. What another has is left alone."""
    before = {one["ID"] for one in large_records(engine)}

    def forget() -> None:
        for image in engine.api.images(filters={"label": LABEL}):
            engine.api.remove_image(image["Id"], force=True)
        for _ in range(2):  # a record goes after those that were made from it
            for one in large_records(engine):
                if one["ID"] not in before:
                    asked = {"all": "1", "filters": json.dumps({"id": [one["ID"]]})}
                    engine.request("POST", "/build/prune", params=asked, timeout_s=60)

    try:
        yield forget
    finally:
        forget()


def large_records(engine: Engine) -> list[dict[str, object]]:
    """The records of the builder's cache that hold a large context, or the copy of one."""
    found = engine.api.df()["BuildCache"] or []
    return [one for one in found if one["Size"] > FILES * FILE_BYTES * 0.9]


def screen(cells: Kernel) -> Row:
    """From the time that the engine gives a line to the message of the kernel that shows it, or a
    later one in its place. Both are by this machine's clock."""
    cells.run(TAP)
    cell = f"%%image {TAG} --build-arg NONCE={os.getpid()}\n{TALKING}"
    shown = cells.lines_shown(cell)
    reply = cells.text_of("print(*(f'{n}:{t}' for n, t in _told.items()))")
    told = {int(n): float(t) for n, _, t in (one.partition(":") for one in reply.split())}
    late_s = sorted(delays(told, shown))
    high_s = late_s[math.ceil(0.95 * len(late_s)) - 1]
    return Row(
        f"a line that a step prints, from the engine to the screen, {len(late_s)} lines",
        spread(late_s), "", "", f"{high_s * 1e3:.0f} ms at the 95th percentile",
        f"≤ {SCREEN_AT_MOST_S * 1e3:.0f} ms", high_s <= SCREEN_AT_MOST_S,
    )  # fmt: skip


def delays(told: dict[int, float], shown: list[tuple[int, float]]) -> Iterator[float]:
    """Of each line; ``shown`` are (the last line on the screen, when) in the order of messages."""
    for number, told_s in told.items():
        yield next(when_s for last, when_s in shown if last >= number) - told_s

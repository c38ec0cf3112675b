"""The table of the benchmarks, and its place in docs/benchmarks.md, written by no hand."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from container_magics.engine.client import Engine
from tests.bench import dockercommand
from tests.bench.plot import Line
from tests.bench.plot import picture as drawn
from tests.bench.turns import Row

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- `make bench` writes from here -->", "<!-- to here -->"
BEGIN_ALONE = "<!-- `make bench ARGS={}` writes from here -->"
HEADS = ("what", "ours", "against", "its time", "result", "target", "met")
MET = {True: "yes", False: "**no**", None: ""}


def table(rows: Sequence[Row]) -> str:
    """A Markdown table that reads well as text too."""
    cells = [
        HEADS,
        *((r.what, r.ours, r.against, r.theirs, r.result, r.target, MET[r.met]) for r in rows),
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADS))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def picture(rows: Sequence[Row], name: str) -> str:
    """Draw what one more has cost, beside the page; Markdown that shows it, "" for no figures."""
    costs = [row.costs for row in rows if row.costs]
    if not costs:
        return ""
    lines = (
        Line("seconds for each further one", tuple((one.count, one.seconds) for one in costs)),
        Line("MB of memory for each further one", tuple((c.count, c.megabytes) for c in costs)),
    )
    path = PAGE.parent / "images" / f"{name}-cost.svg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(drawn(lines, "how many there are then"), encoding="utf-8")
    return f"\n\n![What each further one costs, in time and in memory](images/{path.name})"


def circumstances(engine: Engine, repeats: int, loads: Sequence[float]) -> str:
    """When, on what, with which versions; the load says whether the machine had other work.
    ``repeats`` is how often each was measured."""
    facts, now = engine.facts(), datetime.now(UTC)
    ours = f"container_magics {version('container-magics')} ({commit()})"
    packages = ", ".join(f"{name} {version(name)}" for name in ("ipython", "ipykernel", "docker"))
    samples = f"{repeats} samples" if repeats > 1 else "one sample"
    measured = ", ".join(f"{load:.1f}" for load in loads)
    lines = (
        f"{now:%d %B %Y, %H:%M} UTC; {samples} of each",
        f"{ours}; Python {platform.python_version()}; {packages}",
        f"{facts.name} {facts.version}, API {facts.api_version}, storage {facts.storage}",
        f"the docker command: {dockercommand.version()}",
        f"{facts.operating_system}, Linux {facts.kernel}, {facts.architecture}",
        f"{facts.cpus} processors; load before, and in the last minute of each: {measured}",
    )
    return "\n".join(f"- {line}" for line in lines)


def commit() -> str:
    """The commit that was measured; "+" says that files were changed since."""
    asked = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    found = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    return f"commit {found}" if found else "no commit"


def load() -> float:
    """The mean number of processes that ran or wanted to, over the last minute."""
    return os.getloadavg()[0]


def write(text: str, alone: str = "") -> None:
    """Put ``text`` between two of the page's markers; the rest stays as it is. ``alone`` is a
    benchmark with a table of its own, "" for all others."""
    begin = BEGIN_ALONE.format(alone) if alone else BEGIN
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(begin, 1)
    after = rest.split(END, 1)[1]
    PAGE.write_text(f"{before}{begin}\n{text}\n{END}{after}", encoding="utf-8")

"""%layers on a large image by each of its ways, beside the image's archive and dive.

The images are made here and removed.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from container_magics.core.layers import Entry, ImageLayers, Layer
from container_magics.core.layertree import LayerTree, merge
from container_magics.core.layerwaste import dive
from container_magics.engine.client import Engine
from container_magics.engine.layercache import CACHE_VARIABLE
from container_magics.engine.layercontents import EngineContents
from container_magics.engine.layersources import Sources, read_image
from container_magics.jupyter.collecting import uncollected
from container_magics.view.html import html
from container_magics.view.present import layers as present
from tests.bench import layerquestions, program
from tests.bench.kernel import OURS, Kernel, kernel
from tests.bench.largeimage import FILES, LAYERS, OLD_PATH, SECOND, TAG, image
from tests.bench.turns import Row, in_turns, peak, quotient, say, within

MOST_REPEATS = 8
"""A turn of all ways takes a minute."""
MEMORY_BYTES = 120_000_000
WITHOUT_RECORDS = "%config Workbench.layers_records = False"
QUESTIONS = (
    "--owner /usr/lib/part0/package0/module0/file0.py",
    '--assert "efficiency>0.1, wasted_bytes<2GB"',
)
QUESTION_S = 0.1
HTML_BYTES = 300_000
MERGE_FILES, WHITEOUTS = 60_000, 300

# The floor: all bytes of the archive, read by a process that does nothing else.
FLOOR = """
import json, pathlib, socket, sys, time
connection = socket.socket(socket.AF_UNIX)
start = time.perf_counter()
connection.connect(sys.argv[1].removeprefix("unix://"))
connection.sendall(f"GET /images/{sys.argv[2]}/get HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n".encode())
buffer = bytearray(1 << 20)
while connection.recv_into(buffer): pass
print(time.perf_counter() - start)
"""

Sample = tuple[float, int]
"""(seconds, the greatest memory of the process in bytes)"""


def rows(engine: Engine, repeats: int) -> list[Row]:
    """A fresh process or kernel for each sample; the magic's first use in it, imports and all."""
    url, repeats = engine.endpoint.url, min(repeats, MOST_REPEATS)
    with image(engine), tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        looks = Looks(url, Path(folder))
        ways = {
            "floor": lambda: (floor(url), 0),
            "records": looks.records,
            "helper": looks.helper,
            "save": looks.save,
            "again": looks.again,
            "kernel": looks.new_kernel,
            "second": looks.second,
            "program": partial(program.layers, url, TAG),
            "dive": partial(program.dive, url, TAG),
            "screen": partial(program.dive_to_screen, url, TAG),
        }
        samples = in_turns(ways, repeats)
        size_bytes = engine.api.inspect_image(TAG)["Size"]
        tree = tree_of(engine)
        rows = [
            *against_floor(samples, size_bytes),
            *against_dive(samples),
            agreement(url, TAG, tree),
            *old_version(engine, tree, repeats),
            *questions(url, repeats),
            page_size(tree),
        ]
    say("asking")
    return [*rows, linear(repeats), *layerquestions.rows(max(repeats, 5))]


class Looks:
    """``%layers`` in new kernels: each look gives its seconds and the kernel's greatest memory."""

    def __init__(self, url: str, folder: Path) -> None:
        """``folder`` is for the kernels' caches."""
        self._url, self._folder = url, folder

    def records(self) -> Sample:
        """A first look, beside the engine and as root."""
        with self._kernel() as cells:
            return cells.run(f"%layers {TAG}"), cells.peak_bytes

    def helper(self) -> Sample:
        """A first look through a helper container."""
        with self._kernel() as cells:
            cells.run(WITHOUT_RECORDS)
            return cells.run(f"%layers {TAG} --helper"), cells.peak_bytes

    def save(self) -> Sample:
        """A first look through the engine's archive."""
        with self._kernel() as cells:
            cells.run(WITHOUT_RECORDS)
            return cells.run(f"%layers {TAG}"), cells.peak_bytes

    def again(self) -> Sample:
        """A second look in the same kernel."""
        with self._kernel() as cells:
            cells.run(f"%layers {TAG}")
            return cells.run(f"%layers {TAG}"), cells.peak_bytes

    def new_kernel(self) -> Sample:
        """A second look in a new kernel."""
        with self._kernel() as cells:
            cells.run(f"%layers {TAG}")
        with self._kernel(keep=True) as cells:
            return cells.run(f"%layers {TAG}"), cells.peak_bytes

    def second(self) -> Sample:
        """Another image, with one small layer more, in the same kernel."""
        with self._kernel() as cells:
            cells.run(f"%layers {TAG}")
            return cells.run(f"%layers {SECOND}"), cells.peak_bytes

    @contextmanager
    def _kernel(self, *, keep: bool = False) -> Iterator[Kernel]:
        cache = self._folder / "cache"
        if not keep:
            shutil.rmtree(cache, ignore_errors=True)
        with kernel(OURS, self._url, **{CACHE_VARIABLE: str(cache)}) as cells:
            yield cells


def floor(url: str) -> float:
    """Seconds to read the archive."""
    reader = [sys.executable, "-c", FLOOR, url, TAG]
    return float(subprocess.run(reader, check=True, capture_output=True).stdout)


def against_floor(samples: dict[str, list[Sample]], size_bytes: int) -> Iterator[Row]:
    least = seconds(samples["floor"])
    what = f"`%layers IMAGE` of {size_bytes / 1e9:.2f} GB, {LAYERS * (FILES + 1):,} files"
    other = "`GET /images/IMAGE/get`, to nowhere"
    lines = (
        ("records", f"{what}, by the engine's records", 0.12),
        ("helper", "… through a helper container", 0.2),
        ("save", "… by `docker save`", 1.1),
        ("second", "… of another image with one small layer more", 0.02),
        ("kernel", "… a second time, in a new kernel", None),
    )
    for way, words, at_most in lines:
        yield quotient(words, seconds(samples[way]), other, least, at_most)
    yield within(
        "… a second time, in the same kernel", seconds(samples["again"]), other, least, 0.3
    )
    for way in ("records", "helper", "save"):
        used = [peak_bytes for _, peak_bytes in samples[way]]
        yield peak(f"… greatest memory of the kernel, by {way}", used, MEMORY_BYTES)


DIVE, DIVES_SCREEN = "`dive IMAGE --json`", "`dive IMAGE`, to its first screen"


def against_dive(samples: dict[str, list[Sample]]) -> Iterator[Row]:
    """dive has two ways: to its screen, as a reader of the image waits for it, and without one,
    as a CI does, for which it does less."""
    program_ = "… by `docker save`, in a program without a notebook"
    lines = (
        ("records", "`%layers IMAGE` by the engine's records", "dive", 0.1),
        ("save", "… by `docker save`", "dive", 0.75),
        ("program", program_, "dive", None),
        ("records", "`%layers IMAGE` by the engine's records", "screen", 0.1),
        ("save", "… by `docker save`", "screen", 0.75),
        ("program", program_, "screen", None),
    )
    names = {"dive": DIVE, "screen": DIVES_SCREEN}
    for way, words, theirs, at_most in lines:
        ours, other = seconds(samples[way]), seconds(samples[theirs])
        yield quotient(words, ours, names[theirs], other, at_most)
    for way, words in (("program", "memory of that program"), ("save", "memory of the kernel")):
        for theirs, name in names.items():
            yield memory(f"… {words}", samples[way], name, samples[theirs])


def agreement(url: str, image: str, tree: LayerTree) -> Row:
    """Whether dive's numbers, as we count them, are those that dive counts."""
    ours, (score, wasted_bytes) = dive(tree), program.dives_numbers(url, image)
    told = [
        f"{s:.6f}, {b:,} B" for s, b in ((ours.score, ours.wasted_bytes), (score, wasted_bytes))
    ]
    same = abs(ours.score - score) < 1e-9 and ours.wasted_bytes == wasted_bytes
    what = "dive's score and wasted bytes, by our count"
    return Row(what, told[0], DIVE, told[1], "the same" if same else "others", "the same", same)


def memory(what: str, ours: Sequence[Sample], against: str, theirs: Sequence[Sample]) -> Row:
    """The medians of two processes' greatest memory."""
    mine, other = (statistics.median(used for _, used in each) for each in (ours, theirs))
    ratio, told = mine / other, (f"{mine / 1e6:.0f} MB", f"{other / 1e6:.0f} MB")
    return Row(what, told[0], against, told[1], f"× {ratio:.3f}", "≤ 0.20", ratio <= 0.2)


def seconds(samples: Sequence[Sample]) -> list[float]:
    return [each for each, _ in samples]


def tree_of(engine: Engine) -> LayerTree:
    """The large image's."""
    *_, last = read_image(engine, TAG, Sources())
    assert isinstance(last, ImageLayers)
    return merge(last)


def old_version(engine: Engine, tree: LayerTree, repeats: int) -> Iterator[Row]:
    """A file that each layer wrote again, out of the oldest that has it, in an open tree."""
    index = next(n for n, each in enumerate(tree.layers) if each.entries)
    for words, sources in (
        ("one old version of a file, as root", Sources()),
        ("… through a helper container", Sources(records=False, helper=True)),
    ):
        contents = EngineContents(engine, tree.image_id, tree.layers, sources)
        taken = list[float]()
        for _ in range(repeats):
            start = time.perf_counter()
            found = dict(contents.read([(index, OLD_PATH)], 1 << 20))
            taken.append(time.perf_counter() - start)
            assert len(found) == 1
        yield alone(words, taken, 0.1)


def questions(url: str, repeats: int) -> Iterator[Row]:
    """In a kernel that has shown the image."""
    with (
        tempfile.TemporaryDirectory(prefix="cm-bench-") as cache,
        kernel(OURS, url, **{CACHE_VARIABLE: cache}) as cells,
    ):
        cells.run(f"%layers {TAG}")
        for question in QUESTIONS:
            cell = f"%layers {TAG} {question}"
            cells.run(cell)
            taken = [cells.run(cell) for _ in range(repeats)]
            yield alone(f"`%layers IMAGE {question.split()[0]}`, once shown", taken, QUESTION_S)


def page_size(tree: LayerTree) -> Row:
    """The view as a notebook keeps it."""
    found = len(html(present.layers(tree, TAG)).encode())
    target = f"< {HTML_BYTES / 1e3:.0f} KB"
    words = f"{found / 1e3:.0f} KB"
    return Row("HTML of the default view", words, "", "", words, target, found < HTML_BYTES)


def linear(repeats: int) -> Row:
    """Whether twice the whiteouts cost more than a little."""
    say("merging")
    ways = {
        "once": lambda: merging(WHITEOUTS),
        "twice": lambda: merging(2 * WHITEOUTS),
    }
    samples = in_turns(ways, max(repeats, 5))
    return quotient(
        f"{2 * WHITEOUTS} whiteouts over {MERGE_FILES:,} files", samples["twice"],
        f"{WHITEOUTS} whiteouts", samples["once"], 1.2,
    )  # fmt: skip


@uncollected
def merging(whiteouts: int) -> float:
    """Seconds to lay a layer with so many whiteouts over one with the files."""
    names = [f"usr/lib/p{n // 50}/file{n}".encode() for n in range(MERGE_FILES)]
    files = tuple(Entry(name, 100, 0o644, "file", b"", 0, 0, 0) for name in names)
    step = MERGE_FILES // whiteouts
    marks = tuple(Entry(name, 0, 0, "whiteout", b"", 0, 0, 0) for name in names[::step])
    layers = [
        Layer(f"sha256:{n}", "", "", None, sum(e.size_bytes for e in held), held)
        for n, held in enumerate((files, marks))
    ]
    start = time.perf_counter()
    merge(ImageLayers("", tuple(layers)))
    return time.perf_counter() - start


def alone(what: str, taken: Sequence[float], at_most_s: float) -> Row:
    """Seconds that are compared with nothing but a limit."""
    row = within(what, taken, "", taken, at_most_s)
    return Row(row.what, row.ours, "", "", row.result, row.target, row.met)

"""Every question about names and bytes, asked of an open tree of 100,000 entries."""

from __future__ import annotations

import random
import statistics
import time
from argparse import Namespace
from collections.abc import Iterator

from container_magics.core.layerrules import check
from container_magics.core.layers import Entry, ImageLayers, Layer
from container_magics.core.layersflags import layers_parser
from container_magics.core.layertree import LayerTree, merge
from container_magics.jupyter.collecting import uncollected
from container_magics.session.layeranswers import answers
from container_magics.view.bundle import bundle
from container_magics.view.present.layeranswers import answer_view, tree_view
from tests.bench.turns import Row

ENTRIES, LAYERS = 100_000, 12
LIMIT_S = 0.1
RULES = "efficiency>0.1, wasted_bytes<2GB"
QUESTIONS = (
    "--owner /usr/lib/part0/package0/module0/file0.py",
    "--find *.pem",
    "--find *.py",
    "--big 20",
    "--wasted",
    "--hidden",
    "--tree",
    "--tree 6",
    "--tree 6 --alone",
    "--diff other",
    f"--assert '{RULES}'",
)


def rows(repeats: int) -> Iterator[Row]:
    """From the question to the answer as a notebook gets it, without a kernel between them."""
    tree, other = tree_of(0), tree_of(1)
    for question in QUESTIONS:
        words, taken = layers_parser().parse(f"IMAGE {question}"), list[float]()
        for _ in range(repeats):
            start = time.perf_counter()
            ask(tree, other, words)
            taken.append(time.perf_counter() - start)
        median_s = statistics.median(taken)
        told = f"{median_s * 1e3:.0f} ms"
        what = f"`{question.split(' other')[0]}`, asked of {ENTRIES:,} entries"
        yield Row(what, told, "", "", told, f"≤ {LIMIT_S * 1e3:.0f} ms", median_s <= LIMIT_S)


@uncollected
def ask(tree: LayerTree, other: LayerTree, words: Namespace) -> None:
    """One question, to the end."""
    if words.rules:
        check(tree, words.rules)
    if words.tree is not None:
        bundle(tree_view(tree, words.tree, alone=words.alone))
    for one in answers(None, tree, words, other if words.diff else None):
        bundle(answer_view(one.question, one.rows, tree, words))


def tree_of(build: int) -> LayerTree:
    """Twelve layers, in which one file of ten replaces one of the oldest layer. Another ``build``
    has another layer on top."""
    layers = [_layer(n, n + (build if n == LAYERS - 1 else 0)) for n in range(LAYERS)]
    return merge(ImageLayers("sha256:0", tuple(layers)))


def _layer(number: int, seed: int) -> Layer:
    chance = random.Random(seed)
    entries = []
    for n in range(ENTRIES // LAYERS + 1):
        part = number if n % 10 else 0
        path = f"usr/lib/part{part}/package{n // 50}/module{n // 10 % 5}/file{n}.py".encode()
        size_bytes, crc = chance.randrange(1, 12_000), chance.getrandbits(64)
        entries.append(Entry(path, size_bytes, 0o644, "file", b"", 0, 0, 0.0, crc))
    size_bytes = sum(entry.size_bytes for entry in entries)
    return Layer(f"sha256:{number}-{seed}", "", "ADD", None, size_bytes, tuple(entries))

"""The image that %layers is measured on: 1.7 GB, 78,000 files, twelve layers; and one on top."""

from __future__ import annotations

import io
import os
import random
import tarfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from container_magics.engine.client import Engine
from tests.bench.dockercommand import LABEL, swept
from tests.bench.turns import say

TAG = f"cm-bench-layers-{os.getpid()}"
SECOND = f"{TAG}-second"
LAYERS, FILES, BIG_BYTES = 12, 6500, 100 << 20
OLD_PATH = b"usr/lib/part0/package0/module0/file0.py"
"""Written by the oldest layer, and again by each other."""


@contextmanager
def image(engine: Engine) -> Iterator[None]:
    """Both images while the block runs."""
    with swept(engine):
        say("making a large image")
        make(engine, TAG, "scratch", (layer(number) for number in range(LAYERS)))
        make(engine, SECOND, TAG, [packed([("etc/small", b"one file more")])])
        yield


def make(engine: Engine, tag: str, ground: str, layers: Iterable[bytes]) -> None:
    """Layers of many small files and one large one, some of them in place of an older layer's."""
    read, write = os.pipe()
    sender = threading.Thread(target=send_context, args=(write, ground, layers))
    sender.start()
    with os.fdopen(read, "rb") as context:
        for line in built(engine, tag, context):
            if "error" in line:
                raise RuntimeError(line["error"])
    sender.join()


def send_context(descriptor: int, ground: str, layers: Iterable[bytes]) -> None:
    """The build's context, layer by layer: it is larger than what one wants to hold."""
    count = LAYERS if ground == "scratch" else 1
    # The label comes first: what an interrupted build leaves carries it too.
    lines = [f"FROM {ground}", f"LABEL {LABEL}"]
    lines += [f"ADD layer{number}.tar /" for number in range(count)]
    with (
        suppress(BrokenPipeError),  # the build was given up
        os.fdopen(descriptor, "wb") as out,
        tarfile.open(fileobj=out, mode="w|") as context,
    ):
        add(context, "Dockerfile", "\n".join(lines).encode())
        for number, data in enumerate(layers):
            add(context, f"layer{number}.tar", data)


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def built(engine: Engine, tag: str, context: IO[bytes]) -> Iterator[dict[str, str]]:
    yield from engine.api.build(fileobj=context, custom_context=True, tag=tag, rm=True, decode=True)


def layer(number: int) -> bytes:
    """A layer: one file of 100 MB that does not pack, and thousands of small ones."""
    return packed(contents(number, random.Random(number)))


def packed(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A tar archive of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files:
            add(tar, name, data)
    return out.getvalue()


def contents(number: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    block = chance.randbytes(1 << 20)
    yield f"opt/large/blob{number}.bin", block * (BIG_BYTES >> 20)
    for n in range(FILES):
        where = number if n % 10 else 0  # one in ten replaces a file of the oldest layer
        folder = f"usr/lib/part{where}/package{n // 50}/module{n // 10 % 5}"
        yield f"{folder}/file{n}.py", block[: chance.randrange(1, 12_000)]

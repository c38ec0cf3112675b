"""%layers on a large image, against reading the image's archive to nowhere.

The image is made here and removed: over 1 GB and 50,000 files in eight layers.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from container_magics.engine.client import Engine
from tests.bench.dockercommand import LABEL, swept
from tests.bench.kernel import OURS, kernel
from tests.bench.turns import Row, in_turns, peak, quotient, say

TAG = f"cm-bench-layers-{os.getpid()}"
LAYERS, FILES, BIG_BYTES = 8, 6500, 100 << 20
AT_MOST = 1.1
MEMORY_BYTES = 150_000_000

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


def rows(engine: Engine, repeats: int) -> list[Row]:
    """A fresh process or kernel for each sample; the magic's first use in it, imports and all."""
    url = engine.endpoint.url
    with image(engine):
        size_bytes = engine.api.inspect_image(TAG)["Size"]
        samples = in_turns({"floor": lambda: (floor(url), 0), "ours": lambda: cell(url)}, repeats)
    ours, peaks_bytes = zip(*samples["ours"], strict=True)
    what = f"`%layers IMAGE` of {size_bytes / 1e9:.2f} GB, {LAYERS * (FILES + 1):,} files"
    return [
        quotient(
            what, ours, "`GET /images/IMAGE/get`, to nowhere",
            [seconds for seconds, _ in samples["floor"]], AT_MOST,
        ),
        peak("… greatest memory of the kernel", peaks_bytes, MEMORY_BYTES),
    ]  # fmt: skip


def floor(url: str) -> float:
    """Seconds to read the archive."""
    reader = [sys.executable, "-c", FLOOR, url, TAG]
    return float(subprocess.run(reader, check=True, capture_output=True).stdout)


def cell(url: str) -> tuple[float, int]:
    """Seconds of ``%layers`` in a new kernel, and the greatest memory that the kernel ever had."""
    with kernel(OURS, url) as cells:
        return cells.run(f"%layers {TAG}"), cells.peak_bytes


@contextmanager
def image(engine: Engine) -> Iterator[None]:
    """The image while the block runs."""
    with swept(engine):
        say("making a large image")
        make(engine)
        yield


def make(engine: Engine) -> None:
    """Layers of many small files and one large one, some of them in place of an older layer's."""
    read, write = os.pipe()
    sender = threading.Thread(target=send_context, args=(write,))
    sender.start()
    with os.fdopen(read, "rb") as context:
        for line in built(engine, context):
            if "error" in line:
                raise RuntimeError(line["error"])
    sender.join()


def send_context(descriptor: int) -> None:
    """The build's context, layer by layer: it is larger than what one wants to hold."""
    # The label comes first: what an interrupted build leaves carries it too.
    lines = ["FROM scratch", f"LABEL {LABEL}"]
    lines += [f"ADD layer{number}.tar /" for number in range(LAYERS)]
    with (
        suppress(BrokenPipeError),  # the build was given up
        os.fdopen(descriptor, "wb") as out,
        tarfile.open(fileobj=out, mode="w|") as context,
    ):
        add(context, "Dockerfile", "\n".join(lines).encode())
        for number in range(LAYERS):
            add(context, f"layer{number}.tar", layer(number))


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def built(engine: Engine, context: IO[bytes]) -> Iterator[dict[str, str]]:
    yield from engine.api.build(fileobj=context, custom_context=True, tag=TAG, rm=True, decode=True)


def layer(number: int) -> bytes:
    """A layer: one file of 100 MB that does not pack, and thousands of small ones."""
    chance = random.Random(number)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in contents(number, chance):
            add(tar, name, data)
    return out.getvalue()


def contents(number: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    block = chance.randbytes(1 << 20)
    yield f"opt/large/blob{number}.bin", block * (BIG_BYTES >> 20)
    for n in range(FILES):
        where = number if n % 10 else 0  # one in ten replaces a file of the oldest layer
        folder = f"usr/lib/part{where}/package{n // 50}/module{n // 10 % 5}"
        yield f"{folder}/file{n}.py", block[: chance.randrange(12_000)]

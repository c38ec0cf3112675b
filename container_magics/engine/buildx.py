"""docker buildx, for what POST /build has no parameter for: several platforms, a cache elsewhere.

It is asked to use the engine that we found and no builder of its own, so that the image is there
afterwards, and leaves nothing in the user's Docker folder.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from container_magics.core.buildspec import BuildSpec, SecretRef
from container_magics.core.buildxstream import BuildxStream
from container_magics.core.events import BuildEvent, BuildRefused, BuildStarted, Built
from container_magics.core.terminal import plain
from container_magics.engine.client import Engine, told
from container_magics.engine.context import Context, worth_telling
from container_magics.engine.plugins import engine_environment, plugin_paths
from container_magics.errors import EngineLost, NotSupported, UsageError

OLDEST = (0, 13)
"""The first version that writes its progress as JSON."""
VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.\d+")
END_S = 5.0
"""How long buildx may take to end, once it was asked to: it cancels the build on the engine."""
CHUNK_BYTES = 64 * 1024
TELL_S = 0.1


def refuse(engine: Engine, spec: BuildSpec) -> None:
    """NotSupported or UsageError, with the reason, where buildx is needed and cannot do it here."""
    flag = spec.buildx_flag
    if not flag:
        return
    if engine.facts().name == "Podman":
        raise NotSupported(
            "Podman",
            flag,
            "Use another engine (`%engine use`), or build for one platform at a time.",
            why="this needs docker buildx, which does not work with Podman",
        )
    if not engine.facts().containerd_store and needs_store(spec):
        raise NotSupported(
            engine.facts().name,
            flag,
            "Turn on containerd's image store: https://docs.docker.com/go/build-multi-platform",
            why=f"the engine's image store ({engine.facts().storage}) cannot do this",
        )
    program()


def needs_store(spec: BuildSpec) -> bool:
    """Whether only containerd's image store will do: an image of several platforms, and each kind
    of cache but that within the image itself."""
    return len(spec.platforms) > 1 or any("type=inline" not in one for one in spec.cache_to)


def program() -> str:
    """The path of buildx; UsageError where there is none that is new enough."""
    paths = plugin_paths("docker-buildx", os.environ, Path.home())
    there = [path for path in paths if os.access(path, os.X_OK)]
    found = next((path for path in there if version(path) >= OLDEST), None)
    if found is None:
        raise UsageError(
            "Several platforms, and a cache elsewhere, need docker buildx 0.13 or newer.",
            hint="Install it (https://docs.docker.com/go/buildx), or build without.",
            facts=tuple(f"{path} is too old, or does not run" for path in there),
        )
    return found


def version(path: str) -> tuple[int, int]:
    """Its version; (0, 0) when it does not say one."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603 -- a program that we have found, no shell
            [path, "version"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=30, start_new_session=True,
        )  # fmt: skip
        if match := VERSION.search(done.stdout):
            return int(match[1]), int(match[2])
    return 0, 0


def build(engine: Engine, spec: BuildSpec) -> Generator[BuildEvent, None, None]:
    """Build, and say what happens, until Built or BuildRefused. Closing the generator ends buildx,
    which cancels the build. Raises UsageError, and EngineLost when buildx ends without a word."""
    refuse(engine, spec)
    context = Context(spec)
    archive, dockerfile = context.archive()
    stream = BuildxStream()
    with tempfile.TemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder) / "metadata.json"
        words = [program(), *arguments(spec, dockerfile, metadata)]
        environment = {**engine_environment(os.environ, engine.endpoint), "BUILDX_CONFIG": folder}
        yield BuildStarted("buildkit")
        for _ in written(archive, file):
            if worth_telling(context.progress):
                yield context.progress
        with running(words, file, environment) as process:
            for text in pieces(process):
                yield from stream.feed(text)
            status = process.wait()
        yield result(engine, status, metadata, stream)


def result(engine: Engine, status: int, metadata: Path, stream: BuildxStream) -> BuildEvent:
    """Built, under the digest that the engine's store has as its ID, or why not. EngineLost when
    the engine no longer answers: buildx has only words for that."""
    if status == 0 and metadata.exists():
        found = json.loads(metadata.read_text(encoding="utf-8"))
        return Built(str(found["containerimage.digest"]))
    with told():
        engine.api.ping()
    if not stream.failure:
        raise EngineLost(
            "docker buildx ended in the middle of the build.", hint="Run the cell again."
        )
    return BuildRefused(plain(stream.failure))


def arguments(spec: BuildSpec, dockerfile: str, metadata: Path) -> list[str]:
    """The words after the program's name; the context comes by standard input."""
    fixed = ["build", "--builder=default", "--progress=rawjson", "--provenance=false"]
    asked = [
        f"--metadata-file={metadata}", f"--tag={spec.tag}", f"--file={dockerfile}",
        *(f"--platform={one}" for one in spec.platforms),
        *(f"--cache-from={one}" for one in spec.cache_from),
        *(f"--cache-to={one}" for one in spec.cache_to),
        *(f"--build-arg={name}={value}" for name, value in spec.build_args),
        *(f"--label={name}={value}" for name, value in spec.labels),
        *(f"--secret={secret(one)}" for one in spec.secrets),
    ]  # fmt: skip
    chosen = {
        f"--target={spec.target}": spec.target, f"--network={spec.network}": spec.network,
        "--no-cache": spec.no_cache, "--pull": spec.pull,
    }  # fmt: skip
    return [*fixed, *asked, *(word for word, wanted in chosen.items() if wanted), "-"]


def secret(one: SecretRef) -> str:
    """The reference as buildx has it: it reads the value itself, and knows no ``~``."""
    if one.source == "file":
        return f"id={one.name},src={Path(one.where).expanduser()}"
    return f"id={one.name},env={one.where}"


def written(archive: Iterator[bytes], file: IO[bytes]) -> Iterator[None]:
    """Write the archive into a file that a process then reads from its beginning; yields from
    time to time, and at the end."""
    told_s = time.monotonic()
    for part in archive:
        file.write(part)
        if time.monotonic() - told_s >= TELL_S:
            yield
            told_s = time.monotonic()
    file.seek(0)
    yield


@contextmanager
def running(
    words: list[str], context: IO[bytes], environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """buildx at work, in a process group of its own; ended at the latest when the block is left."""
    process = subprocess.Popen(  # noqa: S603 -- a list of words from our own code, no shell
        words, stdin=context, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=environment, start_new_session=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to cancel, then kill it; nothing when it has ended."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_S)


def pieces(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """What it writes to stderr, as it comes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    output = process.stderr
    while output and (data := os.read(output.fileno(), CHUNK_BYTES)):
        yield decoder.decode(data)

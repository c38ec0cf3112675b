"""An engine by ssh://, behind a real sshd of this machine, against the same engine by its socket.

One round trip is what a ping costs more by ssh than without. The docker SDK's own ssh:// goes
through the system's ssh too, and starts one for each connection; but only where paramiko can be
imported. That has a folder of its own: in ours, every kernel would load it with the SDK.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import docker
import docker.api.client

from container_magics.core.spec import ContainerSpec
from container_magics.engine import run as verbs
from container_magics.engine.base import BASE
from container_magics.engine.client import Engine, connect
from container_magics.session.container import Container
from tests.bench import dockercommand
from tests.bench.turns import Row, in_turns, quotient

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))
from sshserver import SshServer, ssh_server

PARAMIKO = Path(__file__).resolve().parents[2] / ".state" / "paramiko"
AT_MOST = 1.30
CALLS = 20


def rows(engine: Engine, repeats: int) -> list[Row]:
    """The first contact, and then verbs."""
    with ExitStack() as opened:
        teach_ssh()
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="cm-bench-ssh-")))
        server = opened.enter_context(ssh_server(engine, folder, docker=True))
        opened.enter_context(first_on_path(server))
        far = opened.enter_context(closing(connect({"DOCKER_HOST": server.url})))
        name = opened.enter_context(sleeping(engine))
        return [*verb_rows(engine, far, name, repeats), *first_rows(server, max(2, repeats // 4))]


def teach_ssh() -> None:
    """Give the docker SDK, which is imported by now, its way to ssh://."""
    if not (PARAMIKO / "paramiko").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PARAMIKO)]
        subprocess.run([*pip, "paramiko>=3"], check=True)
    sys.path.append(str(PARAMIKO))
    from docker.transport import sshconn

    docker.api.client.SSHHTTPAdapter = sshconn.SSHHTTPAdapter


def verb_rows(engine: Engine, far: Engine, name: str, repeats: int) -> list[Row]:
    """Verbs on both, and what a round trip is."""
    here, there = Container(engine, name), Container(far, name)
    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "ping": (lambda: engine.request("GET", "/_ping"), lambda: far.request("GET", "/_ping")),
        "list containers": (lambda: verbs.containers(engine), lambda: verbs.containers(far)),
        "inspect a container": (here.look, there.look),
        "read a file of 1 MB": (
            lambda: here.read_bytes("/tmp/file"), lambda: there.read_bytes("/tmp/file"),
        ),
        "run `true` in a container": (lambda: here.run(["true"]), lambda: there.run(["true"])),
    }  # fmt: skip
    here.write("/tmp/file", os.urandom(1_000_000))
    timed = {
        f"{what}, {where}": partial_timed(way)
        for what, both in ways.items()
        for where, way in zip(("here", "there"), both, strict=True)
    }
    found = in_turns(timed, repeats)
    trip_s = max(0.0, median(found["ping, there"]) - median(found["ping, here"]))
    return [
        quotient(
            f"{what}, by ssh://", found[f"{what}, there"],
            f"the same here, and a round trip of {trip_s * 1e3:.2f} ms",
            [sample + trip_s for sample in found[f"{what}, here"]], AT_MOST,
        )
        for what in list(ways)[1:]
    ]  # fmt: skip


def first_rows(server: SshServer, repeats: int) -> list[Row]:
    """Until an engine is there and has listed its containers, and CALLS lists after it; and how
    many ssh were started for them."""
    counts: dict[str, int] = {}

    def counted(way: str, call: Callable[[], None]) -> Callable[[], float]:
        def timed() -> float:
            before = len(server.logins_asked())
            seconds = partial_timed(call)()
            counts[way] = len(server.logins_asked()) - before
            return seconds

        return timed

    url = f"{server.url}/"

    def ours(calls: int) -> None:
        with closing(connect({"DOCKER_HOST": url})) as found:
            for _ in range(calls):
                verbs.containers(found)

    def sdk(calls: int) -> None:
        api = docker.APIClient(f"{server.url}:{server.port}", version="1.41", use_ssh_client=True)
        try:
            for _ in range(calls):
                api.containers(all=True)
        finally:
            api.close()

    def sdk_fresh() -> None:
        for _ in range(CALLS):
            sdk(1)

    ways = {
        "ours": counted("ours", lambda: ours(1)),
        "sdk": counted("sdk", lambda: sdk(1)),
        "ours, many": counted("ours, many", lambda: ours(CALLS)),
        "sdk, many": counted("sdk, many", lambda: sdk(CALLS)),
        "sdk, fresh": counted("sdk, fresh", sdk_fresh),
    }
    found = in_turns(ways, repeats)
    return [
        quotient(
            f"connect and list once ({counts['ours']} login)", found["ours"],
            f"the docker SDK by ssh:// ({counts['sdk']} login)", found["sdk"],
        ),
        quotient(
            f"connect and list {CALLS} times ({counts['ours, many']} login)", found["ours, many"],
            f"the docker SDK, one after another ({counts['sdk, many']} logins)",
            found["sdk, many"],
        ),
        quotient(
            f"the same ({counts['ours, many']} login)", found["ours, many"],
            f"the docker SDK, each with a connection of its own ({counts['sdk, fresh']} logins)",
            found["sdk, fresh"],
        ),
    ]  # fmt: skip


def partial_timed(call: Callable[[], object]) -> Callable[[], float]:
    """The same, and how many seconds it took."""

    def timed() -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    return timed


def median(samples: list[float]) -> float:
    return statistics.median(samples)


@contextmanager
def sleeping(engine: Engine) -> Iterator[str]:
    """A container that waits while the block runs; its name."""
    label, _, number = dockercommand.LABEL.partition("=")
    spec = ContainerSpec(BASE, ("sleep", "600"), name="cm-bench-ssh")
    made = verbs.create(engine, spec, {label: number}, auto_remove=False)
    try:
        verbs.start(engine, made)
        yield spec.name
    finally:
        verbs.remove(engine, made.container_id)


@contextmanager
def first_on_path(server: SshServer) -> Iterator[None]:
    """The test's ssh is found first while the block runs."""
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{server.bin}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before

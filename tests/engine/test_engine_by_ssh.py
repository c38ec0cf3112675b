"""An engine by ssh://, behind a real sshd: all goes over one ssh, and nothing of it is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
from sshserver import ALIAS, SshServer, ssh_server

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import Built, Exited, Output, Started
from container_magics.core.spec import ContainerSpec, Port
from container_magics.engine import run as verbs
from container_magics.engine import sshwatch, tunnel
from container_magics.engine.client import Engine, connect
from container_magics.engine.ownership import owner
from container_magics.errors import EngineError, EngineLost, NoEngine, NotSupported, UsageError
from container_magics.session.build import build
from container_magics.session.container import Container
from container_magics.session.run import run
from container_magics.session.stopper import Stopper

LIMIT_S = 60.0
CALLS = 20
PAGE = (
    "use IO::Socket::INET; $s = IO::Socket::INET->new(LocalPort => 80, Listen => 5, "
    "ReuseAddr => 1); while ($c = $s->accept) { while (<$c>) { last if /^\\r/ } "
    'print $c "HTTP/1.0 200 OK\\r\\n\\r\\n"; close $c }'
)
"""A web server for one visitor after another."""


@pytest.fixture
def server(
    engine: Engine, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SshServer]:
    with ssh_server(engine, tmp_path) as found:
        monkeypatch.setenv("PATH", f"{found.bin}:{os.environ['PATH']}")
        yield found


@pytest.fixture
def far(server: SshServer) -> Iterator[Engine]:
    with closing(connect({"DOCKER_HOST": server.url})) as found:
        yield found


def until(condition: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit_s
        time.sleep(0.02)


def ours(server: SshServer) -> list[psutil.Process]:
    """Every ssh to this server, and every program that watches over one. Another test may have
    its own on this machine at the same time; only ours has the server's folder among its words."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        line = " ".join(words)
        if "/cm-ssh-" in line and f"{server.folder}/" in line:
            found.append(process)
    return found


def test_many_calls_are_one_ssh(far: Engine, server: SshServer) -> None:
    before = len(server.started())
    for _ in range(CALLS):
        verbs.containers(far)
        far.request("GET", "/info", timeout_s=LIMIT_S)
    assert len(server.masters()) == 1
    assert server.logins() == 1
    assert len(server.started()) == before
    assert far.facts().url == server.url


def test_a_container_runs_there_and_is_streamed(
    far: Engine, base: str, nothing_left: object
) -> None:
    spec = ContainerSpec(base, ("sh", "-c", "cat; echo two >&2; exit 3"))
    events = list(run(far, spec, owner(), stdin=b"one\n"))
    out = dict.fromkeys(("stdout", "stderr"), b"")
    for event in events:
        if isinstance(event, Output):
            out[event.stream] += event.data
    assert out == {"stdout": b"one\n", "stderr": b"two\n"}
    assert [event.exit_status for event in events if isinstance(event, Exited)] == [3]


def test_a_large_output_comes_whole(far: Engine, base: str, nothing_left: object) -> None:
    spec = ContainerSpec(base, ("sh", "-c", "head -c 5000000 /dev/zero"))
    sizes = [len(event.data) for event in run(far, spec, owner()) if isinstance(event, Output)]
    assert sum(sizes) == 5_000_000


def test_a_stop_ends_what_runs_there(far: Engine, base: str, nothing_left: object) -> None:
    stopper = Stopper()
    spec = ContainerSpec(base, ("sh", "-c", "echo begun; sleep 600"))
    ended = []
    for event in run(far, spec, owner(), stopper=stopper):
        if isinstance(event, Output):
            stopper.press()
        if isinstance(event, Exited):
            ended.append(event.exit_status)
    assert ended
    assert ended[0] != 0


def test_an_image_is_built_there(far: Engine, base: str) -> None:
    tag = "cm-test-by-ssh:1"
    spec = BuildSpec(f"FROM {base}\nCOPY data /data\nRUN cat /data\n", tag, added=(("data", b"x"),))
    try:
        assert [event for event in build(far, spec) if isinstance(event, Built)]
    finally:
        far.api.remove_image(tag, force=True)


def test_programs_run_inside_and_files_come_and_go(far: Engine, base: str) -> None:
    made = far.api.create_container(base, ["sleep", "600"], labels={"cm-test-ssh": "1"})["Id"]
    try:
        far.api.start(made)
        box = Container(far, made)
        box.write("/tmp/file", b"\x00" * 100_000)
        assert box.run("wc -c < /tmp/file").stdout == "100000\n"
        assert len(box.read_bytes("/tmp/file")) == 100_000
    finally:
        far.api.remove_container(made, force=True)


def test_a_published_port_is_reached_by_a_forward(
    far: Engine, server: SshServer, base: str
) -> None:
    """The forward is there for as long as the engine is used, and listens on loopback alone."""
    spec = ContainerSpec(base, ("perl", "-e", PAGE), ports=(Port(80),))
    created = verbs.create(far, spec, {"cm-test-ssh": "1"}, auto_remove=False, logs=True)
    try:
        started: Started = verbs.start(far, created, ports=True)
        (where,) = dict(started.ports).values()
        host, _, port = where.rpartition(":")
        assert host == "127.0.0.1"
        box = Container(far, created.container_id)
        assert box.ports == {"80/tcp": where}
        box.wait("http:80/")
        assert box.port(80) == int(port)
        assert box.url(80) == f"http://127.0.0.1:{port}/"
        listening = [
            one.laddr
            for one in psutil.net_connections("tcp")
            if one.status == "LISTEN" and one.laddr.port == int(port)
        ]
        assert {address.ip for address in listening} == {"127.0.0.1"}
        assert len(server.masters()) == 1
    finally:
        far.api.remove_container(created.container_id, force=True)
    far.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)), 1)


def test_with_the_last_that_uses_it_the_ssh_ends(server: SshServer) -> None:
    first, second = (connect({"DOCKER_HOST": server.url}) for _ in range(2))
    assert len(server.masters()) == 1
    first.close()
    assert second.request("GET", "/_ping").status == 200
    folder = second.endpoint.socket
    assert folder is not None
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    second.close()
    until(lambda: not ours(server))
    assert not folder.parent.exists()


def test_a_search_for_a_manager_leaves_the_ssh_of_another_user(
    far: Engine, server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine over there is looked at by its own ssh, and is no manager of a swarm."""
    monkeypatch.setenv("DOCKER_HOST", server.url)
    with pytest.raises(NotSupported):
        connect("swarm")
    assert far.request("GET", "/_ping").status == 200
    assert len(server.masters()) == 1


@contextmanager
def another_process(server: SshServer) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """One that uses the engine, as a kernel would, and the folder of its ssh."""
    code = (
        "import os, time\nfrom container_magics import connect\n"
        "engine = connect()\nprint(engine.endpoint.socket, flush=True)\ntime.sleep(600)\n"
    )
    environment = {**os.environ, "DOCKER_HOST": server.url}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        where = Path(process.stdout.readline().decode().strip())
        try:
            yield process, where.parent
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_leaves_no_ssh(server: SshServer, number: signal.Signals) -> None:
    """Nothing of it is left, of the folder neither: a kernel may be killed at any time."""
    with another_process(server) as (process, folder):
        assert ours(server)
        process.send_signal(number)
    until(lambda: not ours(server))
    until(lambda: not folder.exists())


def test_a_process_that_is_killed_after_its_ssh_ended_leaves_no_folder(server: SshServer) -> None:
    with another_process(server) as (process, folder):
        next(one for one in ours(server) if one.name() == "ssh").kill()
        until((folder / sshwatch.ENDED).exists)
        process.kill()
    until(lambda: not ours(server))
    until(lambda: not folder.exists())


def test_an_ssh_that_does_not_answer_is_told(
    far: Engine, server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "ASK_S", 0.5)
    master = next(one for one in ours(server) if one.name() == "ssh")
    assert far.endpoint.tunnel
    master.suspend()
    try:
        with pytest.raises(NoEngine, match=f"ssh has had no answer from {ALIAS}"):
            far.endpoint.tunnel.port("127.0.0.1", 8080)
    finally:
        master.resume()


def run_until(engine: Engine, spec: ContainerSpec, then: Callable[[], None]) -> None:
    """Run, and do something beside it once there is output."""
    for event in run(engine, spec, owner()):
        if isinstance(event, Output):
            threading.Thread(target=then).start()


def test_a_server_that_dies_in_the_middle_is_told(
    far: Engine, engine: Engine, server: SshServer, base: str
) -> None:
    label = {"cm-test-ssh-cut": "1"}
    spec = ContainerSpec(base, ("sh", "-c", "echo begun; sleep 600"), labels=tuple(label.items()))
    try:
        with pytest.raises(EngineLost) as caught:
            run_until(far, spec, server.kill)
        assert str(caught.value).startswith(("The connection to the engine", "The engine went"))
        assert caught.value.hint
        with pytest.raises(EngineError):
            far.request("GET", "/_ping")
    finally:
        for left in engine.api.containers(all=True, filters={"label": "cm-test-ssh-cut"}):
            engine.api.remove_container(left["Id"], force=True)


def test_after_its_ssh_ended_an_engine_is_found_anew(far: Engine, server: SshServer) -> None:
    master = next(one for one in ours(server) if one.name() == "ssh")
    master.terminate()
    until(lambda: not far.endpoint.tunnel or not far.endpoint.tunnel.lives)
    with pytest.raises(EngineLost):
        far.request("GET", "/_ping")
    with closing(connect({"DOCKER_HOST": server.url})) as again:
        assert again.request("GET", "/_ping").status == 200
    assert len(server.masters()) == 2


def test_a_host_that_is_not_known_is_not_trusted(server: SshServer) -> None:
    server.forget_host_key()
    with pytest.raises(NoEngine, match=f"ssh cannot log in to {ALIAS}") as caught:
        connect({"DOCKER_HOST": server.url})
    assert any("Host key verification failed" in fact for fact in caught.value.facts)
    assert f"`ssh {ALIAS} true`" in caught.value.hint
    assert not ours(server)


def test_a_key_that_is_refused_asks_for_no_password(server: SshServer) -> None:
    (server.folder / "user").unlink()
    with pytest.raises(NoEngine, match="ssh cannot log in") as caught:
        connect({"DOCKER_HOST": server.url})
    assert any("Permission denied (publickey)" in fact for fact in caught.value.facts)


def test_where_nobody_listens_the_sentence_says_so(server: SshServer) -> None:
    server.kill()
    with pytest.raises(NoEngine, match="ssh cannot log in") as caught:
        connect({"DOCKER_HOST": server.url})
    assert any("Connection refused" in fact for fact in caught.value.facts)


def test_a_machine_without_an_engine_is_told_from_one_without_sshd(server: SshServer) -> None:
    with pytest.raises(NoEngine, match="ssh has logged in, and no engine answers"):
        connect({"DOCKER_HOST": f"{server.url}/nowhere/docker.sock"})
    assert not ours(server)


def test_the_socket_may_be_named(server: SshServer) -> None:
    with closing(connect({"DOCKER_HOST": f"{server.url}/var/run/docker.sock"})) as found:
        assert found.facts().version


@pytest.mark.parametrize(
    "url",
    [
        "ssh://-oProxyCommand=touch${IFS}x", "ssh://", "ssh://a b", "ssh://me:secret@host",
        "ssh://host:22x", "ssh://-l@host", "ssh://host?x=1", "ssh://ho\tst",
    ],
)  # fmt: skip
def test_what_is_no_host_is_refused_before_ssh_is_started(server: SshServer, url: str) -> None:
    with pytest.raises(UsageError, match="no address by ssh") as caught:
        connect({"DOCKER_HOST": url})
    assert "secret" not in str(caught.value)
    assert server.started() == []


def test_a_context_by_ssh_that_is_not_reached_does_not_hide_the_others(
    server: SshServer, engine: Engine, tmp_path: Path
) -> None:
    """A context that was chosen once, and is out of reach now: the next place is asked."""
    from test_endpoint import write_context

    server.kill()
    write_context(tmp_path, "far", server.url, current=True)
    try:
        with closing(connect({"CONTAINER_MAGICS_STATE": str(tmp_path)}, tmp_path)) as other:
            lines = [attempt.line() for attempt in other.tried]
    except NoEngine as error:  # there is no other on this machine
        lines = list(error.facts)
    assert "ssh does not come there" in lines[0]
    assert len(lines) > 1

"""SSH logins leave nothing of theirs behind, however they are left."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import asyncssh
import docker
import pytest

from container_magics.core.events import Exited, Output, Stopping
from container_magics.engine.base import ensure_base
from container_magics.engine.client import Engine
from container_magics.engine.endpoint import Endpoint
from container_magics.engine.ownership import owner
from container_magics.engine.sshclient import login
from container_magics.errors import EngineError, SshFailed
from container_magics.practice import boxspec, sshbox
from container_magics.practice.logins import run_on
from container_magics.practice.sshbox import Box
from container_magics.session.build import build
from container_magics.session.stopper import Stopper

ABANDON = """
import sys
import time
from pathlib import Path
from container_magics.engine.keys import Address
from container_magics.practice import boxspec, sshbox
from container_magics.practice.logins import run_on
name, host, port, user, key, known_hosts, config = sys.argv[1:]
address = Address(name, host, int(port), user, Path(key), Path(known_hosts), Path(config))
story = run_on(sshbox.Box(name, name, address, ""), "yes")
for _ in range(3):
    next(story)
time.sleep(1)  # until all that is ahead of the reader is full
story.close()
"""


@pytest.fixture(scope="module")
def box(engine: Engine) -> Iterator[Box]:
    """A box of this module's own."""
    ensure_base(engine, print)
    if not boxspec.image_is_here(engine):
        for _ in build(engine, boxspec.recipe()[0]):
            pass
    name = f"cm-test-ssh-{uuid.uuid4().hex[:8]}"
    for _ in sshbox.start(engine, owner(), name):
        pass
    try:
        yield sshbox.ready(engine, owner(), name)
    finally:
        sshbox.remove(engine, owner(), name)


def held() -> tuple[set[threading.Thread], int]:
    """(threads, how many open files)"""
    return set(threading.enumerate()), len(list(Path("/proc/self/fd").iterdir()))


def test_a_program_that_is_abandoned_leaves_no_thread(box: Box) -> None:
    before = held()
    story = run_on(box, "yes")
    for _ in range(3):
        assert isinstance(next(story), Output)
    story.close()
    assert held() == before


def test_a_box_that_does_not_tell_the_end_of_what_was_stopped(engine: Engine, box: Box) -> None:
    """Nobody is to hear of a broken connection who has pressed stop, or set a time."""
    threads, stopper, seen = held()[0], Stopper(), []
    try:
        with closing(run_on(box, "echo on; sleep 600", stopper=stopper)) as story:
            for event in story:
                seen.append(event)
                if event == Output("stdout", b"on\n"):
                    engine.api.pause(box.name)
                    stopper.press()
    finally:
        engine.api.unpause(box.name)
    assert seen[-2:] == [Stopping("interrupt"), Exited(137)]
    assert held()[0] == threads


def test_the_interpreter_ends_after_a_program_was_abandoned(box: Box) -> None:
    one = box.address
    words = [box.name, one.host, str(one.port), one.user, one.key, one.known_hosts, one.config]
    subprocess.run([sys.executable, "-c", ABANDON, *words], timeout=30, check=True)


def test_many_logins_leave_no_thread_and_no_file(engine: Engine, box: Box) -> None:
    before = held()
    for _ in range(5):
        sshbox.wait_until_ready(engine, box)
    with login(box.address), login(box.address), login(box.address):
        pass
    assert held() == before


def test_a_login_that_fails_leaves_no_thread(box: Box) -> None:
    before = held()
    one = box.address
    nobody = type(one)(box.name, one.host, 1, one.user, one.key, one.known_hosts, one.config)
    with pytest.raises(SshFailed), login(nobody):
        pass
    assert held() == before


def test_another_host_key_is_refused_and_the_right_one_taken(box: Box, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known = tmp_path / "known_hosts"
    known.write_text(f"{box.name} {other}")
    before = held()
    with (
        pytest.raises(SshFailed, match="shows another host key than before") as caught,
        login(replace(box.address, known_hosts=known), patience_s=20),
    ):
        pass
    assert f"%sshbox reset {box.name}" in caught.value.hint
    known.write_bytes(box.address.known_hosts.read_bytes())
    with login(replace(box.address, known_hosts=known)):
        pass
    assert held() == before


def test_a_key_that_the_box_does_not_know_is_refused_at_once(box: Box, tmp_path: Path) -> None:
    key = tmp_path / "key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(key)
    began_s = time.monotonic()
    with (
        pytest.raises(SshFailed, match="does not accept your key"),
        login(replace(box.address, key=key), patience_s=20),
    ):
        pass
    assert time.monotonic() - began_s < 10


def test_an_sshd_that_answers_late_is_waited_for(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def relay(source: socket.socket, sink: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)
            sink.close()

        def answer() -> None:
            here, _ = server.accept()
            time.sleep(6)
            there = socket.create_connection((box.address.host, box.address.port))
            for pair in ((here, there), (there, here)):
                threading.Thread(target=relay, args=pair, daemon=True).start()

        threading.Thread(target=answer, daemon=True).start()
        late = replace(box, address=replace(box.address, port=server.getsockname()[1]))
        story = list(run_on(late, "echo came"))
    assert story == [Output("stdout", b"came\n"), Exited(0)]


def test_much_output_comes_whole(box: Box) -> None:
    story = list(run_on(box, "head -c 20000000 /dev/zero; head -c 7 /dev/zero >&2"))
    sizes = {"stdout": 0, "stderr": 0}
    for event in story[:-1]:
        assert isinstance(event, Output)
        sizes[event.stream] += len(event.data)
    assert sizes == {"stdout": 20_000_000, "stderr": 7}
    assert story[-1] == Exited(0)


def test_a_box_on_another_machine_is_refused_before_anything_is_made(engine: Engine) -> None:
    """Its 127.0.0.1 is not ours: the login would go to whatever listens here."""
    before = {one["Id"] for one in engine.api.containers(all=True)}
    api = docker.APIClient(engine.endpoint.url, version=engine.api.api_version)
    with closing(Engine(Endpoint("tcp://far.example:2376", "DOCKER_HOST"), api)) as far:
        for ask in (sshbox.find, sshbox.start, sshbox.existing, sshbox.remove):
            with pytest.raises(EngineError, match=r"this engine is on far\.example") as caught:
                list(ask(far, owner(), "cm-test-far") or ())
            assert "DOCKER_HOST" in caught.value.hint
    assert {one["Id"] for one in engine.api.containers(all=True)} <= before

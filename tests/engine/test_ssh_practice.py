"""All that one practises with SSH, against the box: by Debian's OpenSSH, and by the library."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import asyncssh
import pytest

from container_magics.core.boxes import BoxSettings
from container_magics.core.spec import ContainerSpec
from container_magics.engine import containers
from container_magics.engine.base import ensure_base
from container_magics.engine.client import Engine
from container_magics.engine.keys import Address
from container_magics.engine.logs import last_lines
from container_magics.engine.ownership import owner
from container_magics.engine.sshclient import login
from container_magics.errors import SshFailed
from container_magics.practice import boxlab, boxspec, sshbox
from container_magics.practice.sshbox import Box
from container_magics.session.build import build
from container_magics.session.container import Container
from container_magics.session.run import run_inside
from container_magics.session.stopper import Stopper

PATIENCE_S = 60


@dataclass
class Student:
    """A box, and a home folder of the student's own: nobody's ~/.ssh is read or written."""

    box: Box
    home: Path
    engine: Engine
    environment: dict[str, str] = field(default_factory=dict)

    def type(
        self, *words: str | Path, stdin: str | None = None, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of this machine."""
        env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C", **self.environment}
        return subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, timeout=PATIENCE_S,
            input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
            env=env, cwd=folder or self.home, start_new_session=True,
        )  # fmt: skip

    def ssh(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.type("ssh", "-F", self.box.config, *words, stdin=stdin)

    def on_box(self, script: str, user: str = "student") -> str:
        """What a script of the teacher's says there, by the engine."""
        spec = ContainerSpec("", ("sh", "-c", script), user=user)
        events = run_inside(self.engine, self.box.container, spec, stopper=Stopper(PATIENCE_S))
        return b"".join(getattr(event, "data", b"") for event in events).decode()


@pytest.fixture(scope="module")
def lab(engine: Engine) -> Iterator[list[Box]]:
    """A gate, and a box that only it reaches."""
    ensure_base(engine, print)
    if not boxspec.image_is_here(engine):
        for _ in build(engine, boxspec.recipe()[0]):
            pass
    names = [f"cm-test-{uuid.uuid4().hex[:6]}" for _ in range(2)]
    made = boxlab.start_lab(engine, owner(), names, BoxSettings(), Stopper())
    try:
        yield made
    finally:
        sshbox.remove(engine, owner(), names[0])
        for name in names:
            boxspec.keys().remove(name)


@pytest.fixture
def student(lab: list[Box], tmp_path: Path, engine: Engine) -> Student:
    return Student(lab[0], tmp_path, engine)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until(works: object, limit_s: float = 20.0) -> None:
    assert callable(works)
    end_s = time.monotonic() + limit_s
    while not works():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_password_is_refused_and_the_key_accepted(student: Student) -> None:
    refused = student.ssh("-o", "PubkeyAuthentication=no", student.box.name, "true")
    assert refused.returncode == 255
    assert "Permission denied (publickey)" in refused.stderr
    assert student.ssh(student.box.name, "whoami").stdout == "student\n"


def test_a_key_of_the_student_s_own_is_added_and_taken_away(student: Student) -> None:
    key = student.home / "mine"
    made = student.type("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    assert made.returncode == 0
    only = ("-o", "IdentitiesOnly=yes", "-o", f"IdentityFile={key}")
    plain = ("-F", "none", "-p", str(student.box.address.port), "-o", "LogLevel=ERROR",
             "-o", f"UserKnownHostsFile={student.box.address.known_hosts}",
             "-o", f"HostKeyAlias={student.box.name}", *only)  # fmt: skip
    login = ("ssh", *plain, "student@127.0.0.1", "echo in")
    assert student.type(*login).returncode == 255
    public = key.with_suffix(".pub").read_text()
    script = "umask 077; mkdir -p ~/.ssh; cat >> ~/.ssh/authorized_keys"
    assert student.ssh(student.box.name, script, stdin=public).returncode == 0
    assert student.type(*login).stdout == "in\n"
    student.ssh(student.box.name, "rm ~/.ssh/authorized_keys")
    assert student.type(*login).returncode == 255


def test_an_agent_holds_the_key(student: Student) -> None:
    said = student.type("ssh-agent", "-s").stdout
    words = dict(part.split("=", 1) for part in shlex.split(said.replace(";", " ")) if "=" in part)
    student.environment.update(words)
    try:
        assert student.type("ssh-add", "-q", student.box.address.key).returncode == 0
        listed = student.type("ssh-add", "-l").stdout
        assert "ED25519" in listed
        config = student.home / "config"
        text = Path(student.box.config).read_text()
        config.write_text("IdentityFile none\nIdentityAgent SSH_AUTH_SOCK\n" + text)
        hop = student.type(
            "ssh", "-F", config, "-A", "-o", "IdentitiesOnly=no", student.box.name, "ssh-add -l"
        )
        assert hop.stdout == listed
    finally:
        student.type("ssh-agent", "-k")


def test_an_unknown_host_is_refused_and_its_fingerprint_is_the_one_shown(student: Student) -> None:
    port = str(student.box.address.port)
    nobody = ("-o", f"UserKnownHostsFile={student.home}/none")
    refused = student.ssh(*nobody, student.box.name, "true")
    assert "Host key verification failed" in refused.stderr
    scanned = student.type("ssh-keyscan", "-t", "ed25519", "-p", port, "127.0.0.1").stdout
    shown = student.type("ssh-keygen", "-l", "-f", "-", stdin=scanned).stdout
    assert student.box.fingerprint in shown
    inside = student.on_box("ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub")
    assert student.box.fingerprint in inside


def test_a_changed_host_key_stops_the_login(student: Student) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known = student.home / "known_hosts"
    known.write_text(f"{student.box.name} {other}")
    refused = student.ssh("-o", f"UserKnownHostsFile={known}", student.box.name, "true")
    assert refused.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.stderr


def test_an_ssh_config_jumps_to_the_inner_box(student: Student, lab: list[Box]) -> None:
    gate, inner = lab
    assert student.ssh(inner.name, "hostname").stdout == f"{inner.name}\n"
    assert f"ProxyJump {gate.name}" in Path(inner.address.config).with_name(
        "boxes").joinpath(inner.name).read_text()  # fmt: skip
    straight = student.ssh("-o", "ProxyJump=none", "-o", "ConnectTimeout=3", inner.name, "true")
    assert straight.returncode == 255


def test_files_go_there_and_back(student: Student) -> None:
    sent = student.home / "sent"
    sent.write_bytes(os.urandom(300_000))
    name, config = student.box.name, student.box.config
    assert student.type("scp", "-q", "-F", config, sent, f"{name}:scp").returncode == 0
    batch = f"put {sent} sftp\nget scp back\nrename scp moved\nls -1\n"
    done = student.type("sftp", "-q", "-F", config, "-b", "-", name, stdin=batch)
    assert {"moved", "sftp"} <= set(done.stdout.split())
    assert (student.home / "back").read_bytes() == sent.read_bytes()
    folder = student.home / "tree"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_text("one")
    rsync = ("rsync", "-a", "-e", f"ssh -F {config}", "--out-format=%n")
    assert student.type(*rsync, f"{folder}/", f"{name}:tree/").returncode == 0
    (folder / "sub" / "b").write_text("two")
    again = student.type(*rsync, f"{folder}/", f"{name}:tree/").stdout.split()
    assert "sub/b" in again
    assert "sub/a" not in again
    assert student.ssh(name, "cat tree/sub/*; rm -r tree moved sftp").stdout == "onetwo"


class Greeter(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from the notebook's machine\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def greeter() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Greeter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_port_of_the_box_comes_here_and_one_of_ours_goes_there(
    student: Student, greeter: int
) -> None:
    here = free_port()
    words = ["ssh", "-F", student.box.config, "-L", f"127.0.0.1:{here}:127.0.0.1:7000",
             "-R", f"7001:127.0.0.1:{greeter}", "-o", "ExitOnForwardFailure=yes",
             student.box.name, "printf there | nc -l -N 127.0.0.1 7000"]  # fmt: skip
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as tunnel:
        try:
            until(lambda: accepts(here))
            ask = "exec 3<>/dev/tcp/127.0.0.1/7001; echo 'GET / HTTP/1.0\n' >&3; tail -1 <&3"
            assert student.ssh(student.box.name, ask).stdout == "from the notebook's machine\n"
            until(lambda: "there" in received(here))
        finally:
            tunnel.terminate()


def received(port: int) -> str:
    """What a port sends; "there" once, for nc serves one."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile().read()


def through(port: int, machine: str) -> bytes:
    """The first bytes that sshd of a machine says to who comes by the SOCKS proxy at a port."""
    name = machine.encode()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as proxy:
        proxy.sendall(b"\5\1\0")  # SOCKS 5 (RFC 1928), no authentication
        assert proxy.recv(2) == b"\5\0"
        proxy.sendall(b"\5\1\0\3" + bytes([len(name)]) + name + (22).to_bytes(2))
        assert proxy.recv(10)[:2] == b"\5\0"
        return proxy.recv(8)


def test_a_socks_proxy_reaches_the_inner_box(student: Student, lab: list[Box]) -> None:
    here = free_port()
    words = ["ssh", "-F", student.box.config, "-N", "-D", f"127.0.0.1:{here}", student.box.name]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as tunnel:
        try:
            until(lambda: accepts(here))
            assert through(here, lab[1].container) == b"SSH-2.0-"
        finally:
            tunnel.terminate()


def test_status_stdin_and_a_terminal(student: Student) -> None:
    name = student.box.name
    assert student.ssh(name, "exit 7").returncode == 7
    assert student.ssh(name, "kill -9 $$").returncode == 255
    assert student.ssh(name, "tr a-z A-Z", stdin="words\n").stdout == "WORDS\n"
    assert student.ssh(name, "tty").stdout == "not a tty\n"
    assert student.ssh("-tt", name, "tty").stdout.startswith("/dev/pts/")


def test_one_connection_serves_many(student: Student) -> None:
    control = ("-o", "ControlMaster=auto", "-o", f"ControlPath={student.home}/c",
               "-o", "ControlPersist=30")  # fmt: skip
    name = student.box.name
    first = student.ssh(*control, name, "echo $SSH_CLIENT").stdout
    try:
        assert student.ssh(*control, name, "echo $SSH_CLIENT").stdout == first
        assert "Master running" in student.ssh(*control, "-O", "check", name).stderr
    finally:
        student.ssh(*control, "-O", "exit", name)


def test_who_and_last_know_of_the_login(student: Student) -> None:
    words = ["ssh", "-tt", "-F", student.box.config, student.box.name, "read line"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as login:
        try:
            until(lambda: "student" in student.on_box("who"))
            assert "pts/" in student.on_box("last student")
        finally:
            login.terminate()


def test_a_box_behind_a_gate_that_falls_silent_is_given_up(
    lab: list[Box], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate goes on answering for it: nothing else would ever say that it has gone."""
    monkeypatch.setattr("container_magics.engine.sshclient.KEEPALIVE_S", 1.0)
    inner = lab[1]
    with login(inner.address) as made:
        engine.api.pause(inner.container)
        try:
            with pytest.raises(SshFailed, match="broke before the program began"):
                made.start("true")
        finally:
            engine.api.unpause(inner.container)


def test_the_log_of_sshd_says_who_came(student: Student) -> None:
    student.ssh(student.box.name, "true")
    student.ssh("-o", "PubkeyAuthentication=no", "-l", "root", student.box.name, "true")

    def log() -> str:  # the engine has what sshd writes a moment after the login
        return "\n".join(last_lines(student.engine, student.box.container, 50))

    until(lambda: "Accepted publickey for student" in log())
    until(lambda: "root" in log())


def test_a_hardened_sshd_is_seen_and_a_broken_one_stays_out(student: Student) -> None:
    before = student.on_box("/usr/sbin/sshd -T", "root")
    assert "maxauthtries 6" in before
    student.on_box("echo 'MaxAuthTries 2\nAllowTcpForwarding no' >> /etc/ssh/sshd_config", "root")
    try:
        after = student.on_box("/usr/sbin/sshd -T", "root")
        assert "maxauthtries 2" in after
        reload = "/usr/sbin/sshd -t && kill -HUP 1 && sleep 1"
        assert student.on_box(reload, "root") == ""
        until(lambda: student.ssh(student.box.name, "true").returncode == 0)
        refused = student.ssh("-W", "127.0.0.1:22", student.box.name)
        assert "administratively prohibited" in refused.stderr
        student.on_box("echo Nonsense yes >> /etc/ssh/sshd_config", "root")
        assert "Bad configuration option: Nonsense" in student.on_box(
            "/usr/sbin/sshd -t 2>&1", "root"
        )
    finally:
        mend = "sed -i '/MaxAuth/d;/AllowTcp/d;/Nonsense/d' /etc/ssh/sshd_config; kill -HUP 1"
        student.on_box(mend, "root")
        until(lambda: student.ssh(student.box.name, "true").returncode == 0)


def test_the_library_does_the_same(student: Student, lab: list[Box], tmp_path: Path) -> None:
    """asyncssh: a login over the gate, sftp, a tunnel, a terminal, and no password."""

    async def story() -> None:
        gate, inner = lab[0].address, lab[1].address

        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                gate.host, gate.port, **{**how(gate), "client_keys": None, "password": "x"}
            )
        async with (
            asyncssh.connect(gate.host, gate.port, **how(gate)) as first,
            asyncssh.connect(inner.host, inner.port, tunnel=first, **how(inner)) as second,
        ):
            assert (await second.run("hostname")).stdout == f"{inner.box}\n"
            assert (await second.run("exit 3")).exit_status == 3
            assert str((await second.run("tty", term_type="xterm")).stdout).startswith("/dev/pts")
            async with second.start_sftp_client() as sftp:
                (tmp_path / "up").write_text("by the library")
                await sftp.put(tmp_path / "up", "up")
                await sftp.get("up", tmp_path / "down")
            listener = await first.forward_local_port("127.0.0.1", 0, inner.host, 22)
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.get_port())
            assert (await reader.readline()).startswith(b"SSH-2.0-")
            writer.close()

    asyncio.run(story())
    assert (tmp_path / "down").read_text() == "by the library"


def how(address: Address) -> dict[str, object]:
    """How the library logs in with a box's own key; nothing of this machine's user is looked at."""
    return {
        "username": address.user, "client_keys": [str(address.key)], "config": None,
        "known_hosts": str(address.known_hosts), "host_key_alias": address.box,
        "agent_path": None,
    }  # fmt: skip


def test_the_library_takes_a_key_of_one_s_own_and_an_agent_s(student: Student) -> None:
    """asyncssh: a key is made, added, used from a file and from an agent, and taken away."""
    gate = student.box.address
    key = asyncssh.generate_private_key("ssh-ed25519", comment="mine")
    key.write_private_key(student.home / "mine")

    async def logged_in(**by: object) -> str:
        async with asyncssh.connect(gate.host, gate.port, **{**how(gate), **by}) as there:
            return str((await there.run("ssh-add -l 2>&1 || echo in", check=True)).stdout)

    async def story() -> None:
        by_file = {"client_keys": [str(student.home / "mine")]}
        async with asyncssh.connect(gate.host, gate.port, **how(gate)) as first:
            with pytest.raises(asyncssh.PermissionDenied):
                await logged_in(**by_file)
            public = key.export_public_key().decode()
            add = "umask 077; mkdir -p ~/.ssh; cat >> ~/.ssh/authorized_keys"
            await first.run(add, input=public, check=True)
            assert (await logged_in(**by_file)).endswith("in\n")
            socket_path = student.environment["SSH_AUTH_SOCK"]
            async with asyncssh.connect_agent(socket_path) as agent:
                await agent.add_keys([key])
                by_agent = {"client_keys": (), "agent_path": socket_path}
                assert key.get_fingerprint() in await logged_in(**by_agent, agent_forwarding=True)
                await agent.remove_all()
            with pytest.raises(asyncssh.PermissionDenied):
                await logged_in(**by_agent)
            await first.run("rm ~/.ssh/authorized_keys", check=True)
            with pytest.raises(asyncssh.PermissionDenied):
                await logged_in(**by_file)

    said = student.type("ssh-agent", "-s").stdout
    words = dict(part.split("=", 1) for part in shlex.split(said.replace(";", " ")) if "=" in part)
    student.environment.update(words)
    try:
        asyncio.run(story())
    finally:
        student.type("ssh-agent", "-k")


def test_the_library_copies_and_forwards(
    student: Student, lab: list[Box], greeter: int, tmp_path: Path
) -> None:
    """asyncssh: scp both ways, a port of ours on the box (-R), a SOCKS proxy (-D)."""
    gate, inner = lab[0].address, lab[1]
    sent = os.urandom(300_000)
    (tmp_path / "sent").write_bytes(sent)

    async def story() -> None:
        async with asyncssh.connect(gate.host, gate.port, **how(gate)) as there:
            await asyncssh.scp(tmp_path / "sent", (there, "by-scp"))
            await asyncssh.scp((there, "by-scp"), tmp_path / "back")
            await there.run("rm by-scp", check=True)
            port = (
                await there.forward_remote_port("127.0.0.1", 0, "127.0.0.1", greeter)
            ).get_port()
            ask = f"exec 3<>/dev/tcp/127.0.0.1/{port}; echo 'GET / HTTP/1.0\n' >&3; tail -1 <&3"
            asked = await there.run(f"bash -c {shlex.quote(ask)}", check=True)
            assert asked.stdout == "from the notebook's machine\n"
            proxy = await there.forward_socks("127.0.0.1", 0)
            assert (
                await asyncio.to_thread(through, proxy.get_port(), inner.container) == b"SSH-2.0-"
            )

    asyncio.run(story())
    assert (tmp_path / "back").read_bytes() == sent


def test_it_shows_what_a_container_is(student: Student) -> None:
    """sshd is a process of the host, and the first one in the box; its layer grows."""
    table = containers.processes(student.engine, student.box.container)
    sshd = next(row for row in table if "sshd" in row.command)
    assert student.on_box("cat /proc/1/comm") == "sshd\n"
    if Path(f"/proc/{sshd.host_pid}/comm").exists():
        assert Path(f"/proc/{sshd.host_pid}/comm").read_text() == "sshd\n"
    student.ssh(student.box.name, "echo grown > grown")
    changed = {one.path: one.kind for one in containers.changes(student.engine,
                                                                student.box.container)}  # fmt: skip
    assert changed["/home/student/grown"] == "added"
    assert Container(student.engine, student.box.container).read_text("/home/student/grown")

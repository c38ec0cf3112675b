"""A real sshd on this machine's loopback, and a user who may log in to it, for engines by ssh://.

The sshd runs in a container of the practice box's image, which has one: nothing is installed, and
the user's ~/.ssh is neither read nor written. It shares the machine's network, as the sshd of an
engine's machine does, and has the engine's socket where Docker puts it. A file ``ssh`` that comes
first on PATH is the system's own with a configuration of the test's, and writes down each time it
starts.
"""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from container_magics.engine.client import Engine
from container_magics.practice import boxspec
from container_magics.session.build import build

LIMIT_S = 60.0
ALIAS = "faraway"
SERVER = """\
ListenAddress 127.0.0.1
Port {port}
HostKey /etc/ssh/cm_host_key
AuthorizedKeysFile /etc/ssh/cm_authorized
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
StrictModes no
LogLevel VERBOSE
"""
CLIENT = """\
Host {alias}
    HostName 127.0.0.1
    Port {port}
    User root
    IdentityFile {folder}/user
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    LocalForward {taken} 127.0.0.1:1
"""


@dataclass
class SshServer:
    """One sshd. ``url`` is what a user would write; ``bin`` is to come first on PATH."""

    engine: Engine
    folder: Path
    port: int
    container: str = ""
    url: str = f"ssh://{ALIAS}"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def started(self) -> list[str]:
        """The lines of every ssh that was started."""
        log = self.folder / "started"
        return log.read_text().splitlines() if log.exists() else []

    def masters(self) -> list[str]:
        """Those that logged in, and did not go through one that had."""
        return [line for line in self.started() if "ControlMaster=yes" in line]

    def logins_asked(self) -> list[str]:
        """Those that were to log in: no master was there to go through."""
        return [line for line in self.started() if "-F none" not in line]

    def logins(self) -> int:
        """How many logins sshd has seen, by its own log."""
        log: bytes = self.engine.api.logs(self.container)
        return log.count(b"Accepted publickey")

    def kill(self) -> None:
        """The machine is gone, as far as ssh can see."""
        self.engine.api.kill(self.container)

    def forget_host_key(self) -> None:
        """The user has never seen this host."""
        (self.folder / "known_hosts").write_text("")


@contextmanager
def ssh_server(engine: Engine, folder: Path, *, docker: bool = False) -> Iterator[SshServer]:
    """Start one, wait until it answers, and remove it in the end. With ``docker`` Debian's docker
    command is on the other side, which the docker SDK wants there."""
    if not boxspec.image_is_here(engine):
        with closing(build(engine, boxspec.recipe()[0])) as events:
            list(events)
    server = SshServer(engine, folder, unused_port())
    for name in ("host", "user"):
        make_key(folder / name)
    write_client(server)
    api = engine.api
    binds = [f"{engine.endpoint.socket}:/var/run/docker.sock"]
    if docker:
        binds.append("/usr/bin/docker:/usr/bin/docker:ro")
    host = api.create_host_config(network_mode="host", binds=binds)
    words = ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/cm_config"]
    made = api.create_container(boxspec.IMAGE, words, host_config=host, labels={"cm-test-ssh": "1"})
    server.container = made["Id"]
    try:
        api.put_archive(server.container, "/", server_files(server))
        api.start(server.container)
        wait_until_it_answers(server)
        yield server
    finally:
        api.remove_container(server.container, force=True, v=True)


def make_key(path: Path) -> None:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(words, check=True)


def write_client(server: SshServer) -> None:
    folder, port = server.folder, server.port
    public = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
    config = CLIENT.format(alias=ALIAS, port=port, folder=folder, taken=port)
    (folder / "config").write_text(config)
    real = shutil.which("ssh")
    assert real, "openssh-client"
    server.bin.mkdir()
    program = server.bin / "ssh"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {folder}/started\nexec {real} -F {folder}/config "$@"\n'
    )
    program.chmod(0o755)


def server_files(server: SshServer) -> bytes:
    """sshd's files as an archive; its keys are root's own."""
    files = {
        "etc/ssh/cm_config": SERVER.format(port=server.port).encode(),
        "etc/ssh/cm_host_key": (server.folder / "host").read_bytes(),
        "etc/ssh/cm_authorized": (server.folder / "user.pub").read_bytes(),
    }
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        folder = tarfile.TarInfo("run/sshd")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def unused_port() -> int:
    with closing(socket.socket()) as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def wait_until_it_answers(server: SshServer) -> None:
    limit_s = time.monotonic() + LIMIT_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", server.port), 1) as one:
                if one.recv(4) == b"SSH-":
                    return
        except OSError:
            pass
        assert time.monotonic() < limit_s, server.engine.api.logs(server.container)
        time.sleep(0.02)

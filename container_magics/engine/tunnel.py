"""One ssh to the machine of an engine, and all that goes over it: its socket, and ports.

The docker SDK starts an ssh for every connection that it opens. Here one is started, and the
engine's socket there is forwarded to one in a folder that only this user may enter. What speaks to
a socket of this machine then speaks to that engine, through one login.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from container_magics.core.terminal import plain
from container_magics.engine import sshwatch
from container_magics.engine.command import find
from container_magics.engine.sshtarget import (
    CONNECT_S,
    SshTarget,
    master_words,
    parse_target,
    through_words,
)
from container_magics.engine.statedir import runtime_dir
from container_magics.errors import NoEngine

LOOK_S = 0.01
LOGIN_S = CONNECT_S + 20.0
"""How long a login may take in all: over a jump host it is several."""
ASK_S = 15.0
END_S = 5.0
TRIES = 5
"""How often a free port is looked for: between the look and the use another may take it."""
LAST_LINES = 6
USUAL = "/var/run/docker.sock"
# The first that this user may write to, there; a shell that cannot say so leaves the usual one.
LOOK_FOR_SOCKETS = (
    "sh -c 'for s in "
    '"${DOCKER_HOST#unix://}" /var/run/docker.sock "$XDG_RUNTIME_DIR/docker.sock" '
    '"/run/user/$(id -u)/docker.sock" "$HOME/.docker/run/docker.sock" '
    '"/run/user/$(id -u)/podman/podman.sock" /run/podman/podman.sock; '
    'do if [ -S "$s" ] && [ -w "$s" ]; then echo "$s"; exit; fi; done\''
)


class Tunnel:
    """An ssh that has logged in, and the forwards over it. Made by ``open_tunnel``; closed by
    ``close``, by the end of this process, and by its being killed."""

    def __init__(self, ssh: str, target: SshTarget) -> None:
        """Log in. NoEngine, with ssh's own last words, when that does not succeed."""
        self.target = target
        self._ssh = ssh
        near = runtime_dir() if os.access(runtime_dir(), os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="cm-ssh-", dir=near))  # 0700, and a short path
        self._control = self.folder / "c"
        self.socket = self.folder / "engine.sock"
        self._ports: dict[tuple[str, int], int] = {}
        self._led: dict[int, str] = {}
        self._lock = threading.Lock()
        try:
            self._process = self._started()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        try:
            self._wait_for_login()
            self._forward_engine()
        except BaseException:
            self.close()
            raise

    def _started(self) -> subprocess.Popen[bytes]:
        """The program that watches over ssh."""
        words = [sys.executable, "-I", "-S", str(sshwatch.__file__), str(self.folder)]
        return subprocess.Popen(  # noqa: S603 - a list of words, no shell
            [*words, *master_words(self._ssh, self.target, self._control)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a stop of the cell is not for it
        )

    @property
    def lives(self) -> bool:
        """Whether its ssh still runs."""
        return not self._has_ended() and self._control.exists()

    def _has_ended(self) -> bool:
        """Whether ssh has ended, or what watches over it."""
        return self._process.poll() is not None or (self.folder / sshwatch.ENDED).exists()

    def _wait_for_login(self) -> None:
        end_s = time.monotonic() + LOGIN_S
        while not self._control.exists():
            if self._has_ended() or time.monotonic() > end_s:
                raise self._failed("ssh cannot log in to")
            time.sleep(LOOK_S)

    def _forward_engine(self) -> None:
        there = self.target.socket or self._socket_there()
        self._say("-O", "forward", "-L", f"{self.socket}:{there}")

    def _socket_there(self) -> str:
        """The engine's socket on the other side."""
        words = through_words(self._ssh, self.target, self._control, "-T")
        said = self._run([*words, LOOK_FOR_SOCKETS]).stdout.decode("utf-8", "replace")
        return next((line for line in said.splitlines() if line.startswith("/")), USUAL)

    def port(self, host: str, port: int) -> int:
        """The port of 127.0.0.1 that leads to ``host:port`` as seen from the other side; the same
        at every call. The same number where it is free here. NoEngine when ssh refuses."""
        with self._lock:
            if (host, port) not in self._ports:
                self._ports[host, port] = self._new_port(host, port)
            return self._ports[host, port]

    def lead(self, here: int, host: str, port: int) -> None:
        """Let just this port of 127.0.0.1 lead to ``host:port``, and no longer to where it led
        before. NoEngine when ssh refuses, or another program has the port."""
        with self._lock:
            if before := self._led.pop(here, None):
                self._says("-O", "cancel", "-L", before)
            way = f"127.0.0.1:{here}:{host}:{port}"
            if not self._says("-O", "forward", "-L", way):
                raise self._failed(f"Port {here} of this machine cannot be led by ssh to")
            self._led[here] = way

    def _new_port(self, host: str, port: int) -> int:
        for trial in range(TRIES):
            here = free_port(port if trial == 0 else 0)
            where = f"[{host}]" if ":" in host else host
            if self._says("-O", "forward", "-L", f"127.0.0.1:{here}:{where}:{port}"):
                return here
        raise self._failed(f"Port {port} cannot be forwarded by ssh from")

    def _says(self, *words: str) -> bool:
        return (
            self._run(through_words(self._ssh, self.target, self._control, *words)).returncode == 0
        )

    def _say(self, *words: str) -> None:
        if not self._says(*words):
            raise self._failed("ssh cannot forward the engine's socket of")

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[bytes]:
        """An ssh that says something to ours; NoEngine when there is no answer in time."""
        try:
            return subprocess.run(  # noqa: S603 - a list of words, no shell
                words, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=ASK_S
            )
        except subprocess.TimeoutExpired as error:
            raise self._failed(f"For {ASK_S:g} s ssh has had no answer from") from error

    def _failed(self, sentence: str) -> NoEngine:
        return NoEngine(
            f"{sentence} {self.target.host}.",
            hint=f"In a terminal, `{self.target.line}` has to succeed without a question: "
            "with a key that is loaded, and a host key that is known.",
            facts=self.last_words(),
        )

    def last_words(self) -> tuple[str, ...]:
        """What ssh has said last."""
        try:
            said = (self.folder / "log").read_bytes()[-4096:].decode("utf-8", "replace")
        except OSError:
            return ()
        lines = (plain(line).strip() for line in said.splitlines())
        return tuple(line for line in lines if line)[-LAST_LINES:]

    def close(self) -> None:
        """End ssh and every forward; nothing happens the second time."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def open_tunnel(url: str) -> Tunnel:
    """A login to the machine of ``url`` (ssh://...). UsageError for what is no address, NoEngine
    where there is no ssh, and where it does not succeed."""
    target = parse_target(url)
    ssh = find("ssh")
    if ssh is None:
        raise NoEngine(
            "There is no ssh on this machine, and the engine is named by ssh://.",
            hint="Install OpenSSH's client (Debian, Ubuntu: openssh-client).",
        )
    return Tunnel(ssh, target)


def free_port(wanted: int) -> int:
    """``wanted`` where it is free on 127.0.0.1 and no system's port, else one that is."""
    for port in (wanted, 0) if wanted >= 1024 else (0,):
        with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    raise NoEngine("No port of 127.0.0.1 is free.")

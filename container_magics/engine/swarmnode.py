"""One node of a practice swarm: a dockerd with a network, processes and mounts of its own.

A node is a tree of namespaces (network, mounts, processes, host name), so that all of it ends
with its first process: what SIGKILL leaves of a dockerd on the machine itself (shims, containers,
mounts, interfaces) ends here as it does where a computer loses power.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from container_magics.engine.client import Engine, connect
from container_magics.engine.command import find, output_of, search_path
from container_magics.errors import EngineError

START_S = 60.0
STOP_S = 20.0
CLEAR_S = 10.0
LOOK_S = 0.05
# whoever made it may be killed, and so be kept from ending it; --kill-child hands that on
WITH_US = ("--pdeathsig", "KILL", "--")
NEW = ("--net", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
CGROUPS = Path("/sys/fs/cgroup")
OURS = "198.18.0.0/24"
"""A registry on the switch needs no certificate: whoever reaches it is one of the nodes."""


def until(true: Callable[[], bool], what: str, limit_s: float = START_S) -> None:
    """Wait until something is so; EngineError, which says what was waited for, after the limit."""
    end_s = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end_s:
            raise EngineError(f"This did not come within {limit_s:g} s: {what}.")
        time.sleep(LOOK_S)


class Namespace:
    """A process in a network namespace of its own that does nothing until it is told to."""

    def __init__(self, script: str, log: Path) -> None:
        """Start a shell that waits for a line, and then goes on with ``script``. It ends with the
        thread that calls this (prctl(2), PR_SET_PDEATHSIG), at the latest."""
        unshare, setpriv = find("unshare") or "unshare", find("setpriv") or "setpriv"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [setpriv, *WITH_US, unshare, *NEW, "sh", "-c", f"read -r go && {script}"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": search_path()},
                start_new_session=True,  # Ctrl-C is for us: we end it in order
            )
        ours = Path("/proc/self/ns/net").readlink()
        until(lambda: self._network() not in (None, ours), "a network namespace")

    def _network(self) -> Path | None:
        with suppress(OSError):
            return Path(f"/proc/{self.pid}/ns/net").readlink()
        return None

    @property
    def pid(self) -> int:
        """The process whose network it is, as this machine numbers it."""
        return self._process.pid

    @property
    def first(self) -> int:
        """Its first process, as this machine numbers it: whose mounts are the node's."""
        return int(psutil.Process(self.pid).children()[0].pid)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def go(self) -> None:
        """Let the script begin."""
        if self._process.stdin:
            self._process.stdin.write(b"go\n")
            self._process.stdin.close()

    def inside(self, *words: str) -> str:
        """Run one of the machine's tools on this network; EngineError when it fails."""
        return output_of("nsenter", f"--net=/proc/{self.pid}/ns/net", *words)

    def kill(self) -> None:
        """End it and all that lives in it, as a power cut does."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        children = list[psutil.Process]()
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.pid).children()
            for child in children:
                child.kill()  # the first process of the namespace: the kernel ends the others
        # unshare waits for its child, and that is gone only when all in the namespace are: before
        # that dockerd still makes what is to be cleared away after it
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S if children else 0)
        self._process.kill()
        self._process.wait()

    def ask_to_end(self, limit_s: float = STOP_S) -> None:
        """SIGTERM to what the script has become, and wait; what is left then is killed."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.pid).children():
                child.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(limit_s)
        self.kill()


class Node:
    """An engine at ``address``, with its socket and its data in ``folder``."""

    def __init__(
        self, folder: Path, name: str, address: str, mark: str, disk_bytes: int | None = None
    ) -> None:
        """Nothing is started yet. ``mark`` names what the kernel keeps of it; ``disk_bytes`` is
        the size of a disk of its own, None for a folder of this machine."""
        self.folder, self.name, self.address, self._disk_bytes = folder, name, address, disk_bytes
        self.cgroup = f"{mark}-{name}"
        self._space: Namespace | None = None
        self._engine: Engine | None = None
        folder.mkdir(parents=True)

    @property
    def url(self) -> str:
        """Where its engine answers, also from outside."""
        return f"unix://{self.folder / 'docker.sock'}"

    @property
    def space(self) -> Namespace:
        """Its namespaces, while it runs."""
        if self._space is None:
            raise EngineError(f"The node {self.name} does not run.")
        return self._space

    def start(self, plug: Callable[[Node], None]) -> None:
        """Start the engine once ``plug`` has put the node on the network."""
        self._space = Namespace(self._script(), self.folder / "log")
        plug(self)
        self._space.go()

    def _script(self) -> str:
        place, config = self.folder, self.folder / "daemon.json"
        config.write_text(json.dumps({"insecure-registries": [OURS]}) + "\n", encoding="utf-8")
        data = place / "data"
        data.mkdir(exist_ok=True)
        words = [
            f"--config-file={config}",
            f"--host={self.url}",
            f"--data-root={data}",
            f"--exec-root={place / 'exec'}",
            f"--pidfile={place / 'docker.pid'}",
            f"--cgroup-parent=/{self.cgroup}",
            "--group=root",
        ]
        disk = f"mount -o loop {self._disk()} {data} && " if self._disk_bytes else ""
        # a pid of the last life is another process's in this one
        steps = (
            f"{disk}rm -f {place / 'docker.pid'}",
            f"rm -rf {place / 'exec'}",
            f"hostname {self.name}",
            f"TMPDIR={place} exec {find('dockerd') or 'dockerd'} {' '.join(words)}",
        )
        return " && ".join(steps)

    def _disk(self) -> Path:
        """A file that is a disk of its own, made when the node is first started."""
        path = self.folder / "disk"
        if not path.exists():
            output_of("truncate", f"--size={self._disk_bytes}", str(path))
            output_of("mkfs.ext4", "-q", "-m", "0", str(path))
        return path

    def answers(self) -> bool:
        """Whether its engine answers by now; EngineError when it has ended instead."""
        if not self.space.alive:
            raise EngineError(f"The node {self.name} ended.", facts=self.last_words())
        with suppress(EngineError):
            connect({"DOCKER_HOST": self.url}).close()
            return True
        return False

    def last_words(self) -> tuple[str, ...]:
        """The end of its log."""
        return tuple((self.folder / "log").read_text(errors="replace").splitlines()[-5:])

    @property
    def engine(self) -> Engine:
        """A connection to its engine, the same each time."""
        if self._engine is None:
            self._engine = connect({"DOCKER_HOST": self.url})
        return self._engine

    def kill(self) -> None:
        """Cut its power."""
        self._forget()
        if self._space:
            self._space.kill()

    def stop(self) -> None:
        """Shut it down in order."""
        self._forget()
        if self._space:
            self._space.ask_to_end()

    def _forget(self) -> None:
        if self._engine:
            self._engine.close()
        self._engine = None

    def clear(self) -> bool:
        """Remove the kernel's groups of processes that ended with it; whether they are gone. The
        kernel keeps one as in use for a moment after its last process, so it is tried again."""
        end_s = time.monotonic() + CLEAR_S
        while not clear_groups(self.cgroup):
            if time.monotonic() > end_s:
                return False
            time.sleep(LOOK_S)
        return True


def clear_groups(pattern: str) -> bool:
    """Remove the kernel's groups of processes of that name, the innermost first. Whether all of
    them are gone: one with a process in it stays."""
    gone = True
    for root in (CGROUPS, *CGROUPS.glob("*/")):
        for folder in sorted(root.glob(f"{pattern}/**/"), reverse=True):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
    return gone

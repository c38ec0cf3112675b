"""Where an engine of our own keeps its things: one state folder, and a run folder for sockets."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

STATE_VARIABLE = "CONTAINER_MAGICS_STATE"
KERNEL_SOCKETS = "cm-k-"
"""How the names of folders of kernels' sockets begin; short, for a socket's path is."""

# A unix socket's path holds 107 bytes (sun_path in unix(7)), and dockerd adds up to 40 of its own
# under its exec root ("/exec/containerd/containerd.sock.ttrpc").
_LONGEST_SOCKET_PATH = 107
_ROOM_FOR_SOCKETS = 42


def state_dir(environ: Mapping[str, str]) -> Path:
    """The user's state folder: CONTAINER_MAGICS_STATE, else the platform's own. May not exist."""
    if chosen := environ.get(STATE_VARIABLE):
        return Path(chosen).expanduser().resolve()
    return Path(platformdirs.user_state_dir("container-magics"))


def runtime_dir() -> Path:
    """A short folder for sockets: the session's own, root's, or that of temporary files."""
    if given := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(given)
    return Path("/run") if os.geteuid() == 0 else Path(tempfile.gettempdir())


def is_ours_alone(folder: Path) -> bool:
    """Whether a path is a real folder, this user's, that nobody else may enter.

    A folder in /tmp has a name that others can foresee, and make before us: what lies in it
    then is theirs. Once it is ours, /tmp's sticky bit keeps it so.
    """
    try:
        found = folder.lstat()
    except OSError:
        return False
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return mine and not found.st_mode & 0o077


@dataclass(frozen=True, slots=True)
class Places:
    """The files and names of the private engine of one state folder; all follow from its path."""

    state: Path

    @property
    def tag(self) -> str:
        """Eight hex digits that tell this state folder from others."""
        return hashlib.sha256(str(self.state).encode()).hexdigest()[:8]

    @property
    def run(self) -> Path:
        """The folder of sockets: in root's state folder where its path is short enough, else in
        a short one. Podman wants less than 50 characters for its own, so users get a short one.
        """
        inside = self.state / "run"
        room = _LONGEST_SOCKET_PATH - _ROOM_FOR_SOCKETS
        if os.geteuid() == 0:
            # Root's own runtime folder depends on how root logged in; /run is always there.
            return inside if len(os.fsencode(inside)) <= room else Path("/run") / self._short
        return runtime_dir() / self._short

    @property
    def _short(self) -> str:
        return f"container-magics-{self.tag}"

    @property
    def socket(self) -> Path:
        """The engine's socket."""
        return self.run / "docker.sock"

    @property
    def exec_root(self) -> Path:
        """dockerd's folder of what runs: containerd's sockets, network namespaces."""
        return self.run / "exec"

    @property
    def podman_root(self) -> Path:
        """Podman's folder of what runs."""
        return self.run / "root"

    @property
    def podman_tmp(self) -> Path:
        """Podman's folder of what it has to remember until the machine is started anew."""
        return self.run / "tmp"

    @property
    def run_folders(self) -> tuple[Path, ...]:
        """Every folder that an engine of ours makes beside its socket."""
        return (self.exec_root, self.podman_root, self.podman_tmp)

    @property
    def data(self) -> Path:
        """Images, containers, volumes: kept over a stop."""
        return self.state / "data"

    @property
    def log(self) -> Path:
        """What the engine prints."""
        return self.state / "engine.log"

    @property
    def pid_file(self) -> Path:
        """dockerd's own pid file."""
        return self.state / "engine.pid"

    @property
    def record(self) -> Path:
        """What was started and made: pid, bridge, rules. JSON."""
        return self.state / "engine.json"

    @property
    def lock(self) -> Path:
        """Held while starting or stopping."""
        return self.state / "engine.lock"

    @property
    def bridge(self) -> str:
        """The name of the engine's own bridge (an interface's name has at most 15 characters)."""
        return f"cm-{self.tag}"

    @property
    def url(self) -> str:
        """The engine's address."""
        return f"unix://{self.socket}"

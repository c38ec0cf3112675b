"""Podman's service as an engine of our own, for a user who is not root."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from container_magics.engine.command import find, succeeds
from container_magics.engine.statedir import Places
from container_magics.errors import EngineError


def command(places: Places) -> list[str]:
    """The ``podman system service`` call. Raises EngineError where Podman is missing."""
    if find("podman") is None:
        raise EngineError(
            "Podman is not installed, and without root only Podman can be started.",
            hint="Ask an administrator: `sudo apt-get install podman` on Debian and Ubuntu.",
        )
    return [*_podman(places), "system", "service", "--time=0", places.url]


def _podman(places: Places) -> list[str]:
    """Podman on our own storage.

    Storage and runtime are flags and not a configuration file: Podman's clean-up process does
    not see a file that only an environment variable names, and then every wait takes 20 s.
    """
    return [
        find("podman") or "podman",
        f"--root={places.data}",
        f"--runroot={places.podman_root}",
        f"--tmpdir={places.podman_tmp}",
        *_for_old_cgroups(),
    ]


def before_stop(places: Places) -> None:
    """Stop the containers: Podman's outlive its service."""
    succeeds(*_podman(places), "stop", "--all", "--time=10")


def after_stop(places: Places) -> None:
    """End the process that holds the user namespace of our storage."""
    try:
        number = (places.podman_tmp / "pause.pid").read_text(encoding="ascii")
        process = psutil.Process(int(number))
        if process.name().startswith(("podman", "catatonit")) and _is_ours(process):
            process.kill()
    except (OSError, ValueError, psutil.Error):
        return


def _is_ours(process: psutil.Process) -> bool:
    return bool(process.uids().real == os.getuid())


def _for_old_cgroups() -> list[str]:
    """Without cgroup v2 there is no systemd session to ask, and crun refuses hybrid cgroups."""
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return []
    flags = ["--cgroup-manager=cgroupfs", "--events-backend=file"]
    return [*flags, "--runtime=runc"] if find("runc") else flags

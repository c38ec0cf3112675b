"""No engine answers: the sentence, and the one line that mends it on this machine."""

from __future__ import annotations

import grp
import os
import platform
import pwd
from pathlib import Path

from container_magics.core.machine import Attempt
from container_magics.engine.command import find, ourselves
from container_magics.errors import EngineDenied, EngineError, NoEngine


def no_engine(tried: tuple[Attempt, ...], *, named: bool) -> EngineError:
    """The error when none of ``tried`` answers; ``named``: the user named the place himself."""
    facts = tuple(attempt.line() for attempt in tried)
    denied = next((attempt for attempt in tried if attempt.outcome == "denied"), None)
    if denied is not None:
        return EngineDenied(
            f"{denied.found_by} is there, but you may not use it.",
            hint=_how_to_be_let_in(Path(denied.url.removeprefix("unix://"))),
            facts=facts,
        )
    if named and tried[0].outcome == "unsupported":
        return NoEngine(
            f"{tried[0].found_by} names an engine by ssh://, which is not supported yet.",
            hint="Forward its socket, and name that: "
            "`ssh -N -L /tmp/engine.sock:/var/run/docker.sock HOST`, "
            "DOCKER_HOST=unix:///tmp/engine.sock.",
            facts=facts,
        )
    if named:
        return NoEngine(
            f"No engine answers at {tried[0].url or 'that address'}, named by {tried[0].found_by}.",
            hint=f"Start that engine, or unset {_variable(tried[0])} to look elsewhere.",
            facts=facts,
        )
    return NoEngine("No container engine answers.", hint=how_to_get_one(), facts=facts)


def how_to_get_one() -> str:
    """The line that gives this user an engine: start the one installed, else install one."""
    root = os.geteuid() == 0
    if find("dockerd" if root else "podman"):
        return f"Start one of your own: `{ourselves('engine', 'start')}`."
    if platform.system() == "Darwin":
        return "Install Docker Desktop, Colima or OrbStack, and start it."
    if find("apt-get"):
        install = "apt-get install docker.io iptables" if root else "sudo apt-get install podman"
        return f"Install one, then start it: `{install}`, `{ourselves('engine', 'start')}`."
    start = ourselves("engine", "start")
    return f"Install Docker or Podman with your system's packages, then: `{start}`."


def _variable(attempt: Attempt) -> str:
    return "DOCKER_HOST" if attempt.found_by == "DOCKER_HOST" else "DOCKER_CONTEXT"


def _how_to_be_let_in(socket: Path) -> str:
    user = pwd.getpwuid(os.geteuid()).pw_name
    try:
        group = grp.getgrgid(socket.stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "docker"
    if group == "root":
        return f"Only root may use it; for an engine of your own: `{ourselves('engine', 'start')}`."
    return f"Join its group, then log in anew: `sudo usermod -aG {group} {user}`."

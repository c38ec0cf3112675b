"""No engine answers: the sentence, and the one line that mends it on this machine."""

from __future__ import annotations

import grp
import os
import platform
import pwd
from collections.abc import Sequence
from pathlib import Path

from container_magics.core.machine import Attempt
from container_magics.engine.choosing import SAID
from container_magics.engine.command import find, ourselves
from container_magics.errors import EngineDenied, EngineError, NoEngine, NotSupported

TLS = {
    "unproven": (
        "shows a certificate that is not vouched for",
        (
            "DOCKER_CERT_PATH names a folder whose ca.pem is to be the engine's CA; and the "
            "address has to be one that its certificate names."
        ),
    ),
    "shut": (
        "makes no TLS connection with you",
        (
            "It may want a certificate of yours: DOCKER_CERT_PATH names a folder with cert.pem and "
            "key.pem, signed by the engine's CA."
        ),
    ),
}
"""Outcome -> what an engine behind TLS does, and what to do about it."""


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
    if named and tried[0].outcome in TLS:
        sentence, hint = TLS[tried[0].outcome]
        return NoEngine(f"The engine at {tried[0].url} {sentence}.", hint=hint, facts=facts)
    if named and tried[0].url.startswith("ssh://"):
        return NoEngine(
            f"ssh has logged in, and no engine answers at {tried[0].url}.",
            hint="Start the engine there. Its socket has to be this user's to open; one at "
            "another place is written after the host: ssh://HOST/run/docker.sock.",
            facts=facts,
        )
    if named and tried[0].found_by.startswith(SAID):
        return NoEngine(
            f"No engine answers at {tried[0].url}.",
            hint="Start that engine, or see what its address is.",
            facts=facts,
        )
    if named:
        return NoEngine(
            f"No engine answers at {tried[0].url or 'that address'}, named by {tried[0].found_by}.",
            hint=f"Start that engine, or unset {_variable(tried[0])} to look elsewhere.",
            facts=facts,
        )
    return NoEngine("No container engine answers.", hint=how_to_get_one(), facts=facts)


def no_manager(tried: Sequence[Attempt]) -> EngineError:
    """The error when none of ``tried`` manages a swarm."""
    return NotSupported(
        "no engine that was found",
        "swarm",
        "Go to a manager by its address: `%engine use ssh://HOST`; or make a swarm of this "
        "engine: `docker swarm init`.",
        why="no engine that answers manages one",
        facts=tuple(attempt.line() for attempt in tried),
    )


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

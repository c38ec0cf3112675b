"""Run one of the system's own tools (ip, iptables, apt-get), and say plainly when it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from container_magics.errors import EngineError

Report = Callable[[str], None]

# Not on every user's PATH, though the tools that we need lie there.
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def search_path() -> str:
    """PATH, and after it the folders of system tools."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS])


def find(program: str) -> str | None:
    """The program's path, None where it is not installed."""
    return shutil.which(program, path=search_path())


def ourselves(*words: str) -> str:
    """How to type a command of ours: by its name where PATH leads to it, else by its whole path."""
    beside = Path(sys.executable).parent / "container-magics"
    by_path = shutil.which("container-magics") is None and beside.exists()
    return " ".join((str(beside) if by_path else "container-magics", *words))


def output_of(*command: str) -> str:
    """The command's stdout. Raises EngineError when it is missing or fails, in its own words."""
    program = find(command[0])
    if program is None:
        raise EngineError(
            f"`{command[0]}` is not installed.",
            hint="Install it with your system's packages (Debian, Ubuntu: iproute2, iptables).",
        )
    done = subprocess.run(  # noqa: S603 -- a list of words from our own code, no shell
        [program, *command[1:]], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EngineError(
            f"`{' '.join(command)}` failed with status {done.returncode}.",
            facts=tuple(done.stderr.splitlines()),
        )
    return done.stdout


def succeeds(*command: str) -> bool:
    """Whether the command ends with status 0; what it prints is dropped."""
    try:
        output_of(*command)
    except EngineError:
        return False
    return True


def follow(report: Report, *command: str, last_lines: int = 12) -> tuple[str, ...]:
    """Run a command, a line of its output to ``report`` at a time.

    Raises EngineError with its last lines when it is missing or ends with another status than 0.
    """
    program = find(command[0])
    if program is None:
        raise EngineError(f"`{command[0]}` is not installed.")
    last: deque[str] = deque(maxlen=last_lines)
    with (
        subprocess.Popen(  # noqa: S603 -- a list of words from our own code, no shell
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": search_path()},
            text=True,
            errors="replace",
        ) as process
    ):
        for line in process.stdout or ():
            last.append(line.rstrip())
            report(line.rstrip())
    if process.returncode != 0:
        raise EngineError(
            f"`{command[0]}` ended with status {process.returncode}.",
            hint="See its last lines, and run the command again.",
            facts=tuple(last),
        )
    return tuple(last)


def can_install() -> bool:
    """Whether this user may install packages here: root, on a system with apt-get."""
    return os.geteuid() == 0 and find("apt-get") is not None


def install(report: Report, *packages: str) -> None:
    """Install Debian or Ubuntu packages, saying so first. Raises EngineError."""
    report(f"Installing with apt-get: {' '.join(packages)}")
    follow(report, "apt-get", "update", "-q")
    follow(report, "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages)

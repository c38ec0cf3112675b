"""The course in one command: an engine, the base image, a smoke of the main job, JupyterLab."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from container_magics.core.exercisepack import packed_file
from container_magics.engine.base import TOOLS, ensure_base
from container_magics.engine.client import Engine, connect
from container_magics.engine.command import can_install, find, install, ourselves
from container_magics.engine.installation import install_again, shared
from container_magics.engine.jsonfile import read_object
from container_magics.engine.private import start
from container_magics.engine.statedir import state_dir
from container_magics.errors import EngineDenied, NoEngine, UsageError
from container_magics.smoke import smoke

Report = Callable[[str], None]

COPIED = ".copied.json"
ENGINE_PACKAGES = ("docker.io", "iptables", "iproute2", *TOOLS)
# program -> Debian package: what the notebooks type, and what the engine runs for %container top
COURSE_PROGRAMS = {"ssh": "openssh-client", "ps": "procps"}
FIRST_PORT = 8888
READY_S = 60.0
CONFIG = Path(__file__).resolve().parent / "jupyter" / "config"
"""Jupyter's configuration for our lab alone: a first visit is not asked about Jupyter's news."""
START = "00-start.ipynb"
"""The course's first page; opened where the folder has it."""
OPEN = "make lab"


def lab(folder: Path, *, check: bool, port: int, browser: bool, report: Report) -> int:
    """Prepare everything, and serve until ^C; with ``check`` end after the smoke.

    Returns the exit status: 1 when a part of the smoke failed, else JupyterLab's own.
    """
    install_missing(report)
    engine = prepare(os.environ, report)
    try:
        ensure_base(engine, report)
        works = smoke(engine, report)
    finally:
        engine.close()
    if check or not works:
        report(
            f"Everything works. Now: {OPEN}" if works else f"Not all works: {ourselves('doctor')}"
        )
        return 0 if works else 1
    for line in copy_notebooks(notebooks_folder(), folder):
        report(line)
    return serve(folder, port or free_port(FIRST_PORT), browser=browser, report=report)


def install_missing(report: Report) -> None:
    """As root on Debian or Ubuntu, the programs that the notebooks use; elsewhere the doctor
    says what is missing."""
    packages = [package for program, package in COURSE_PROGRAMS.items() if find(program) is None]
    if packages and can_install():
        install(report, *packages)


def prepare(environ: Mapping[str, str], report: Report) -> Engine:
    """The engine that answers; else one of our own, installed first where root may do that.

    Whoever named an engine by DOCKER_HOST or DOCKER_CONTEXT gets that one or an error. A socket
    that nobody named, and that this user may not use, is no reason to go without.
    """
    try:
        return _told(connect(environ), report)
    except (NoEngine, EngineDenied):
        if environ.get("DOCKER_HOST") or environ.get("DOCKER_CONTEXT"):
            raise
    if find("dockerd") is None and can_install():
        report("No container engine is installed here.")
        install(report, *ENGINE_PACKAGES)
    try:
        return _told(connect(environ), report)  # a package may start its engine by itself
    except (NoEngine, EngineDenied):
        if os.geteuid() != 0 and find("podman") is None:
            raise
    start(state_dir(environ), report)
    return _told(connect(environ), report)


def _told(engine: Engine, report: Report) -> Engine:
    facts = engine.facts()
    report(f"Engine: {facts.name} {facts.version}, by {facts.found_by} ({facts.url})")
    return engine


def notebooks_folder() -> Path:
    """The course as it came: beside the package in a clone, else where the wheel puts it.

    Raises UsageError when it is in neither place.
    """
    clone = Path(__file__).resolve().parent.parent / "notebooks"
    if clone.is_dir():
        return clone
    found = shared("share/container-magics/notebooks")
    if found is None:
        raise UsageError("The course's notebooks are not installed.", hint=install_again())
    return found


def copy_notebooks(source: Path, folder: Path) -> list[str]:
    """Copy the course into ``folder``; a file that the student changed is never written over.

    A file is copied when it is missing, or still as it was copied last (its SHA-256 is kept in
    ``folder/.copied.json``). Returns a line for each changed file that has a newer original.
    Raises UsageError when ``source`` has no notebooks.
    """
    originals = sorted(path for path in source.rglob("*") if _is_course(path, source))
    if not originals:
        raise UsageError(f"There are no notebooks in {source}.")
    folder.mkdir(parents=True, exist_ok=True)
    copied = read_object(folder / COPIED)  # where nothing is known, nothing is written over
    kept = []
    for original in originals:
        name = original.relative_to(source).as_posix()
        if _may_write(folder / name, copied.get(name)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(_for_students(original))
            copied[name] = _digest(folder / name)
        elif copied.get(name) != hashlib.sha256(_for_students(original)).hexdigest():
            kept.append(f"Kept your {folder / name}; the course has a newer one: {original}")
    (folder / COPIED).write_text(json.dumps(copied, indent=1), encoding="utf-8")
    return kept


def _is_course(path: Path, source: Path) -> bool:
    hidden = any(part.startswith((".", "__")) for part in path.relative_to(source).parts)
    return path.is_file() and not hidden


def _for_students(original: Path) -> bytes:
    """A file as it is, but for exercises: their answers are packed."""
    data = original.read_bytes()
    return packed_file(data.decode()).encode() if original.suffix == ".md" else data


def _may_write(path: Path, copied_digest: str | None) -> bool:
    return not path.exists() or _digest(path) == copied_digest


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def free_port(first: int) -> int:
    """The first loopback port from ``first`` on where nobody listens."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if _binds(probe, port):
                return port
    raise UsageError(f"No port from {first} to {first + 99} is free.", hint="Give one: --port.")


def _binds(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def serve(folder: Path, port: int, *, browser: bool, report: Report) -> int:
    """JupyterLab on 127.0.0.1 with a fresh token, until it ends or we do. Its exit status.

    The token goes by the environment: a command line can be read by every user.
    """
    token = secrets.token_urlsafe(24)
    page = f"/lab/tree/{START}" if (folder / START).is_file() else "/lab"
    url = f"http://127.0.0.1:{port}{page}?token={token}"
    server = subprocess.Popen(  # noqa: S603 -- a list of words from our own code, no shell
        _command(port, page, browser=browser),
        cwd=folder,
        env={**os.environ, **_told_to_jupyter(os.environ), "JUPYTER_TOKEN": token},
        start_new_session=True,  # ^C is for us: the server would stop to ask whether it is meant
    )
    try:
        answers = _answers(port, server)
        if answers or server.poll() is None:
            how = "is open" if answers else "opens (JupyterLab still starts, which takes long here)"
            report(f"\nThe course {how} at\n\n    {url}\n\nStop it with Ctrl-C.")
        return server.wait()
    except KeyboardInterrupt:
        report(f"\nYour notebooks are in {folder}. `{OPEN}` opens them again.")
        return 0
    finally:
        server.terminate()
        server.wait()


def _command(port: int, page: str, *, browser: bool) -> list[str]:
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--LabApp.default_url={page}",
        "--ServerApp.log_level=ERROR",
        "--LabApp.news_url=None",
        *(["--allow-root"] if os.geteuid() == 0 else []),
        *([] if browser else ["--no-browser"]),
    ]


def _told_to_jupyter(environ: Mapping[str, str]) -> dict[str, str]:
    """What has JupyterLab read ``CONFIG``, and its terminals find our programs. Both come last:
    a user's own settings and programs win."""
    more = {"JUPYTER_CONFIG_PATH": CONFIG, "PATH": Path(sys.executable).parent}
    return {
        name: os.pathsep.join([*filter(None, [environ.get(name)]), str(path)])
        for name, path in more.items()
    }


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers; False when it ended or took more than a minute.

    It is asked directly: urllib's own opener would ask a proxy of the environment for 127.0.0.1.
    """
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    limit_s = time.monotonic() + READY_S
    while server.poll() is None and time.monotonic() < limit_s:
        try:
            with direct.open(f"http://127.0.0.1:{port}/api", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False

"""Other engines than the suite's own, real ones, each with a socket, data and a bridge of its own.

Debian's next release has a newer Docker. Its packages are unpacked beside the system, never
installed, and kept in the tests' state folder; only runc is the system's, for the newer one
wants a newer libc.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import docker

from container_magics.engine import privatenet
from container_magics.engine.aptsources import debian_sources, followed_settings
from container_magics.engine.client import Engine
from container_magics.engine.endpoint import Endpoint

NEXT, NOW = "trixie", "bookworm"
PACKAGES = ("docker.io", "docker-buildx", "containerd")
READY_S = 60.0
END_S = 30.0
STORES = {"overlay2": {}, "containerd": {"features": {"containerd-snapshotter": True}}}


def newer_docker(state: Path) -> Path:
    """The folder of the newer engine's programs, unpacked now if it was never."""
    programs = state / NEXT / "programs"
    state.mkdir(parents=True, exist_ok=True)
    with (state / f"{NEXT}.lock").open("w") as lock:  # two workers may want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not programs.exists():
            shutil.rmtree(state / NEXT, ignore_errors=True)
            root = unpacked(state / NEXT)
            link_programs(root, state / NEXT / "programs.new")
            (state / NEXT / "programs.new").rename(programs)
    return programs


def unpacked(folder: Path) -> Path:
    """Download and unpack the packages, by an apt of its own; returns the file system's root."""
    for part in ("lists/partial", "cache/archives/partial", "debs", "root"):
        (folder / part).mkdir(parents=True)
    sources = debian_sources(Path("/etc/apt"), NOW)
    lines = [replace(one, suite=NEXT).line() for one in sources if one.suite == NOW]
    (folder / "sources.list").write_text("\n".join(lines) + "\n")
    settings = {
        "Etc::SourceList": "sources.list", "Etc::SourceParts": "none", "Etc::Parts": "none",
        "State": ".", "State::Lists": "lists", "State::status": "/dev/null", "Cache": "cache",
    }  # fmt: skip
    text = [f'Dir::{name} "{folder / where}";' for name, where in settings.items()]
    (folder / "apt.conf").write_text("\n".join([*text, *followed_settings()]) + "\n")
    environment = {**os.environ, "APT_CONFIG": str(folder / "apt.conf")}
    for words in (["update", "-q"], ["download", "-q", *PACKAGES]):
        done = subprocess.run(
            ["apt-get", *words], cwd=folder / "debs", env=environment,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    for package in (folder / "debs").glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True)
        package.unlink()
    return folder / "root"


def link_programs(root: Path, programs: Path) -> None:
    """Links to all its programs in one folder, for PATH; and to the system's runc."""
    programs.mkdir()
    for folder in ("usr/bin", "usr/sbin", "usr/libexec/docker/cli-plugins"):
        for program in (root / folder).iterdir():
            (programs / program.name).symlink_to(program.resolve())
    runc = shutil.which("runc", path=f"{os.environ['PATH']}:/usr/sbin")
    assert runc, "docker.io brings runc"
    (programs / "runc").symlink_to(runc)


@contextmanager
def newer_engine(state: Path, store: str, *, size_mb: int | None = None) -> Iterator[Engine]:
    """A newer Docker with that image store ("overlay2", "containerd"); it and all that it has is
    gone at the end of the block. With ``size_mb`` its disk is no larger, and in memory."""
    programs = newer_docker(state)
    folder = Path(tempfile.mkdtemp(prefix="cm-newer-", dir="/run"))  # sockets' paths are short
    data = state / f"data-{folder.name}"
    bridge = f"cmn-{folder.name[-8:]}"
    (folder / "daemon.json").write_text(json.dumps(STORES[store]))
    process = None
    data.mkdir(parents=True)
    if size_mb:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "none", data], check=True)
    try:
        tag = hashlib.sha256(bridge.encode()).hexdigest()[:8]
        privatenet.make_bridge(bridge, tag)
        process = started(programs, folder, data, bridge)
        with connected(f"unix://{folder}/docker.sock", process, folder / "log") as engine:
            yield engine
    finally:
        if process and process.poll() is not None:
            print("It ended by itself:", (folder / "log").read_text()[-8000:])
        if process:
            end(process)
        privatenet.remove_bridge(bridge)
        if size_mb:
            subprocess.run(["umount", "--lazy", data], check=True)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)


def started(programs: Path, folder: Path, data: Path, bridge: str) -> subprocess.Popen[bytes]:
    """Its dockerd, which finds its helpers by PATH and leaves the firewall alone."""
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [
                programs / "dockerd",
                f"--config-file={folder}/daemon.json",
                f"--host=unix://{folder}/docker.sock",
                f"--data-root={data}",
                f"--exec-root={folder}/exec",
                f"--pidfile={folder}/pid",
                f"--bridge={bridge}",
                "--iptables=false",
                "--ip-forward=false",
                "--group=root",
            ],
            env={
                **os.environ,
                "PATH": f"{programs}:{os.environ['PATH']}",
                "TMPDIR": str(folder),
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@contextmanager
def connected(url: str, process: subprocess.Popen[bytes], log: Path) -> Iterator[Engine]:
    """The engine there, once it answers."""
    limit_s = time.monotonic() + READY_S
    while True:
        with suppress(docker.errors.DockerException):
            api = docker.APIClient(url, version="auto", timeout=120)
            api.ping()
            break
        assert process.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < limit_s, log.read_text()[-2000:]
        time.sleep(0.1)
    engine = Engine(Endpoint(url, "a test"), api)
    try:
        yield engine
    finally:
        engine.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop it in order; it takes its containers and its containerd with it."""
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def give_image(source: Engine, target: Engine, name: str) -> None:
    """The image of that name, from one engine to another."""
    for line in target.api.load_image(source.api.get_image(name)):
        assert "error" not in line, line

"""A real JupyterLab server for one test: its own folder, settings and port; gone at its end."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

READY_S = 90.0
END_S = 30.0
Settings = Mapping[str, Mapping[str, Any]]

# No questions and no news in the page, and every cell drawn at once, seen or not.
SETTINGS: Settings = {
    "apputils-extension/notification": {
        "checkForUpdates": False,
        "doNotDisturbMode": True,
        "fetchNews": "false",
    },
    "notebook-extension/tracker": {"windowingMode": "none"},
}


@dataclass(frozen=True)
class Server:
    """Where it serves ``folder``; ``url`` ends with a slash."""

    folder: Path
    url: str
    token: str
    pid: int

    def page(self, notebook: str) -> str:
        """The address of a notebook in a fresh workspace."""
        return f"{self.url}lab/tree/{notebook}?reset&token={self.token}"


@contextmanager
def serve(folder: Path, home: Path, **environment: str) -> Iterator[Server]:
    """Serve ``folder`` until the block is left; Jupyter's own files lie in ``home``.

    In the end the server gets SIGTERM, so that it shuts its kernels down, which remove what
    they made; whatever still runs after that is killed.
    """
    token = secrets.token_urlsafe(24)
    log = home / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            _command(),
            cwd=folder,
            env={**os.environ, **_places(home), **environment, "JUPYTER_TOKEN": token},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Server(folder, _ready(process, home / "runtime", log), token, process.pid)
    finally:
        end(process)


def write_settings(home: Path, settings: Settings) -> None:
    """What a user would have set; keys are "extension/plugin", of JupyterLab's own."""
    for name, values in settings.items():
        path = home / "config/lab/user-settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")


def end(process: subprocess.Popen[bytes]) -> None:
    """End the server and all that it started: kernels are in process groups of their own."""
    started = psutil.Process(process.pid).children(recursive=True) if _runs(process) else []
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=END_S)
    for child in started:
        with suppress(psutil.NoSuchProcess):  # psutil knows a number that was given out anew
            child.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _runs(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


def _command() -> list[str]:
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={_free_port()}",  # taken meanwhile? the server tries others
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]


def _places(home: Path) -> dict[str, str]:
    """Jupyter's folders but those of the environment, where kernelspec and extension are."""
    return {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ready(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """The server's address once it answers."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    said = runtime / f"jpserver-{process.pid}.json"
    limit_s = time.monotonic() + READY_S
    while _runs(process) and time.monotonic() < limit_s:
        with suppress(OSError, ValueError, urllib.error.URLError):
            url: str = json.loads(said.read_text(encoding="utf-8"))["url"]
            with direct.open(url + "api", timeout=5):
                return url
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")

"""`container-magics lab`: the smoke on a real engine, and JupyterLab behind a token."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from faultproxy import Fault, FaultProxy
from leftovers import Inventory

from container_magics.engine.client import Engine
from container_magics.engine.statedir import Places, state_dir

LAB = [sys.executable, "-m", "container_magics.cli", "lab"]
# As in a lab behind a proxy that does not know this machine's own addresses: here it is dead.
DEAD_PROXY = {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def test_check_does_the_main_job_and_ends_with_0(
    base: str, nothing_left: Inventory, tmp_path: Path
) -> None:
    done = subprocess.run([*LAB, "--check"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for part in ("build", "run", "layers", "ssh login"):
        assert re.search(rf"^  {part} +ok, [0-9.]+ m?s", done.stdout, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []  # nothing is copied, nothing is served


def test_check_ends_with_1_where_a_part_fails_and_tries_the_others(
    engine: Engine, base: str, nothing_left: Inventory, tmp_path: Path
) -> None:
    refused = Fault("refuse", path="/build")
    with closing(FaultProxy(engine.endpoint.url, refused)) as proxy:
        done = subprocess.run(
            [*LAB, "--check"], capture_output=True, text=True, cwd=tmp_path,
            env={**os.environ, "DOCKER_HOST": proxy.url},
        )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^  build +failed after [0-9.]+ m?s$", done.stdout, re.MULTILINE)
    assert "the engine fails on purpose" in done.stdout
    assert re.search(r"^  ssh login +ok, [0-9.]+ m?s$", done.stdout, re.MULTILINE)
    assert re.search(r"^Not all works: .* doctor$", done.stdout, re.MULTILINE)
    assert "Everything works" not in done.stdout


def test_the_smokes_image_is_gone_afterwards(engine: Engine, base: str) -> None:
    subprocess.run([*LAB, "--check"], check=True, capture_output=True)
    assert engine.api.images("container-magics/smoke") == []


def test_two_smokes_on_one_engine_do_not_meet(base: str, nothing_left: Inventory) -> None:
    keys = state_dir(os.environ) / "ssh"
    before = set(keys.rglob("*smoke*"))
    checks = [subprocess.Popen([*LAB, "--check"], stdout=subprocess.PIPE, text=True) for _ in "ab"]
    said = [check.communicate()[0] for check in checks]
    assert [check.returncode for check in checks] == [0, 0], said
    assert set(keys.rglob("*smoke*")) == before


DENIED = """
import ctypes, os, socket, sys

def without_root_s_way_past_file_modes():  # for this process alone: what it starts has it again
    libc, header = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0)  # capset(2), version 3
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    sets[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, sets) == 0

listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/docker.sock")
listener.listen()
os.chmod("/run/docker.sock", 0o600)
os.chown("/run/docker.sock", int(sys.argv[1]), -1)
without_root_s_way_past_file_modes()

from container_magics.engine.client import connect
from container_magics.errors import EngineDenied
from container_magics.lab import prepare

named = {**os.environ, "DOCKER_HOST": "unix:///run/docker.sock"}
for find in (lambda: connect(os.environ), lambda: prepare(named, print)):
    try:
        find()
    except EngineDenied as error:
        print(error)
print(prepare(os.environ, print).endpoint.url)
"""
ALONE = 'mount -t tmpfs none /run; ip link set lo up; "$1" -c "$0" "$2"; "$1" -m "$3" engine stop'


@pytest.mark.usefixtures("as_root")
def test_a_socket_that_may_not_be_used_is_no_reason_to_go_without(tmp_path: Path) -> None:
    """In namespaces where the machine's only socket is another user's, and root has no way in."""
    state = tmp_path / "s"
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    shell = ["sh", "-c", ALONE, DENIED, sys.executable, nobody, "container_magics.cli"]
    done = subprocess.run(
        ["unshare", "--mount", "--net", *shell],
        env={**kept, "CONTAINER_MAGICS_STATE": str(state), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    said = done.stdout.splitlines()
    assert said[0] == "Docker's socket is there, but you may not use it.", done.stderr
    assert said[1] == "DOCKER_HOST is there, but you may not use it."
    assert said[-2:] == [Places(state).url, "Our own engine is stopped."]


@pytest.fixture
def served(base: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running lab, started behind a dead proxy, and its address."""
    server = subprocess.Popen(
        [*LAB, "--no-browser"], stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, **DEAD_PROXY},
    )  # fmt: skip
    assert server.stdout is not None
    said: list[str] = []
    for line in server.stdout:
        said.append(line.strip())
        if "token=" in line:
            break
    yield server, said[-1] if "The course is open at" in said else f"not open: {said}"
    server.send_signal(signal.SIGTERM)
    server.wait(timeout=30)
    server.stdout.close()


def test_lab_serves_a_copy_of_the_course_on_loopback_behind_a_token(
    served: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    server, address = served
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/lab/tree/00-start\.ipynb\?token=\S{20,}", address)
    token = address.split("token=")[1]
    contents = address.split("/lab/")[0] + "/api/contents"
    with pytest.raises(urllib.error.HTTPError) as refused:
        DIRECT.open(contents)
    assert refused.value.code == 403
    with DIRECT.open(f"{contents}?token={token}") as answer:
        assert b".ipynb" in answer.read()
    assert sorted((tmp_path / "lab").glob("*.ipynb"))
    assert token not in Path(f"/proc/{server.pid}/cmdline").read_text()


def test_the_lab_asks_no_newcomer_about_jupyters_news(
    served: tuple[subprocess.Popen[str], str],
) -> None:
    """JupyterLab asks where this setting is "none", as it is by default."""
    _, address = served
    asked, token = address.split("/lab/")[0], address.split("?")[1]
    setting = f"{asked}/lab/api/settings/@jupyterlab/apputils-extension:notification?{token}"
    with DIRECT.open(setting) as answer:
        shown = json.load(answer)
    assert shown["schema"]["properties"]["fetchNews"]["default"] == "false"
    assert "fetchNews" not in shown["settings"]  # the user's own file has none of it


def test_its_terminals_are_told_where_our_programs_are(
    served: tuple[subprocess.Popen[str], str],
) -> None:
    server, address = served
    asked, token = address.split("/lab/")[0], address.split("?")[1]
    (jupyter,) = psutil.Process(server.pid).children()
    before = set(jupyter.children())
    DIRECT.open(f"{asked}/api/terminals?{token}", data=b"{}").close()
    (shell,) = set(jupyter.children()) - before
    path = shell.environ()["PATH"]
    assert path == f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}"
    assert shutil.which("container-magics", path=path)


def test_ctrl_c_ends_the_lab_and_its_server(
    served: tuple[subprocess.Popen[str], str],
) -> None:
    server, address = served
    os.kill(server.pid, signal.SIGINT)
    assert server.wait(timeout=30) == 0
    with pytest.raises(urllib.error.URLError):
        DIRECT.open(address, timeout=5)

"""The namespaces of a practice swarm's nodes end whole, also when whoever made them is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from container_magics.engine.swarmnode import Namespace

LIMIT_S = 60.0
SCRIPT = "sleep 1000 & sleep 1000 & exec sleep 1000"
OWNER = """
import sys, time
from pathlib import Path
from container_magics.engine.swarmnode import Namespace
made = Namespace("exec sleep 1000", Path(sys.argv[1]))
made.go()
print(made.pid, made.first, flush=True)
time.sleep(1000)
"""


def ended(pid: int) -> bool:
    """Whether a process is gone, or is only to be waited for by somebody."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.usefixtures("as_root")
def test_after_a_kill_nothing_of_it_runs(tmp_path: Path) -> None:
    made = Namespace(SCRIPT, tmp_path / "log")
    made.go()
    limit_s = time.monotonic() + LIMIT_S
    while len(inside := psutil.Process(made.pid).children(recursive=True)) < 3:
        assert time.monotonic() < limit_s
    made.kill()
    assert all(ended(process.pid) for process in inside)


@pytest.mark.usefixtures("as_root")
def test_it_ends_with_an_owner_who_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "log")], stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout
        pids = [int(word) for word in owner.stdout.readline().split()]
        owner.kill()
    limit_s = time.monotonic() + LIMIT_S
    while not all(map(ended, pids)):
        assert time.monotonic() < limit_s, pids
        time.sleep(0.05)

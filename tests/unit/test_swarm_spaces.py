"""The namespaces of a practice swarm's nodes end whole, also when whoever made them is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from container_magics.engine import privateswarm, swarmnode
from container_magics.engine.swarmnode import Namespace, Node

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


HOLDER = """
import sys, time
from pathlib import Path
from container_magics.engine.privateswarm import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(1000)
"""


def test_what_a_killed_owner_left_goes_and_nothing_of_one_who_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privateswarm.tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(swarmnode, "CGROUPS", tmp_path / "cgroup")
    folder = tmp_path / "tmp" / "cm-swarm-ours"
    group = tmp_path / "cgroup" / "memory" / "cm-swarm-ours-node1"
    other = tmp_path / "cgroup" / "memory" / "cm-swarm-ours2-node1"
    unlocked = tmp_path / "tmp" / "cm-swarm-new"
    for path in (folder / "n1", group / "inner", other, unlocked):
        path.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == b"held\n"
        privateswarm.sweep()
        assert (folder / "n1").is_dir()
        assert group.is_dir()
        owner.kill()
    # a process is still in it, so the folder waits for the next sweep
    (group / "inner" / "still").touch()
    privateswarm.sweep()
    assert folder.is_dir()
    (group / "inner" / "still").unlink()
    privateswarm.sweep()
    assert not folder.exists()
    assert not group.exists()
    assert other.is_dir()
    assert unlocked.is_dir()


def test_a_group_that_is_in_use_for_a_moment_more_goes_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel's is after its last process: sometimes it was left after an orderly end."""
    monkeypatch.setattr(swarmnode, "CGROUPS", tmp_path / "cgroup")
    node = Node(tmp_path / "n1", "node1", "198.18.0.1", "cm-swarm-ours")
    group = tmp_path / "cgroup" / "memory" / node.cgroup / "inner"
    group.mkdir(parents=True)
    (group / "still").touch()
    later = threading.Timer(0.3, (group / "still").unlink)
    later.start()
    assert node.clear()
    assert not group.parent.exists()
    later.join()


@pytest.mark.usefixtures("as_root")
def test_a_swarm_whose_group_stays_is_found_by_the_next_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privateswarm.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(privateswarm, "expect_able", lambda: None)
    monkeypatch.setattr(privateswarm.PrivateSwarm, "up", lambda swarm: None)
    monkeypatch.setattr(swarmnode, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(swarmnode, "CLEAR_S", 0.1)
    with privateswarm.private_swarm([None]) as swarm:
        group = tmp_path / "cgroup" / "memory" / swarm.nodes[0].cgroup
        group.mkdir(parents=True)
        (group / "still").touch()
    assert (tmp_path / swarm.mark).is_dir()
    (group / "still").unlink()
    privateswarm.sweep()
    assert not group.exists()
    assert not (tmp_path / swarm.mark).exists()

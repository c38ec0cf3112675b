"""The life of practice boxes in cells: kinds, labs, snapshots, and the lesson of a changed key."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Notebook
from leftovers import Inventory

from container_magics.engine.client import Engine
from container_magics.engine.ownership import owner
from container_magics.practice import sshbox
from container_magics.session.sweep import end_session

BOX = "cm-test-life"
REMOVE_SNAPSHOTS = """
from container_magics import connect
from container_magics.engine.ownership import owner
from container_magics.session.keptimages import remove_images
remove_images(connect(), owner(), lambda session: session == owner().session)
"""
GATE, INNER = "cm-test-gate", "cm-test-inner"


def run(notebook: Notebook, cell: str) -> str:
    """What a cell shows and writes; it has to succeed."""
    seen = notebook.run(cell)
    assert not seen.error, seen.told
    return seen.text + seen.stdout


def ssh(notebook: Notebook, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Debian's own client, by the box's ssh_config."""
    config = notebook.run("print(box.config)").stdout.strip()
    return subprocess.run(
        ["ssh", "-F", config, name, *words], capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def fresh(notebook: Notebook, nothing_left: Inventory) -> Iterator[str]:
    """A box of the test's own."""
    run(notebook, f"%sshbox {BOX}")
    yield BOX
    notebook.run(f"%sshbox rm {BOX}")


def test_stop_keeps_the_files_and_rm_loses_them(notebook: Notebook, fresh: str) -> None:
    run(notebook, f"%%ssh {BOX}\necho mine > kept")
    assert "its files are kept" in run(notebook, f"%sshbox stop {BOX}")
    assert "exited" in run(notebook, "%sshbox list")
    run(notebook, f"%sshbox {BOX}")
    assert run(notebook, f"%%ssh {BOX}\ncat kept") == "mine\n"
    run(notebook, f"%sshbox rm {BOX}")
    run(notebook, f"%sshbox {BOX}")
    assert notebook.run(f"%%ssh {BOX}\ncat kept").error == "ContainerFailed"


def test_a_reset_gives_new_files_and_keeps_the_host_key(notebook: Notebook, fresh: str) -> None:
    where = "print(box.fingerprint)"
    before = run(notebook, f"%%ssh {BOX}\necho mine > kept") + run(notebook, where)
    run(notebook, f"%sshbox reset {BOX}")
    assert run(notebook, where) == before
    assert run(notebook, f"%%ssh {BOX}\nls -A | wc -l") != "0\n"
    assert notebook.run(f"%%ssh {BOX}\ntest -e kept").error
    assert ssh(notebook, BOX, "hostname").stdout == f"{BOX}\n"


def test_a_new_host_key_is_a_lesson(notebook: Notebook, fresh: str) -> None:
    before = run(notebook, "print(box.fingerprint)")
    said = run(notebook, f"%sshbox reset {BOX} --host-key")
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in said
    assert "do not log in" in said
    after = run(notebook, "print(box.fingerprint)")
    assert after != before
    assert after.strip() in said
    assert ssh(notebook, BOX, "true").returncode == 0


def test_a_strict_box_has_no_capability_and_writes_in_memory_alone(
    notebook: Notebook, engine: Engine, nothing_left: Inventory
) -> None:
    try:
        run(notebook, f"%sshbox {BOX} --strict")
        said = run(
            notebook,
            f"%%ssh {BOX}\nwhoami; grep Cap /proc/self/status | sort -u -k2 | awk '{{print $2}}'\n"
            "touch /etc/x 2>&1 | tail -c 22; touch ~/x && echo written",
        )
        assert said == "student\n0000000000000000\nRead-only file system\nwritten\n"
        host = engine.api.inspect_container(BOX)["HostConfig"]
        assert (host["CapAdd"], host["ReadonlyRootfs"]) == (None, True)
        first = f"%%container --in {BOX}\nstat -c '%u %G' /proc/1; id -u; cat /proc/1/comm"
        assert run(notebook, first) == "1000 student\n1000\nsshd\n"
        assert ssh(notebook, BOX, "echo", "here").stdout == "here\n"
        run(notebook, f"%sshbox reset {BOX}")
        assert "strict" in run(notebook, "%sshbox list")
        seen = notebook.run(f"%sshbox snapshot {BOX}")
        assert "in memory" in seen.sentence
        assert "strict" not in run(notebook, f"%sshbox {BOX} --idle 1h")  # asked otherwise
    finally:
        notebook.run(f"%sshbox rm {BOX}")


def test_a_snapshot_is_restored_and_forked(notebook: Notebook, fresh: str, engine: Engine) -> None:
    run(notebook, f"%%ssh {BOX}\necho one > file")
    assert "kept as first" in run(notebook, f"%sshbox snapshot {BOX} first")
    run(notebook, f"%%ssh {BOX}\necho two > file")
    try:
        run(notebook, f"%sshbox fork {BOX} {BOX}-2")
        assert run(notebook, f"%%ssh {BOX}-2\ncat file; hostname") == f"two\n{BOX}-2\n"
        keys = run(notebook, "print(box.fingerprint)")
        run(notebook, f"%sshbox restore {BOX} first")
        assert run(notebook, f"%%ssh {BOX}\ncat file") == "one\n"
        assert run(notebook, "print(box.fingerprint)") != keys
        assert "first" in run(notebook, "%sshbox list")
        seen = notebook.run(f"%sshbox restore {BOX} second")
        assert "There is: first." in seen.told
    finally:
        notebook.run(f"%sshbox rm {BOX}-2")
        notebook.run(f"%sshbox rm {BOX}")
        run(notebook, REMOVE_SNAPSHOTS)
    assert not engine.api.images(filters={"label": "container-magics.snapshot"})


def test_snapshots_go_with_the_session(engine: Engine, base: str, nothing_left: Inventory) -> None:
    kernel = Notebook()
    run(kernel, f"%sshbox {BOX}-s")
    run(kernel, f"%sshbox snapshot {BOX}-s")
    assert engine.api.images(filters={"label": "container-magics.snapshot"})
    kernel.close()
    assert not engine.api.images(filters={"label": "container-magics.snapshot"})


def test_a_lab_is_reached_over_its_gate_alone(
    notebook: Notebook, engine: Engine, nothing_left: Inventory, tmp_path: Path
) -> None:
    try:
        said = run(notebook, f"%sshbox lab {GATE} {INNER}")
        assert f"port 22 of {INNER}, over {GATE}" in said
        assert run(notebook, f"%%ssh --via {GATE} {INNER}\nhostname") == f"{INNER}\n"
        assert ssh(notebook, INNER, "hostname").stdout == f"{INNER}\n"
        path = tmp_path / "inner"
        run(notebook, f"%ssh config {INNER} --to '{path}'")
        jumped = subprocess.run(
            ["ssh", "-F", path, INNER, "hostname"], capture_output=True, text=True, timeout=60,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert jumped.stdout == f"{INNER}\n", jumped.stderr
        seen = notebook.run(f"%%ssh {INNER}\nhostname")
        assert f"only {GATE} reaches {INNER}" in seen.sentence
        assert seen.told.endswith(f"%%ssh --via {GATE} {INNER}")
        ports = engine.api.inspect_container(INNER)["NetworkSettings"]["Ports"]
        assert not any(ports.values())
        assert engine.api.inspect_network(f"{GATE}-lab")["Internal"]
        run(notebook, f"%sshbox reset {INNER}")
        run(notebook, f"%sshbox reset {GATE}")
        assert run(notebook, f"%%ssh --via {GATE} {INNER}\nhostname") == f"{INNER}\n"
        run(notebook, f"%%ssh --via {GATE} {INNER}\ntouch kept")
        run(notebook, f"%sshbox lab {GATE} {INNER}")  # a second run of the cell finds the pair
        assert run(notebook, f"%%ssh --via {GATE} {INNER}\nls") == "kept\n"
        run(notebook, f"%sshbox stop {INNER}")
        run(notebook, f"%sshbox lab {GATE} {INNER}")  # and starts what was stopped
        assert run(notebook, f"%%ssh --via {GATE} {INNER}\nls") == "kept\n"
        assert f"inside {GATE}" in run(notebook, "%sshbox list")
        run(notebook, f"%%ssh {GATE}\ntouch kept-at-the-gate")
        run(notebook, f"%sshbox rm {INNER}")
        run(notebook, f"%sshbox lab {GATE} {INNER}")  # and makes what is missing, and no more
        assert run(notebook, f"%%ssh --via {GATE} {INNER}\nls") == ""
        assert run(notebook, f"%%ssh {GATE}\nls") == "kept-at-the-gate\n"
    finally:
        notebook.run(f"%sshbox rm {GATE}")
    assert not engine.api.containers(all=True, filters={"name": "cm-test-inner"})
    assert not engine.api.networks(names=[f"{GATE}-lab"])


def test_several_are_started_at_once(
    notebook: Notebook, engine: Engine, nothing_left: Inventory
) -> None:
    names = [f"{BOX}-{n}" for n in range(4)]
    try:
        said = run(notebook, f"%sshbox {' '.join(names)}")
        assert "4 boxes are up" in said
        for name in names:
            port = engine.api.port(name, 22)[0]["HostPort"]
            assert re.search(rf"{name} +127\.0\.0\.1:{port} +SHA256:", said)
            assert run(notebook, f"%%ssh {name}\nhostname") == f"{name}\n"
    finally:
        notebook.run(f"%sshbox rm {' '.join(names)}")


def test_a_box_that_nobody_uses_stops_by_itself(
    notebook: Notebook, engine: Engine, nothing_left: Inventory
) -> None:
    try:
        run(notebook, f"%sshbox {BOX} --idle 4s")
        notebook.run("from container_magics.practice import logins; logins.KEPT_S = 1.0")
        notebook.run(f"%%ssh {BOX}\nsleep 8")  # a login keeps it up
        assert engine.api.inspect_container(BOX)["State"]["Running"]
        end_s = time.monotonic() + 60
        while engine.api.inspect_container(BOX)["State"]["Running"]:
            assert time.monotonic() < end_s
            time.sleep(0.5)
        assert b"Nobody was logged in for 4 s" in engine.api.logs(BOX)
    finally:
        notebook.run("logins.KEPT_S = 60.0")
        notebook.run(f"%sshbox rm {BOX}")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%sshbox stop cm-test-none", "There is no practice box 'cm-test-none'"),
        ("%sshbox fork cm-test-none", "takes 2 names, not 1"),
        ("%sshbox list cm-test-none", "takes 0 names, not 1"),
        ("%sshbox reset --strict cm-test-none", "takes no settings"),
        ("%sshbox --host-key cm-test-none", "--host-key goes with reset alone"),
        ("%sshbox --idle 40d", "40d"),
        ("%ssh config cm-test-none", "There is no practice box"),
        ("%sshbox cm-test-none --image container-magics/base:bookworm", "ended as soon as"),
    ],
)
def test_what_cannot_be_done_is_said(notebook: Notebook, cell: str, says: str) -> None:
    seen = notebook.run(cell)
    assert says in seen.sentence
    assert seen.told != seen.sentence


def test_a_fork_bomb_and_a_full_disk_are_held_and_reset_mends(
    notebook: Notebook, fresh: str, engine: Engine
) -> None:
    seen = notebook.run(
        f"%%ssh {BOX} --timeout 15s --no-check\nbomb() {{ bomb | bomb & }}; bomb; sleep 5"
    )
    assert "Resource temporarily unavailable" in seen.stderr
    assert engine.api.inspect_container(BOX)["HostConfig"]["PidsLimit"] == 128
    pids = engine.api.stats(BOX, stream=False)["pids_stats"]
    assert pids["current"] <= pids["limit"] == 128
    run(notebook, f"%sshbox reset {BOX}")
    seen = notebook.run(
        f"%%ssh {BOX} --no-check --timeout 300s\nyes > big; ls -s --block-size=M big"
    )
    assert re.match(r"51[23]M", seen.stdout)
    assert "File size limit exceeded" in seen.stderr
    run(notebook, f"%sshbox reset {BOX}")
    assert run(notebook, f"%%ssh {BOX}\nls") == ""


def test_a_box_whose_sshd_is_broken_is_mended_by_a_reset(notebook: Notebook, fresh: str) -> None:
    run(notebook, f"%%container --in {BOX}\necho Nonsense yes >> /etc/ssh/sshd_config\n"
        "/usr/sbin/sshd -t 2>&1 | grep -q Nonsense")  # fmt: skip
    run(notebook, f"%sshbox stop {BOX}")
    seen = notebook.run(f"%sshbox {BOX}")
    assert seen.error == "SshFailed"
    assert "exited" in run(notebook, "%sshbox list"), "its files stay"
    run(notebook, f"%sshbox reset {BOX}")
    assert run(notebook, f"%%ssh {BOX}\nhostname") == f"{BOX}\n"


def test_a_key_that_others_could_read_is_made_private_again(notebook: Notebook, fresh: str) -> None:
    key = Path(run(notebook, "print(box.address.key)").strip())
    key.chmod(0o644)
    run(notebook, f"%sshbox {BOX}")
    assert key.stat().st_mode & 0o777 == 0o600
    assert ssh(notebook, BOX, "true").returncode == 0


def test_two_kernels_with_one_name_are_told_apart(notebook: Notebook, fresh: str) -> None:
    other = Notebook()
    try:
        seen = other.run(f"%sshbox {BOX}")
        assert seen.error == "NameTaken"
        assert "another name" in seen.told
        assert other.run(f"%%ssh {BOX}\nhostname").error == "NameTaken"
    finally:
        other.close()
    assert run(notebook, f"%%ssh {BOX}\nhostname") == f"{BOX}\n"


def test_an_ssh_config_of_its_own_works_anywhere(
    notebook: Notebook, fresh: str, tmp_path: Path
) -> None:
    path = tmp_path / "a b" / "config"
    path.parent.mkdir()
    said = run(notebook, f"%ssh config {BOX} --to '{path}'")
    assert "remote.SSH.configFile" in said
    done = subprocess.run(
        ["ssh", "-F", path, BOX, "hostname"], capture_output=True, text=True, timeout=60,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin"}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stdout == f"{BOX}\n", done.stderr
    assert not (tmp_path / ".ssh").exists()
    assert "cannot be written" in notebook.run(f"%ssh config {BOX} --to /nowhere/x").sentence


def test_the_log_of_sshd_says_who_came(notebook: Notebook, fresh: str) -> None:
    run(notebook, f"%%ssh {BOX}\ntrue")
    seen = notebook.run(f"%container logs {BOX}")
    assert "Accepted publickey for student" in seen.stderr


def test_a_login_is_kept_from_cell_to_cell(notebook: Notebook, fresh: str) -> None:
    def ports() -> str:
        return run(notebook, f"%%ssh {BOX}\necho $SSH_CLIENT")

    assert ports() == ports()
    before = ports()
    run(notebook, f"%sshbox reset {BOX}")
    assert ports() != before
    notebook.run(f"%%ssh {BOX} --timeout 1s\nsleep 60")
    assert run(notebook, f"%%ssh {BOX}\nhostname") == f"{BOX}\n"


def test_one_s_own_box_is_looked_into_where_another_user_has_that_name(
    notebook: Notebook, engine: Engine, nothing_left: Inventory
) -> None:
    """By Python checks, %container, --in and %shell: the engine's name for it is another."""
    ada = replace(owner(), user="ada", session=f"{owner().session} ada")
    theirs = f"{BOX}-shared"
    try:
        sshbox.start(engine, ada, theirs)
        sshbox.ready(engine, ada, theirs)
        run(notebook, f"%sshbox {theirs}\nmine = box.container")
        mine = run(notebook, "print(mine)").strip()
        assert mine == f"{theirs}-{owner().user}"
        run(notebook, f"%%ssh {theirs}\ntouch mine")
        assert "/home/student/mine" in run(notebook, f"%container changes {theirs}")
        assert mine in run(notebook, f"%container inspect {theirs}")
        assert "/home/student\nmine\n" in run(
            notebook, f"%%container --in {theirs}\ncd /home/student; pwd; ls"
        )
        run(notebook, f"%container cp {theirs}:/home/student/mine /tmp/{mine}")
        Path(f"/tmp/{mine}").unlink()
        assert mine in run(notebook, f"%shell {theirs}")
        run(notebook, f"%%exercise whose --box {theirs}\nx\n--- check python\n"
            "assert box_container == mine\n--- solution\ny")  # fmt: skip
        assert "whose: done" in run(notebook, "%check")
    finally:
        notebook.run(f"%sshbox rm {theirs}")
        end_session(engine, ada)

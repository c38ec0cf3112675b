"""The SSH practice box: up, logged in to by OpenSSH and by %%ssh, hardened, reset and gone."""

from __future__ import annotations

import html
import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Notebook

from container_magics.engine.client import Engine

BOX = "cm-test-box"


@pytest.fixture(scope="module")
def box(notebook: Notebook) -> Iterator[Path]:
    """A running box; the ssh_config file that leads to it."""
    seen = notebook.run(f"%sshbox {BOX}")
    assert not seen.error, seen.told
    notebook.run(f"print(box.config); assert box.name == {BOX!r}")
    yield Path(notebook.run("print(box.config)").stdout.strip())
    notebook.run(f"%sshbox rm {BOX}")


def wait_for_process(engine: Engine, command: str, limit_s: float = 60) -> None:
    """Until a program runs on the box."""
    end_s = time.monotonic() + limit_s
    while not any(row[-1] == command for row in engine.api.top(BOX)["Processes"]):
        assert time.monotonic() < end_s, command
        time.sleep(0.05)


def ssh(config: Path, *words: str, program: str = "ssh") -> subprocess.CompletedProcess[str]:
    """Debian's own client, as in the reader's terminal."""
    return subprocess.run(
        [program, "-F", str(config), *words], capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_cell_says_where_the_box_is(notebook: Notebook, box: Path) -> None:
    seen = notebook.run(f"%sshbox {BOX}")
    for words in ("127.0.0.1:", "student", f"%%ssh {BOX}", f"ssh -F {box} {BOX}", "SHA256:"):
        assert words in seen.text


def test_a_cell_runs_on_the_box(notebook: Notebook, box: Path) -> None:
    notebook.run("sent = 'over ssh'")
    seen = notebook.run(
        f"%%ssh {BOX} --stdin sent\nwhoami; hostname; echo err >&2; cat; echo $HOME"
    )
    assert seen.stdout == f"student\n{BOX}\nover ssh/home/student\n"
    assert seen.stderr == "err\n"
    kept = notebook.run(f"%%ssh {BOX} --out o --rc r\necho kept; exit 5")
    assert not kept.error
    assert notebook.run("print((o, r))").stdout == "('kept\\n', 5)\n"


def test_output_of_the_box_comes_while_the_program_runs(notebook: Notebook, box: Path) -> None:
    message = notebook.begin(f"%%ssh {BOX}\necho first; sleep 4; echo second")
    came = notebook.arrivals(message, "second")
    assert not notebook.wait(message).error
    assert came["second"] - came["first"] > 2


def test_a_failing_cell_on_the_box_is_one_short_error(notebook: Notebook, box: Path) -> None:
    seen = notebook.run(f"%%ssh {BOX}\nexit 3")
    assert (seen.error, seen.sentence) == (
        "ContainerFailed",
        f"The program in {BOX} ended with exit status 3.",
    )


@pytest.mark.parametrize("how", ["timeout", "stop button"])
def test_a_cell_on_the_box_can_be_ended(
    notebook: Notebook, box: Path, engine: Engine, how: str
) -> None:
    flags = "--timeout 5s" if how == "timeout" else ""
    message = notebook.begin(f"%%ssh {BOX} {flags}\necho begun; sleep 401")
    if how == "stop button":
        wait_for_process(engine, "sleep 401")
        notebook.stop_button()
    seen = notebook.wait(message)
    assert seen.stdout == "begun\n"
    assert seen.error == ("TimedOut" if how == "timeout" else "CellStopped")
    left = notebook.run(f"%%ssh {BOX}\nps ax | grep -c '[s]leep 401'; true")
    assert left.stdout == "0\n"


def test_openssh_logs_in_with_the_line_that_is_shown(box: Path) -> None:
    done = ssh(box, BOX, "whoami; exit 7")
    assert (done.returncode, done.stdout) == (7, "student\n")
    assert not done.stderr, "the host key was known from the first login on"


def test_the_line_can_be_pasted_where_its_path_has_a_space(
    new_notebook: Callable[..., Notebook], engine: Engine, tmp_path: Path
) -> None:
    state = tmp_path / "my notes"
    notebook = new_notebook(
        CONTAINER_MAGICS_STATE=str(state), DOCKER_HOST=engine.endpoint.url,
        CONTAINER_MAGICS_STABLE="0",
    )  # fmt: skip
    shown = notebook.run("%sshbox cm-test-space")
    line = notebook.run("print(box.line)").stdout.strip()
    assert str(state) in line
    assert html.escape(line) in shown.html  # as text a table's long cells are cut
    done = subprocess.run(
        ["sh", "-c", f"{line} whoami"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert (done.returncode, done.stdout) == (0, "student\n"), done.stderr
    notebook.run("%sshbox rm cm-test-space")


def test_scp_and_sftp_work(box: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("carried\n")
    assert ssh(box, str(tmp_path / "note.txt"), f"{BOX}:", program="scp").returncode == 0
    assert ssh(box, BOX, "cat note.txt").stdout == "carried\n"
    assert ssh(box, f"{BOX}:note.txt", str(tmp_path / "back"), program="sftp").returncode == 0
    assert (tmp_path / "back").read_text() == "carried\n"


def test_a_password_is_refused(box: Path) -> None:
    done = ssh(box, "-o", "PubkeyAuthentication=no", "-o", "BatchMode=no", BOX, "true")
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_a_stranger_s_key_and_another_user_are_refused(box: Path, tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True
    )
    text = (box.parent / "boxes" / BOX).read_text()
    keyless = tmp_path / "config"
    keyless.write_text("\n".join(line for line in text.splitlines() if "IdentityFile" not in line))
    good = str(box.parent / "id_ed25519")
    assert ssh(keyless, "-i", good, BOX, "true").returncode == 0, "the key alone makes it"
    for words in (["-i", f"{tmp_path}/k"], ["-i", good, "-l", "root"]):
        done = ssh(keyless, *words, BOX, "true")
        assert done.returncode == 255
        assert "Permission denied (publickey)" in done.stderr


def test_keys_are_readable_by_their_owner_alone(box: Path) -> None:
    for path in (box.parent / "id_ed25519", box.parent / "hostkeys" / BOX / "key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(box.parent.stat().st_mode) & 0o077 == 0
    assert not str(box).startswith(str(Path.home() / ".ssh"))


def test_the_box_is_hardened(notebook: Notebook, box: Path, engine: Engine) -> None:
    seen = notebook.run(f"%%ssh {BOX}\ngrep -E 'CapEff|NoNewPrivs' /proc/self/status")
    assert "CapEff:\t0000000000000000" in seen.stdout
    assert "NoNewPrivs:\t1" in seen.stdout
    facts = engine.api.inspect_container(BOX)
    host = facts["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["Memory"] == 256 * 1024**2
    assert host["PidsLimit"] == 128
    assert [place["HostIp"] for place in facts["NetworkSettings"]["Ports"]["22/tcp"]] == [
        "127.0.0.1"
    ]


def test_reset_gives_a_fresh_box_with_the_same_host_key(notebook: Notebook, box: Path) -> None:
    key = ssh(box, BOX, "cat /etc/ssh/ssh_host_ed25519_key.pub; touch mine; ls").stdout
    assert "mine" in key
    assert not notebook.run(f"%sshbox reset {BOX}").error
    again = ssh(box, BOX, "cat /etc/ssh/ssh_host_ed25519_key.pub; ls")
    assert again.returncode == 0
    assert again.stdout.split()[1] == key.split()[1]
    assert "mine" not in again.stdout


def test_starting_it_again_keeps_the_running_box(notebook: Notebook, box: Path) -> None:
    ssh(box, BOX, "touch kept")
    assert not notebook.run(f"%sshbox {BOX}").error
    assert "kept" in ssh(box, BOX, "ls").stdout


def test_a_stopped_box_is_started_again_with_its_files(notebook: Notebook, box: Path) -> None:
    ssh(box, BOX, "touch still-here")
    notebook.run(f"%container stop {BOX}")
    assert not notebook.run(f"%sshbox {BOX}").error
    assert "still-here" in ssh(box, BOX, "ls").stdout


def test_stop_removes_it_and_keeps_the_keys(notebook: Notebook, engine: Engine) -> None:
    notebook.run("%sshbox cm-test-short")
    folder = Path(notebook.run("print(box.config)").stdout.strip()).parent
    assert "gone" in notebook.run("%sshbox rm cm-test-short").text
    assert not engine.api.containers(all=True, filters={"name": "cm-test-short"})
    assert (folder / "hostkeys" / "cm-test-short" / "key").exists()
    assert not (folder / "boxes" / "cm-test-short").exists()
    seen = notebook.run("%%ssh cm-test-short\ntrue")
    assert seen.error == "SshFailed"
    assert "%sshbox cm-test-short" in seen.told


def test_no_variable_but_box_is_set(notebook: Notebook) -> None:
    notebook.run("rows = 'mine'")
    try:
        assert not notebook.run("%sshbox rows").error
        assert notebook.run("print(rows, box.name)").stdout == "mine rows\n"
    finally:
        notebook.run("%sshbox rm rows")


def test_the_state_folder_can_be_chosen() -> None:
    from container_magics.engine.statedir import state_dir

    assert state_dir({**os.environ, "CONTAINER_MAGICS_STATE": "/x/y"}) == Path("/x/y")

"""An engine of our own: it starts once, outlives its shell, and leaves nothing when it stops."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import psutil
import pytest

from container_magics.engine import private, privatenet
from container_magics.engine.client import Engine
from container_magics.engine.process import began
from container_magics.engine.statedir import Places
from container_magics.errors import EngineError

pytestmark = pytest.mark.usefixtures("as_root")
NOBODY = pwd.getpwnam("nobody").pw_uid
COMMAND = [sys.executable, "-m", "container_magics.cli", "engine"]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder. What its engine made has to be gone after a stop, whatever the test did."""
    folder = tmp_path / "s"
    yield folder
    private.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    assert traces(folder) == []
    assert traces_of_network(folder) == []


def traces(folder: Path) -> list[str]:
    """Processes and mounts that name the folder, and files of a running engine in it."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    places = Places(folder)
    files = [places.socket, places.pid_file, places.record, places.run]
    return [
        *(str(process) for process in processes(folder)),
        *(line for line in mounts if f"{folder}/" in line or f"{places.run}/" in line),
        *(str(path) for path in files if path.exists()),
    ]


def processes(folder: Path, name: str = "") -> list[psutil.Process]:
    """Those that name the folder, or its run folder, in their command line; not this one."""
    marks = (f"{folder}/", f"{Places(folder).run}/")
    return [
        process
        for process in psutil.process_iter(["name", "cmdline", "status"])
        if process.pid != os.getpid()
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and any(mark in word for word in process.info["cmdline"] or [] for mark in marks)
        and name in ("", process.info["name"])
    ]


def traces_of_network(folder: Path) -> list[str]:
    """The bridge and the rules that name it; other engines on this machine may come and go."""
    rules = [
        line
        for table in ("filter", "nat")
        for line in run("iptables", "-w", "-t", table, "-S").splitlines()
        if Places(folder).tag in line
    ]
    interfaces = [name for _index, name in socket.if_nameindex()]
    return rules + [name for name in interfaces if name == Places(folder).bridge]


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_starts_answers_and_stops(state: Path) -> None:
    endpoint = private.start(state)
    api = docker.APIClient(endpoint.url, version="auto")
    assert api.info()["DockerRootDir"] == str(state / "data")
    api.close()
    own = private.status(state)
    assert (own.running, own.answers, own.program) == (True, True, "dockerd")
    assert traces_of_network(state) != []
    assert private.stop(state) is True
    assert private.status(state).running is False
    assert private.stop(state) is False
    assert (state / "data").is_dir()  # what is in it is the user's


def test_a_second_start_keeps_the_running_one(state: Path) -> None:
    private.start(state)
    first = private.status(state).pid
    private.start(state)
    assert private.status(state).pid == first


def test_a_second_start_spares_the_default_bridge_of_another_engine(
    state: Path,
) -> None:
    """In a network namespace where "docker0" is somebody else's."""
    script = 'ip link add docker0 type bridge; "$@" start; "$@" stop; "$@" start; "$@" stop; '
    script += "ip -brief link show docker0"
    said = run(
        *("unshare", "--net", "sh", "-c", script, "sh", *COMMAND),
        CONTAINER_MAGICS_STATE=str(state),
        PYTHONPATH=str(Path.cwd()),
    )
    assert said.splitlines()[-1].startswith("docker0")
    assert said.count("is stopped") == 2


def test_it_outlives_the_shell_that_started_it(state: Path) -> None:
    shell = subprocess.Popen(
        ["sh", "-c", '"$@"; sleep 60', "sh", *COMMAND, "start"],
        env={**os.environ, "CONTAINER_MAGICS_STATE": str(state)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout is not None
    while line := shell.stdout.readline():
        if "answers at" in line:
            break
    os.killpg(shell.pid, signal.SIGINT)  # ^C in that terminal
    os.killpg(shell.pid, signal.SIGHUP)  # and the terminal closes
    shell.wait()
    shell.stdout.close()
    time.sleep(0.5)
    own = private.status(state)
    assert own.answers
    assert psutil.Process(own.pid).terminal() is None


def test_four_starts_at_once_give_one_engine(state: Path) -> None:
    environment = {**os.environ, "CONTAINER_MAGICS_STATE": str(state)}
    starts = [
        subprocess.Popen([*COMMAND, "start"], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [start.communicate()[0] for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0, 0]
    assert sum("Starting dockerd" in text for text in said) == 1
    assert len(processes(state, "dockerd")) == 1


def test_an_engine_that_was_killed_is_seen_and_started_anew(state: Path) -> None:
    private.start(state)
    killed = private.status(state).pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    psutil.Process(killed).wait()
    assert private.status(state).running is False
    private.start(state)
    assert private.status(state).answers
    assert private.status(state).pid != killed


def test_a_stale_record_never_ends_a_stranger_with_the_same_pid(state: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        state.mkdir(parents=True)
        boot = began(stranger.pid).partition("/")[0]
        for record in (
            {"pid": stranger.pid, "program": "sleep", "began": f"{boot}/1"},
            {"pid": stranger.pid, "program": "dockerd", "created_s": time.time()},
        ):
            Places(state).record.write_text(json.dumps({**record, "net": None}))
            assert private.status(state).running is False
            assert private.stop(state) is False
            assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_engine_is_known_when_the_clock_is_set(state: Path, tmp_path: Path) -> None:
    """Seen from a mount namespace with the /proc/stat of a machine whose clock was set."""
    private.start(state)
    first = private.status(state).pid
    stat = Path("/proc/stat").read_text()
    (tmp_path / "stat").write_text(re.sub(r"btime \d+", "btime 1700000000", stat))
    script = f'mount --bind {tmp_path}/stat /proc/stat; "$@" status; "$@" start'
    said = run(
        *("unshare", "--mount", "sh", "-c", script, "sh", *COMMAND),
        CONTAINER_MAGICS_STATE=str(state),
    )
    assert f"dockerd runs (pid {first}) and answers" in said
    assert private.status(state).pid == first


def test_an_engine_recorded_by_an_earlier_version_is_known(state: Path) -> None:
    private.start(state)
    record = json.loads(Places(state).record.read_text())
    del record["began"]
    Places(state).record.write_text(json.dumps({**record, "created_s": 1.0}))
    assert private.status(state).running


def test_a_start_leaves_a_running_engine_that_is_slow_to_answer(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private.start(state)
    pid = private.status(state).pid
    assert pid is not None
    monkeypatch.setattr(private, "READY_S", 2.0)
    os.kill(pid, signal.SIGSTOP)
    try:
        await_standstill(pid)
        with pytest.raises(EngineError, match="runs and does not answer within 2 s"):
            private.start(state)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert private.start(state).url == Places(state).url
    assert private.status(state).pid == pid


def await_standstill(pid: int) -> None:
    """Until a SIGSTOP has reached each thread of a process."""
    threads = list(Path(f"/proc/{pid}/task").glob("*/stat"))
    while any(one.read_text().rpartition(")")[2].split()[0] != "T" for one in threads):
        time.sleep(0.01)


def test_what_was_launched_and_never_answers_is_ended(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "READY_S", 0.0)
    with pytest.raises(EngineError, match="did not answer within 0 s"):
        private.start(state)
    assert private.status(state).running is False


def test_a_stop_takes_no_bridge_that_another_has_in_the_same_range(state: Path) -> None:
    # an engine on a network stack of its own takes no notice of who has which range on ours
    environment = {**os.environ, "CONTAINER_MAGICS_STATE": str(state)}
    subprocess.run(["unshare", "--net", *COMMAND, "start"], env=environment, check=True)
    whole = privatenet.Network(json.loads(Places(state).record.read_text())["net"]["whole"])
    other = f"cmo-{Places(state).tag}"
    run("ip", "link", "add", "name", other, "type", "bridge")
    try:
        run("ip", "address", "add", f"{whole[4096]}/24", "dev", other)  # which no engine gives away
        assert private.stop(state)
        assert other in privatenet.interfaces()
    finally:
        privatenet.remove_bridge(other)


def test_a_stop_that_was_interrupted_is_finished_by_the_next(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private.start(state)
    with closing(docker.APIClient(Places(state).url)) as api:
        user_s = f"br-{api.create_network('mine')['Id'][:12]}"
    os.kill(private.status(state).pid or 0, signal.SIGKILL)  # so nothing is noted
    taken = privatenet.remove_bridge

    def interrupted(name: str) -> None:
        if name == user_s:
            raise KeyboardInterrupt
        taken(name)

    with monkeypatch.context() as patch:
        patch.setattr(privatenet, "remove_bridge", interrupted)
        with pytest.raises(KeyboardInterrupt):
            private.stop(state)
    assert user_s in privatenet.interfaces()
    private.stop(state)
    assert user_s not in privatenet.interfaces()


@pytest.mark.parametrize("started", [False, True])
def test_a_stop_takes_no_file_that_is_not_its_own(state: Path, *, started: bool) -> None:
    mine = Places(state).run / "thesis.txt"
    if started:
        private.start(state)
    for folder in (state, mine.parent):
        folder.mkdir(parents=True, exist_ok=True)
    mine.write_text("three years")
    private.stop(state)
    assert [path.name for path in mine.parent.iterdir()] == ["thesis.txt"]
    assert mine.read_text() == "three years"
    shutil.rmtree(mine.parent)


def test_it_is_neither_started_nor_cleaned_in_a_folder_that_another_user_made(state: Path) -> None:
    run = Places(state).run
    (run / "tmp").mkdir(parents=True)
    (run / "docker.sock").touch()
    os.chown(run, NOBODY, -1)
    try:
        with pytest.raises(EngineError, match="not a folder of yours alone") as caught:
            private.start(state)
        assert "CONTAINER_MAGICS_STATE=FOLDER" in caught.value.hint
        assert private.stop(state) is False
        assert sorted(path.name for path in run.iterdir()) == ["docker.sock", "tmp"]
    finally:
        shutil.rmtree(run)


def test_a_user_without_a_runtime_folder_is_not_led_into_one_that_waits_in_tmp(
    open_path: Path,
) -> None:
    """As nobody: where the folder of his sockets would be lies a link to one of his own."""
    (open_path / "tmp").mkdir()
    (open_path / "tmp").chmod(0o1777)
    kept = open_path / "mine" / "tmp"
    kept.mkdir(parents=True)
    for path in (kept, kept.parent, open_path):
        os.chown(path, NOBODY, -1)
    program = (
        "import os, sys; from pathlib import Path\n"
        "from container_magics.engine import private, podman\n"
        "from container_magics.engine.statedir import Places\n"
        "from container_magics.errors import EngineError\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "run = Places(Path('state').absolute()).run\n"
        "run.symlink_to(Path('mine').absolute())\n"
        "try: private.start(Path('state').absolute())\n"
        "except EngineError as error: print(error)\n"
    )
    environment = {**os.environ, "TMPDIR": str(open_path / "tmp"), "PYTHONPATH": str(Path.cwd())}
    environment.pop("XDG_RUNTIME_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=open_path, env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert "is not a folder of yours alone" in done.stdout
    assert kept.is_dir(), "what the link leads to is no leftover of ours"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}'])
def test_a_broken_record_is_taken_for_none(state: Path, text: str) -> None:
    state.mkdir(parents=True)
    Places(state).record.write_text(text)
    assert private.status(state).running is False


def test_a_dockerd_that_ends_at_its_start_is_told_with_its_last_words(state: Path) -> None:
    state.mkdir(parents=True)
    (state / "data").write_text("in the way")
    with pytest.raises(EngineError) as caught:
        private.start(state)
    assert str(caught.value) == "The engine ended at its start."
    assert any(str(state / "data") in fact for fact in caught.value.facts)
    assert str(Places(state).log) in caught.value.hint


def test_a_state_folder_with_a_very_long_path_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    try:
        endpoint = private.start(folder)
        assert len(endpoint.url) < 107
        assert private.status(folder).answers
    finally:
        private.stop(folder)
    assert traces(folder) == []


@pytest.fixture
def saved_base(engine: Engine, base: str, tmp_path: Path) -> Path:
    path = tmp_path / "base.tar"
    with path.open("wb") as file:
        for chunk in engine.api.get_image(base):
            file.write(chunk)
    return path


SERVER = (
    "use IO::Socket::INET; $s = IO::Socket::INET->new(LocalPort => 80, Listen => 5) or die;"
    'while ($c = $s->accept) { print $c "engine $ARGV[0]"; close $c }'
)


def publish(url: str, archive: Path, name: str) -> int:
    """Run a server that says its name; the loopback port on which it is published."""
    api = docker.APIClient(url, version="auto")
    with archive.open("rb") as file:
        list(api.load_image(file))
    container = api.create_container(
        "container-magics/base:bookworm",
        ["perl", "-e", SERVER, name],
        ports=[80],
        host_config=api.create_host_config(port_bindings={80: ("127.0.0.1", None)}),
    )
    api.start(container["Id"])
    port = api.inspect_container(container["Id"])["NetworkSettings"]["Ports"]["80/tcp"][0]
    api.close()
    return int(port["HostPort"])


def read_from(port: int) -> str:
    limit_s = time.monotonic() + 10
    while True:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            said = connection.recv(100).decode()
        if said or time.monotonic() > limit_s:
            return said
        time.sleep(0.1)


def test_two_of_them_run_side_by_side_and_publish_ports(
    state: Path, tmp_path: Path, saved_base: Path
) -> None:
    other = tmp_path / "o"
    try:
        ports = [
            publish(private.start(folder).url, saved_base, name)
            for folder, name in ((state, "one"), (other, "two"))
        ]
        assert [read_from(port) for port in ports] == ["engine one", "engine two"]
        started = time.monotonic()
        private.stop(other)
        assert time.monotonic() - started < 30
        assert read_from(ports[0]) == "engine one"  # stopping one leaves the other as it is
    finally:
        private.stop(other)
        shutil.rmtree(other)
    assert traces(other) == []


ALONE = """
ip link set lo up
rules() { iptables -S; iptables -t nat -S; ip -brief link show type bridge; }
echo 0 > /proc/sys/net/ipv4/ip_forward
rules > before
"$@" start && rules > during
docker -H "unix://$CONTAINER_MAGICS_STATE/run/docker.sock" network create lesson >/dev/null
%s
"$@" stop
rules > after
cat /proc/sys/net/ipv4/ip_forward
"""


@pytest.mark.parametrize("ending", ["", 'kill -9 "$(cat "$CONTAINER_MAGICS_STATE/engine.pid")"'])
def test_alone_on_a_network_it_takes_its_iptables_rules_away(
    state: Path, tmp_path: Path, ending: str
) -> None:
    """In a network namespace of its own, where no other dockerd runs."""
    shell = ["unshare", "--net", "sh", "-c", f"cd {tmp_path}; {ALONE % ending}", "sh", *COMMAND]
    said = run(*shell, CONTAINER_MAGICS_STATE=str(state), PYTHONPATH=str(Path.cwd()))
    before, during, after = (
        (tmp_path / name).read_text() for name in ("before", "during", "after")
    )
    assert "-N DOCKER" in during
    assert after == before
    assert said.splitlines()[-1] == "0"


LATER = """
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
"$@" start
iptables -P FORWARD DROP
iptables -I DOCKER-USER -s 192.0.2.1 -j DROP
"$@" stop
iptables -S
"""


def test_a_firewall_that_was_set_while_it_ran_stays(state: Path) -> None:
    """In a network namespace of its own, where routing was on before."""
    shell = ["unshare", "--net", "sh", "-c", LATER, "sh", *COMMAND]
    rules = run(*shell, CONTAINER_MAGICS_STATE=str(state), PYTHONPATH=str(Path.cwd())).splitlines()
    assert "-P FORWARD DROP" in rules
    assert "-A FORWARD -j DOCKER-USER" in rules
    assert "-A DOCKER-USER -s 192.0.2.1/32 -j DROP" in rules
    assert {line.split()[1] for line in rules if "DOCKER" in line} == {"DOCKER-USER", "FORWARD"}
    assert [line for line in rules if "DOCKER-" in line.replace("DOCKER-USER", "")] == []


SPARE = """
ip link set lo up
ip link add docker0 type bridge
"$@" start; "$@" stop; "$@" start; "$@" stop
ip -brief link show type bridge
"""


def test_a_second_start_leaves_another_engine_s_default_bridge_alone(state: Path) -> None:
    """dockerd itself would delete it; again in a network namespace of its own."""
    shell = ["unshare", "--net", "sh", "-c", SPARE, "sh", *COMMAND]
    said = run(*shell, CONTAINER_MAGICS_STATE=str(state), PYTHONPATH=str(Path.cwd()))
    assert said.splitlines()[-1].split()[0] == "docker0"


TWO = """
ip link set lo up
echo 0 > /proc/sys/net/ipv4/ip_forward
second() { CONTAINER_MAGICS_STATE="$CONTAINER_MAGICS_STATE/second" "$@"; }
"$@" start; second "$@" start
"$@" stop
cat /proc/sys/net/ipv4/ip_forward
second "$@" stop
"""


def test_the_first_of_two_leaves_routing_to_the_second(state: Path) -> None:
    """It had switched routing on, and the other's containers would be cut off without."""
    shell = ["unshare", "--net", "sh", "-c", TWO, "sh", *COMMAND]
    try:
        said = run(*shell, CONTAINER_MAGICS_STATE=str(state), PYTHONPATH=str(Path.cwd()))
    finally:
        private.stop(state / "second")
    assert said.splitlines()[-2:] == ["1", "Our own engine is stopped."]

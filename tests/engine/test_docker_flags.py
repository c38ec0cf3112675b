"""docker run's seldom flags on a real engine: each has the effect that it has after docker run."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from container_magics.core.events import Exited, Output
from container_magics.core.flags import parse_run
from container_magics.core.spec import ContainerSpec
from container_magics.core.waits import condition
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import MADE, SESSION, owner
from container_magics.errors import ImageNotFound
from container_magics.session.detached import run_detached
from container_magics.session.following import follow
from container_magics.session.run import run
from container_magics.session.spares import Spares
from container_magics.session.waiting import wait

pytestmark = pytest.mark.usefixtures("nothing_left")
Shell = Callable[[str, str], str]


def asked(base: str, flags: str, script: str) -> ContainerSpec:
    """What a cell with these flags asks for."""
    return replace(parse_run(f"{base} {flags}").spec, command=("sh", "-c", script))


@pytest.fixture
def shell(engine: Engine, base: str) -> Shell:
    """A function that runs a script in a container with these flags, and returns its output."""

    def ran(flags: str, script: str) -> str:
        events = list(run(engine, asked(base, flags, script), owner()))
        assert Exited(0) in events, events
        return b"".join(one.data for one in events if isinstance(one, Output)).decode()

    return ran


@pytest.fixture
def left(engine: Engine, base: str) -> Iterator[Callable[[str, str], str]]:
    """A function that leaves such a container running, and returns its name."""
    names: list[str] = []

    def started(flags: str, script: str) -> str:
        names.append(f"cm-test-flags-{uuid.uuid4().hex[:8]}")
        spec = asked(base, f"-d --name {names[-1]} {flags}", script)
        list(run_detached(engine, spec, owner()))
        return names[-1]

    yield started
    for name in names:
        verbs.remove(engine, name)


def test_a_label_is_there_and_ours_are_not_written_over(engine: Engine, left: Shell) -> None:
    name = left("-l lesson=3 --label mine", "exec sleep 600")
    labels = verbs.inspect(engine, name)["Config"]["Labels"]
    assert (labels["lesson"], labels["mine"]) == ("3", "")
    assert labels[SESSION] == owner().session
    assert [one["Id"] for one in verbs.containers(engine, "lesson=3")]


def test_no_spec_can_write_over_whose_a_container_is(engine: Engine, base: str) -> None:
    """Also not one that no parser has read."""
    spec = ContainerSpec(base, ("true",), labels=((SESSION, "somebody 1 2"), (MADE, "x")))
    created = verbs.create(engine, spec, owner().labels("test"))
    try:
        labels = verbs.inspect(engine, created.container_id)["Config"]["Labels"]
        assert labels[SESSION] == owner().session
        assert labels[MADE] != "x"
    finally:
        verbs.remove(engine, created.container_id)


def test_an_init_is_process_1(shell: Shell) -> None:
    assert "init" in shell("--init", "cat /proc/1/comm /proc/1/cmdline")
    assert "init" not in shell("", "cat /proc/1/comm")


def test_nothing_can_be_written_but_to_a_tmpfs(shell: Shell) -> None:
    script = "touch /x 2>/dev/null || echo refused; echo y > /scratch/y && cat /scratch/y"
    assert shell("--read-only --tmpfs /scratch:size=1m", script) == "refused\ny\n"
    assert "1024" in shell("--tmpfs /scratch:size=1m", "df -k /scratch")


def test_capabilities_are_given_and_taken(shell: Shell) -> None:
    bits = "sed -n 's/^CapEff:[^0-9a-f]*//p' /proc/self/status"
    assert int(shell("--cap-drop ALL", bits), 16) == 0
    assert int(shell("--cap-drop ALL --cap-add NET_ADMIN", bits), 16) == 1 << 12


def test_a_host_s_address_is_known(shell: Shell) -> None:
    assert "10.9.8.7" in shell("--add-host db.local:10.9.8.7", "getent hosts db.local")


def test_a_container_starts_again_as_its_policy_says(engine: Engine, left: Shell) -> None:
    name = left("--restart on-failure:2", "echo begun; sleep 0.3; exit 1")
    said = b"".join(one.data for one in follow(engine, name, timeout_s=60))
    assert said == b"begun\n" * 3


def test_a_health_check_is_asked(engine: Engine, left: Shell) -> None:
    flags = "--health-cmd 'test -e /up' --health-interval 200ms"
    name = left(flags, "sleep 0.5; touch /up; exec sleep 600")
    assert wait(engine, name, [condition("healthy")], timeout_s=60)


@pytest.mark.parametrize(
    ("gpus", "count", "devices"),
    [("all", -1, None), ("2", 2, None), ("device=0,GPU-3a2", 0, ["0", "GPU-3a2"])],
)
def test_processors_for_graphics_are_asked_for(
    engine: Engine, base: str, gpus: str, count: int, devices: list[str] | None
) -> None:
    """As far as a machine without one goes: only the start needs it."""
    spec = asked(base, f"--gpus {gpus}", "true")
    made = verbs.create(engine, spec, owner().labels("test"), auto_remove=False).container_id
    try:
        (request,) = engine.api.inspect_container(made)["HostConfig"]["DeviceRequests"]
        assert (request["Count"], request["DeviceIDs"] or None) == (count, devices)
        assert request["Capabilities"] == [["gpu"]]
    finally:
        verbs.remove(engine, made)


def test_another_platform_is_asked_for_and_not_taken_for_this_one(
    engine: Engine, base: str, shell: Shell
) -> None:
    facts = engine.request("GET", f"/images/{base}/json").json()
    here = f"{facts['Os']}/{facts['Architecture']}"
    assert shell(f"--platform {here}", "echo here") == "here\n"
    with pytest.raises(ImageNotFound, match="linux/s390x"):
        list(run(engine, asked(base, "--platform linux/s390x", "true"), owner()))


def test_a_spare_has_the_flags_of_its_cell(engine: Engine, base: str) -> None:
    """A cell that asks for other things than the last one does not get the last one's spare."""
    spares, bits = Spares(), "sed -n 's/^CapEff:[^0-9a-f]*//p' /proc/self/status"
    seen = []
    try:
        for flags in ("", "", "--cap-drop ALL", "--cap-drop ALL", "--init", "-l a=b", ""):
            events = list(run(engine, asked(base, flags, bits), owner(), spares=spares))
            said = b"".join(one.data for one in events if isinstance(one, Output)).decode()
            seen.append(int(said, 16) == 0)
            time.sleep(0.5)  # a spare is begun by then, and the next cell waits for it
    finally:
        spares.drop(wait=True)
    assert seen == [False, False, True, True, False, False, False]

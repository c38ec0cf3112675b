"""A policy file of root's, and requests that it refuses before the engine has heard of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from container_magics.classroom import gate
from container_magics.core.buildspec import BuildSpec
from container_magics.core.composeflags import ComposeRequest
from container_magics.core.events import Exited, Started
from container_magics.core.spec import ContainerSpec, Hardening, Limits, Mount
from container_magics.engine import policyfile
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.composeproject import services
from container_magics.engine.ownership import owner
from container_magics.engine.statedir import KERNEL_SOCKETS
from container_magics.errors import PolicyDenied
from container_magics.session.build import build
from container_magics.session.compose import take_down, up
from container_magics.session.detached import run_detached
from container_magics.session.run import run
from container_magics.session.spares import Spares

SLEEP = ("sleep", "600")
LIMIT_S = 60.0
Write = Callable[..., Path]
WAYS = {
    "volumes": "{driver_opts: {type: none, o: bind, device: /}}",
    "secrets": "{file: /etc/shadow}",
    "networks": "{external: true, name: host}",
}
"""What is the host's, and does not look so in the service."""


@pytest.fixture
def write(as_root: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """A function that writes a policy where root alone may write, and takes it for the machine's:
    other tests may run on this machine at the same time."""
    folder = Path("/run") / f"cm-policy-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o755)
    path = folder / "policy.toml"
    monkeypatch.setattr(policyfile, "POLICY", path)

    def written(text: str) -> Path:
        path.write_text(text)
        path.chmod(0o644)
        return path

    yield written
    path.unlink(missing_ok=True)
    folder.rmdir()


def refused(engine: Engine, spec: ContainerSpec) -> PolicyDenied:
    with pytest.raises(PolicyDenied) as caught:
        list(run(engine, spec, owner()))
    return caught.value


def test_a_class_s_boxes_are_held_against_it(write: Write) -> None:
    write('images.allow = ["course/**"]\nlimits.memory = "1g"\nlimits.pids = 256\n')
    limits = policyfile.allowed_boxes("course/box:1", Limits(memory_bytes=2**20), 1000, 1e9)
    assert limits == Limits(memory_bytes=2**20, pids=256)
    with pytest.raises(PolicyDenied, match="rule images"):
        policyfile.allowed_boxes("other/box", Limits(), 1, 60.0)
    with pytest.raises(PolicyDenied, match="rule limits"):
        policyfile.allowed_boxes("course/box:1", Limits(memory_bytes=2**31), 1, 60.0)


def test_a_class_s_size_and_time_are_held_against_it(write: Write) -> None:
    write('limits.containers = 10\nlimits.lifetime = "8h"\n')
    policyfile.allowed_boxes("any/box", Limits(), 10, 8 * 3600.0)
    with pytest.raises(PolicyDenied, match=r"11 boxes of a class are more than 10 \(rule limits"):
        policyfile.allowed_boxes("any/box", Limits(), 11, 60.0)
    with pytest.raises(PolicyDenied, match=r"A class of .* is longer than .*limits\.lifetime"):
        policyfile.allowed_boxes("any/box", Limits(), 10, 9 * 3600.0)
    with pytest.raises(PolicyDenied, match=r"limits\.lifetime"):
        policyfile.refuse_longer(9 * 3600.0)
    write("limits.containers = 10\nlimits.students = 30\n")
    policyfile.allowed_boxes("any/box", Limits(), 30, 60.0)
    with pytest.raises(PolicyDenied, match=r"rule limits\.students"):
        policyfile.allowed_boxes("any/box", Limits(), 31, 60.0)


def test_a_gateway_has_no_more_than_is_allowed(write: Write) -> None:
    write('limits.memory = "512m"\nlimits.cpus = 2\n')
    assert policyfile.capped(gate.LIMITS) == Limits(2**29, 2 * 10**9, gate.LIMITS.pids)
    write('limits.memory = "4g"\nlimits.pids = 256\n')
    assert policyfile.capped(gate.LIMITS) == Limits(gate.LIMITS.memory_bytes, None, 256)


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        (ContainerSpec("other/image", SLEEP), "images.allow"),
        (ContainerSpec("BASE", SLEEP, limits=Limits(memory_bytes=2**31)), "limits.memory"),
        (ContainerSpec("BASE", SLEEP, limits=Limits(nano_cpus=4 * 10**9)), "limits.cpus"),
        (ContainerSpec("BASE", SLEEP, limits=Limits(pids=10_000)), "limits.pids"),
        (ContainerSpec("BASE", SLEEP, mounts=(Mount("/", "/host"),)), "mounts.folders"),
        (
            ContainerSpec("BASE", SLEEP, mounts=(Mount("/var/run/docker.sock", "/s"),)),
            "mounts.docker_socket",
        ),
        (ContainerSpec("BASE", SLEEP, network="host"), "security.host_namespaces"),
        (
            ContainerSpec("BASE", SLEEP, hardening=Hardening(add_capabilities=("SYS_ADMIN",))),
            "security.capabilities",
        ),
    ],
)
def test_a_denial_names_the_rule_and_the_file(
    engine: Engine, base: str, write: Write, nothing_left: object, spec: ContainerSpec, rule: str
) -> None:
    path = write(f'[images]\nallow = ["{base}"]\n[limits]\nmemory = "1g"\ncpus = 2\npids = 100\n')
    image = spec.image.replace("BASE", base)
    error = refused(engine, ContainerSpec(**{**asdict(spec), "image": image}))
    assert (error.rule, error.file) == (rule, str(path))
    assert f"rule {rule} in {path}" in str(error)


def asdict(spec: ContainerSpec) -> dict[str, object]:
    return {name: getattr(spec, name) for name in ContainerSpec.__slots__}


def test_a_link_does_not_lead_around_a_rule(
    engine: Engine, base: str, write: Write, tmp_path: Path
) -> None:
    write(f'[mounts]\nfolders = ["{tmp_path}"]\n')
    (tmp_path / "link").symlink_to("/")
    mounts = (Mount(f"{tmp_path}/link", "/host"),)
    assert refused(engine, ContainerSpec(base, SLEEP, mounts=mounts)).rule == "mounts.folders"
    (tmp_path / "data").mkdir()
    ended = list(run(engine, ContainerSpec(base, ("true",), mounts=(
        Mount(f"{tmp_path}/data", "/data"),)), owner()))  # fmt: skip
    assert [event.exit_status for event in ended if isinstance(event, Exited)] == [0]


def test_a_folder_of_a_kernels_sockets_is_the_users_own(
    engine: Engine, base: str, write: Write, tmp_path: Path
) -> None:
    write("")
    folder = tmp_path / f"{KERNEL_SOCKETS}x"
    folder.mkdir(mode=0o700)
    spec = ContainerSpec(base, ("true",), mounts=(Mount(str(folder), str(folder)),))
    assert policyfile.allowed(engine, spec, {}) == spec
    folder.chmod(0o755)
    assert refused(engine, spec).rule == "mounts.folders"


def test_limits_that_nobody_asked_for_are_set(engine: Engine, base: str, write: Write) -> None:
    write('[limits]\nmemory = "64m"\ncpus = 0.5\npids = 50\n')
    made = verbs.create(engine, ContainerSpec(base, SLEEP), {}, auto_remove=False)
    try:
        config = verbs.inspect(engine, made.container_id)["HostConfig"]
        assert config["Memory"] == 64 * 2**20
        assert config["NanoCpus"] == 500_000_000
        assert config["PidsLimit"] == 50
    finally:
        verbs.remove(engine, made.container_id)


def settled(engine: Engine) -> int:
    """How many containers of this user run, once those of earlier tests have gone: what is on its
    way out would make room for one more."""
    before, now = -1, policyfile.running(engine)
    while now != before:
        time.sleep(1.5)
        before, now = now, policyfile.running(engine)
    return now


def test_no_more_run_than_may(engine: Engine, base: str, write: Write) -> None:
    labels = owner().labels("test")
    now = settled(engine)
    write(f"[limits]\ncontainers = {now + 1}\n")
    made = verbs.create(engine, ContainerSpec(base, SLEEP), labels, auto_remove=False)
    try:
        verbs.start(engine, made)
        with pytest.raises(PolicyDenied) as caught:
            verbs.create(engine, ContainerSpec(base, SLEEP), labels, auto_remove=False)
        assert caught.value.rule == "limits.containers"
    finally:
        verbs.remove(engine, made.container_id)


def test_a_cell_that_is_run_again_takes_the_place_of_its_container(
    engine: Engine, base: str, write: Write, nothing_left: object
) -> None:
    """Also at the limit; and what is not allowed ends nothing, and fetches nothing."""
    most = settled(engine) + 1
    write(f'[images]\nallow = ["{base}"]\n[limits]\ncontainers = {most}\n')
    spec, whose = ContainerSpec(base, SLEEP, name=f"cm-test-{uuid.uuid4().hex[:8]}"), owner()
    try:
        for _ in range(2):
            events = list(run_detached(engine, spec, whose))
            assert [event for event in events if isinstance(event, Started)]
        runs = verbs.named(engine, spec.name)
        assert runs is not None
        with pytest.raises(PolicyDenied) as caught:
            list(run_detached(engine, replace(spec, image="127.0.0.1:1/other"), whose))
        assert caught.value.rule == "images.allow"
        again = verbs.named(engine, spec.name)
        assert again is not None
        assert again["Id"] == runs["Id"]
    finally:
        verbs.remove(engine, spec.name)


def test_a_container_goes_when_its_time_is_over(engine: Engine, base: str, write: Write) -> None:
    write('[limits]\nlifetime = "2s"\n')
    spec = ContainerSpec(base, SLEEP, name=f"cm-test-{uuid.uuid4().hex[:8]}")
    made = verbs.create(engine, spec, {}, auto_remove=False)
    verbs.start(engine, made)
    limit_s = time.monotonic() + LIMIT_S
    while verbs.named(engine, spec.name) is not None:
        assert time.monotonic() < limit_s
        time.sleep(0.1)


def test_a_build_begins_with_what_is_allowed(
    engine: Engine, base: str, write: Write, nothing_left: object
) -> None:
    write(f'[images]\nallow = ["{base}"]\n')
    for text in (
        "FROM other\n",
        "FROM other AS other\n",
        f"FROM {base} AS a\nFROM a\nCOPY --from=other / /\n",
        f"# syntax=other/frontend:1\nFROM {base}\n",
    ):
        with pytest.raises(PolicyDenied) as caught:
            list(build(engine, BuildSpec(text, "cm-test-policy:1")))
        assert caught.value.rule == "images.allow"
    with pytest.raises(PolicyDenied) as caught:
        list(build(engine, BuildSpec(f"FROM {base}\n", "cm-test-policy:1", network="host")))
    assert caught.value.rule == "security.host_namespaces"


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("privileged: true", "security.privileged"),
        ("pid: host", "security.host_namespaces"),
        ("volumes: ['/:/host']", "mounts.folders"),
        ("cap_add: [SYS_ADMIN]", "security.capabilities"),
        ("volumes: ['way:/host']", "mounts.folders"),
        ("secrets: [way]", "mounts.folders"),
        ("networks: [way]", "security.host_namespaces"),
        ("volumes_from: ['container:other']", "security.privileged"),
        ("network_mode: container:other", "security.host_namespaces"),
    ],
)
def test_compose_asks_for_no_more(
    engine: Engine, base: str, write: Write, nothing_left: object, line: str, rule: str
) -> None:
    write("")
    text = f"services:\n  web:\n    image: {base}\n    command: sleep 600\n    {line}\n"
    if "way" in line:
        kind = line.partition(":")[0]
        text += f"{kind}:\n  way: {WAYS[kind]}\n"
    with (
        pytest.raises(PolicyDenied) as caught,
        closing(up(engine, owner(), ComposeRequest("cm-test-policy"), text)) as events,
    ):
        list(events)
    assert caught.value.rule == rule
    assert str(caught.value).startswith(("Service web: ", "Network way: "))


def test_compose_counts_what_runs_and_has_a_lifetime(
    engine: Engine, base: str, write: Write, nothing_left: object
) -> None:
    """Also what is no service of the project; and the same project again is no more."""
    most = settled(engine) + 2
    write(f'[limits]\ncontainers = {most}\nlifetime = "20s"\n')
    web = f"  web:\n    image: {base}\n    command: sleep 600\n    init: true\n"
    asked = ComposeRequest("cm-test-policy")
    labels = owner().labels("test")
    made = verbs.create(engine, ContainerSpec(base, SLEEP), labels, auto_remove=False)
    try:
        verbs.start(engine, made)
        text = "services:\n" + web + web.replace("web", "more")
        with pytest.raises(PolicyDenied, match="2 containers are too many, where") as caught:
            list(up(engine, owner(), asked, text))
        assert caught.value.rule == "limits.containers"
        for _ in range(2):
            list(up(engine, owner(), asked, "services:\n" + web))
        limit_s = time.monotonic() + LIMIT_S
        while services(engine, asked.project):
            assert time.monotonic() < limit_s
            time.sleep(0.1)
    finally:
        verbs.remove(engine, made.container_id)
        take_down(engine, owner(), asked.project, frozenset())


def test_a_container_that_waits_for_a_cell_is_looked_at_when_it_is_taken(
    engine: Engine, base: str, write: Write, nothing_left: object
) -> None:
    spares, spec = Spares(), ContainerSpec(base, ("sh", "-c", "echo in"))
    try:
        list(run(engine, spec, owner(), spares=spares))
        write("[images]\nallow = []\n")
        with pytest.raises(PolicyDenied) as caught:
            list(run(engine, spec, owner(), spares=spares))
        assert caught.value.rule == "images.allow"
    finally:
        spares.drop(wait=True)


@pytest.mark.parametrize("how", ["another's", "writable", "link", "nonsense", "folder"])
def test_a_file_that_others_could_have_written_stops_everything(
    engine: Engine, base: str, write: Write, how: str
) -> None:
    path = write("")
    match how:
        case "another's":
            os.chown(path, 65534, 65534)
        case "writable":
            path.chmod(0o666)
        case "link":
            path.rename(path.with_suffix(".real"))
            path.symlink_to(path.with_suffix(".real"))
        case "nonsense":
            path.write_text("[limits]\ncpu = 1\n")
        case "folder":
            path.parent.chmod(0o777)
    try:
        error = refused(engine, ContainerSpec(base, ("true",)))
        assert error.rule == "the file itself"
        assert "cannot be trusted" in str(error)
        assert "docs/policy.md" in error.hint
    finally:
        path.with_suffix(".real").unlink(missing_ok=True)
        path.parent.chmod(0o755)


def test_where_there_is_no_file_nothing_is_looked_at(engine: Engine, base: str) -> None:
    spec = ContainerSpec(base, SLEEP, limits=Limits(memory_bytes=2**40))
    if not policyfile.POLICY.exists():
        assert policyfile.allowed(engine, spec, {}) == spec


def test_the_real_place_is_read_and_no_variable_leads_away(
    as_root: None, engine: Engine, base: str
) -> None:
    """In a mount namespace of its own, for the file is the whole machine's."""
    code = (
        "from container_magics.core.spec import ContainerSpec\n"
        "from container_magics.engine import policyfile\n"
        "from container_magics import connect\n"
        f"policyfile.allowed(connect(), ContainerSpec({base!r}), {{}})\n"
    )
    script = (
        "mount -t tmpfs -o mode=755 none /etc/container-magics && "
        "printf '[images]\\nallow = [\"course/*\"]\\n' > /etc/container-magics/policy.toml && "
        'exec "$0" -c "$1"'
    )
    place = Path("/etc/container-magics")
    made = not place.exists()
    place.mkdir(exist_ok=True)
    try:
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, sys.executable, code],
            env={**os.environ, "DOCKER_HOST": engine.endpoint.url, "HOME": "/nonexistent"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        if made:
            place.rmdir()
    assert done.returncode != 0
    assert "rule images.allow in /etc/container-magics/policy.toml" in done.stderr

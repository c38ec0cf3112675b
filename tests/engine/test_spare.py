"""Spares on a real engine: nothing tells them from a fresh container, and nothing of them stays."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from container_magics.core.events import Created, Exited, Output, RunEvent, Stopping
from container_magics.core.spec import ContainerSpec, Limits, Mount, Port
from container_magics.engine import run as verbs
from container_magics.engine import spare as spare_verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import PURPOSE, SESSION, owner
from container_magics.errors import ContainerMagicsError
from container_magics.session.run import run
from container_magics.session.spares import Spares, kind
from container_magics.session.stopper import Stopper

pytestmark = pytest.mark.usefixtures("nothing_left")
LIMIT_S = 60.0
# All that a program can see of how it was started, in one look.
LOOK = r"""
tr '\0' '\n' < /proc/1/environ; echo; tr '\0' '|' < /proc/1/cmdline; echo
readlink /proc/1/exe; ls -l /proc/1/fd; grep -H . /proc/1/limits
grep -E 'SigIgn|SigCgt|Cap|Uid|Gid|Groups|Seccomp|NoNewPrivs|Threads|PPid' /proc/1/status
umask; pwd; id; ulimit -a; ps -eo pid,ppid,pgid,sid,tty,args; echo $$ $- "$0" "$@"
sh -c 'echo $$ $PPID'; env | sort; set | grep -v '^_='; ls -la / /tmp /dev
mount | sort | cut -d' ' -f1-5
cat /proc/1/oom_score_adj /proc/1/cgroup /etc/resolv.conf; nice
"""


@pytest.fixture
def spares() -> Iterator[Spares]:
    """The spares of a session, which end with the test."""
    made = Spares()
    yield made
    made.drop(wait=True)


def waiting(engine: Engine) -> list[str]:
    """IDs of this session's spares."""
    labels = f"{SESSION}={owner().session}", f"{PURPOSE}={spare_verbs.PURPOSE}"
    return [one["Id"] for one in verbs.containers(engine, *labels)]


def wait_until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + LIMIT_S
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def spec(base: str, *command: str, **more: object) -> ContainerSpec:
    return ContainerSpec(base, command, **more)  # type: ignore[arg-type]


def ready(engine: Engine, spares: Spares, wanted: ContainerSpec) -> str:
    """Let a spare be made; returns its ID once it can be used."""
    spares.renew(engine, owner(), wanted)
    (place,) = [p for k, p in spares._places.items() if k == kind(wanted)]
    assert wait_until(lambda: place._state == "ready"), place._state
    found = place._spare
    assert found is not None
    return found.created.container_id


def told(
    engine: Engine, wanted: ContainerSpec, spares: Spares | None = None, **more: object
) -> tuple[str, str, Exited | None]:
    """The container's ID, what the program wrote, and its end. Leaves no new spare."""
    events: list[RunEvent] = list(
        run(engine, wanted, owner(), spares=spares, **more)  # type: ignore[arg-type]
    )
    if spares:
        spares.drop(wait=True)
    (container_id,) = [e.container_id for e in events if isinstance(e, Created)]
    output = b"".join(e.data for e in events if isinstance(e, Output)).decode(errors="replace")
    ends = [e for e in events if isinstance(e, Exited)]
    return container_id, output, ends[0] if ends else None


def masked(text: str, container_id: str) -> list[str]:
    """Without what differs between two fresh containers too."""
    text = text.replace(container_id, "ID").replace(container_id[:12], "HOST")
    text = re.sub(r"(pipe|socket):\[\d+\]", r"\1", text)
    text = re.sub(r"\w{3} +\d+ \d\d:\d\d", "TIME", text)
    # the engine's own threads use up numbers of processes, now more, now fewer
    text = re.sub(r"^ *\d+( +1 +1 +1 \?.*ps )", r"PID\1", text, flags=re.MULTILINE)
    text = re.sub(r"^\d+ 1$", "PID 1", text, flags=re.MULTILINE)
    text = re.sub(r"^(d\S+) +\d+ (.* (?:proc|sys))$", r"\1 \2", text, flags=re.MULTILINE)
    # bash catches SIGINT while it waits for a program; this one may look before it does
    text = re.sub(r"(SigCgt:\s)(\w+)", lambda m: f"{m[1]}{int(m[2], 16) & ~2:016x}", text)
    return re.sub(r"[0-9a-f]{64}|overlay2/\w+", "HEX", text).splitlines()


ENVIRONMENT = (("PLAIN", "1"), ("QUOTED", "a'b\"c$d`e\\"), ("LINES", "x\ny\n"), ("PS1", "é "))


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"environment": ENVIRONMENT},
        {"environment": (("OLDPWD", "/x"), ("IFS", "/"), ("n", "1"), ("A.B-C", "2"))},
        {"user": "nobody", "working_dir": "/usr/lib"},
        {"hostname": "here", "network": "none", "limits": Limits(256 << 20, 10**9, 64)},
    ],
    ids=["plain", "environment", "shell-words", "user", "limits"],
)
@pytest.mark.parametrize("fed", [None, b"fed"], ids=["no-stdin", "stdin"])
@pytest.mark.parametrize("program", ["sh", "bash"])
def test_a_program_cannot_tell_a_spare_from_a_fresh_container(
    engine: Engine,
    base: str,
    spares: Spares,
    wanted: dict[str, object],
    fed: bytes | None,
    program: str,
) -> None:
    look = spec(base, program, "-c", LOOK, **wanted)
    fresh_id, fresh, fresh_end = told(engine, look, stdin=fed)
    spare_id = ready(engine, spares, look)
    used_id, used, end = told(engine, look, spares, stdin=fed)
    assert used_id == spare_id
    assert "\n".join(masked(used, used_id)) == "\n".join(masked(fresh, fresh_id))
    assert end == fresh_end


@pytest.mark.parametrize("size_bytes", [0, 1, 1_000_000])
def test_stdin_reaches_the_program_whole(
    engine: Engine, base: str, spares: Spares, size_bytes: int
) -> None:
    counting = spec(base, "sh", "-c", "wc -c")
    used = ready(engine, spares, counting)
    fed = b"0\nx" * (size_bytes // 3) + b"." * (size_bytes % 3)
    assert told(engine, counting, spares, stdin=fed) == (used, f"{size_bytes}\n", Exited(0))


def test_a_script_arrives_as_it_is(engine: Engine, base: str, spares: Spares) -> None:
    text = "".join(map(chr, [*range(1, 256), 0x2028, 0x1F40B])) + "'\\''\n\\\n $x `y` \n\n"
    wanted = spec(base, "printf", "%s|", text, "-x", "", "two words")
    fresh = told(engine, wanted)[1]
    used = ready(engine, spares, wanted)
    assert told(engine, wanted, spares) == (used, fresh, Exited(0))


def test_the_end_is_told_as_ever(engine: Engine, base: str, spares: Spares) -> None:
    failing = spec(base, "sh", "-c", "echo no >&2; exit 3")
    used = ready(engine, spares, failing)
    assert told(engine, failing, spares) == (used, "no\n", Exited(3))
    hungry = spec(base, "perl", "-e", "$x = 'x' x (1 << 28)", limits=Limits(64 << 20))
    ready(engine, spares, hungry)
    end = told(engine, hungry, spares)[2]
    assert end is not None
    assert end.exit_status == 137


def test_a_time_limit_ends_a_program_in_a_spare(engine: Engine, base: str, spares: Spares) -> None:
    sleeping = spec(base, "sh", "-c", "echo begun; sleep 100")
    used = ready(engine, spares, sleeping)
    events = list(run(engine, sleeping, owner(), spares=spares, stopper=Stopper(1.5)))
    spares.drop(wait=True)
    assert Stopping("timeout") in events
    assert events[-1] == Exited(137)
    assert events[0] == Created(used, events[0].name)  # type: ignore[union-attr]


def test_a_story_closed_in_the_middle_removes_the_spare(
    engine: Engine, base: str, spares: Spares
) -> None:
    sleeping = spec(base, "sh", "-c", "echo begun; sleep 100")
    used = ready(engine, spares, sleeping)
    story = run(engine, sleeping, owner(), spares=spares)
    assert any(isinstance(event, Output) for event in iter(story.__next__, None))
    story.close()
    assert used not in waiting(engine)


def removed(engine: Engine, container_id: str) -> None:
    verbs.remove(engine, container_id)


def looked_into(engine: Engine, container_id: str) -> None:
    made = engine.api.exec_create(container_id, ["touch", "/traces"])
    engine.api.exec_start(made["Id"])


def renamed(engine: Engine, container_id: str) -> None:
    engine.api.rename(container_id, f"cm-test-{container_id[:12]}")


def paused(engine: Engine, container_id: str) -> None:
    engine.api.pause(container_id)


def written_to(engine: Engine, container_id: str) -> None:
    engine.api.put_archive(container_id, "/", b"\0" * 1024)


@pytest.mark.parametrize("meddle", [removed, looked_into, renamed, paused, written_to])
def test_a_spare_that_somebody_touched_is_not_used(
    engine: Engine, base: str, spares: Spares, meddle: Callable[[Engine, str], None]
) -> None:
    wanted = spec(base, "sh", "-c", "echo here; ls /traces")
    spare_id = ready(engine, spares, wanted)
    meddle(engine, spare_id)
    assert wait_until(lambda: not is_silent(spares))
    used, output, _ = told(engine, wanted, spares)
    assert used != spare_id
    assert output.count("here") == 1
    assert "cannot access '/traces'" in output
    assert wait_until(lambda: spare_id not in waiting(engine))


def is_silent(spares: Spares) -> bool:
    """Whether the engine has told nothing of the only spare yet."""
    (place,) = spares._places.values()
    found = place._spare
    return found is not None and found.is_untouched()


def test_a_spare_of_an_image_that_has_changed_is_not_used(
    engine: Engine, base: str, spares: Spares
) -> None:
    name, wanted = "cm-test-spare-moving", spec("cm-test-spare-moving", "cat", "/etc/version")
    try:
        with committed(engine, base, name, "echo old > /etc/version"):
            assert told(engine, wanted)[1] == "old\n"
            spare_id = ready(engine, spares, wanted)
            with committed(engine, base, name, "echo new > /etc/version"):
                used, output, _ = told(engine, wanted, spares)
            assert output == "new\n"
            assert used != spare_id
    finally:
        spares.drop(wait=True)


@contextmanager
def committed(engine: Engine, base: str, name: str, script: str, *changes: str) -> Iterator[None]:
    """An image made by a script, under a name; gone after the block."""
    made = engine.api.create_container(base, ["sh", "-c", script])
    try:
        engine.api.start(made["Id"])
        engine.api.wait(made["Id"])
        image = engine.api.commit(made["Id"], name, changes=list(changes))["Id"]
    finally:
        engine.api.remove_container(made["Id"], force=True)
    try:
        yield
    finally:
        assert wait_until(lambda: not used_by_any(engine, image))
        engine.api.remove_image(image, force=True)


def used_by_any(engine: Engine, image_id: str) -> bool:
    return any(one["ImageID"] == image_id for one in engine.api.containers(all=True))


@pytest.mark.parametrize(
    ("script", "change"),
    [
        ("rm /bin/env /usr/bin/env; true", "LABEL a=b"),
        ("rm /bin/sh; ln -s bash /bin/nothing", "LABEL a=b"),
        ("true", "HEALTHCHECK --interval=30s CMD true"),
        ("true", "ENV NAME_WITHOUT_VALUE_IN_SHELLS= BASH_ENV=/x"),
    ],
    ids=["no-env", "no-shell", "health-check", "odd-environment"],
)
def test_an_image_without_what_a_spare_needs_runs_its_cells_all_the_same(
    engine: Engine, base: str, spares: Spares, script: str, change: str
) -> None:
    wanted = spec("cm-test-spare-unfit", "echo", "ran")
    with committed(engine, base, "cm-test-spare-unfit", script, change):
        for _ in range(2):
            assert told(engine, wanted)[1:] == ("ran\n", Exited(0))
            spares.renew(engine, owner(), wanted)
            (place,) = spares._places.values()
            assert wait_until(lambda place=place: place._state in ("ready", "over"))  # type: ignore[misc]
            assert told(engine, wanted, spares)[1:] == ("ran\n", Exited(0))


def test_a_spare_goes_when_nobody_wants_it(engine: Engine, base: str) -> None:
    spares = Spares(idle_s=0.5)
    ready_or_gone = spec(base, "sh", "-c", "true")
    spares.renew(engine, owner(), ready_or_gone)
    assert wait_until(lambda: bool(waiting(engine)))
    assert wait_until(lambda: not waiting(engine))
    assert not spares._places


def test_there_are_only_a_few(engine: Engine, base: str) -> None:
    spares = Spares(most=2)
    made = [ready(engine, spares, spec(base, program)) for program in ("sh", "bash", "perl")]
    assert wait_until(lambda: set(waiting(engine)) == set(made[1:]))
    spares.drop(wait=True)
    assert not waiting(engine)


def test_a_spare_ends_with_the_process_that_made_it(engine: Engine, base: str) -> None:
    made = spare_verbs.make(engine, spec(base, "sh"), owner().labels(spare_verbs.PURPOSE))
    assert made is not None
    made.close()  # as the system does when a process is killed
    assert wait_until(lambda: not waiting(engine))


def test_a_cell_at_once_after_another_needs_no_spare(
    engine: Engine, base: str, spares: Spares
) -> None:
    wanted = spec(base, "sh", "-c", "echo x")
    used = set()
    for _ in range(4):
        events = list(run(engine, wanted, owner(), spares=spares))
        assert Exited(0) in events
        used |= {e.container_id for e in events if isinstance(e, Created)}
    spares.drop(wait=True)
    assert len(used) == 4


@pytest.mark.parametrize(
    "more",
    [
        {"name": "cm-test-x"},
        {"ports": (Port(80),)},
        {"mounts": (Mount("volume", "/data"),)},
        {"mounts": (Mount("/tmp", "/data"),)},
        {"network": "mine"},
        {"files": (("/x", b"", 0o644),)},
    ],
)
def test_what_there_can_be_only_one_of_gets_no_spare(base: str, more: dict[str, object]) -> None:
    assert kind(spec(base, "sh", "-c", "true")) is not None
    assert kind(spec(base, "sh", "-c", "true", **more)) is None
    assert kind(spec(base)) is None


def test_an_engine_that_is_gone_is_the_cell_s_matter_alone(base: str) -> None:
    class Gone:
        def request(self, *_: object, **__: object) -> None:
            raise ContainerMagicsError("gone")

    spares = Spares()
    spares.renew(Gone(), owner(), spec(base, "sh"))  # type: ignore[arg-type]
    assert wait_until(lambda: not spares._places)

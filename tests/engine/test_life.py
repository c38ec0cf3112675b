"""A container's life on a real engine: its log, its restarts, what it is waited for, its use."""

from __future__ import annotations

import io
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from faultproxy import Fault, through

from container_magics.core.events import Output
from container_magics.core.waits import condition
from container_magics.engine import containers, run
from container_magics.engine.client import Engine
from container_magics.engine.logs import LogStream, logs
from container_magics.engine.reach import http_answer, own_addresses
from container_magics.engine.stats import stats
from container_magics.engine.streams import frames
from container_magics.errors import (
    Conflict,
    ContainerFailed,
    EngineLost,
    EngineRefused,
    NameTaken,
    NotFound,
    TimedOut,
    UsageError,
)
from container_magics.session import following
from container_magics.session.following import follow
from container_magics.session.waiting import wait

LONG_S = 120.0
"""Longer than anything here takes on a machine that is busy with other things."""
PURPOSE = {"container-magics.purpose": "test"}
SERVER = (
    "perl -MIO::Socket::INET -e '$| = 1; "
    '$s = IO::Socket::INET->new(LocalPort => 8000, Listen => 5, ReuseAddr => 1); print "up\\n"; '
    'while ($c = $s->accept) { $_ = <$c>; $ok = m(^GET /good ) ? "200 OK" : "404 No"; '
    'print $c "HTTP/1.0 $ok\\r\\n\\r\\n" if $_; close $c }\''
)
Start = Callable[..., str]


@pytest.fixture
def start(engine: Engine, base: str) -> Iterator[Start]:
    """A function that starts a script in a container and returns its name."""
    made: list[str] = []

    def started(script: str, *, host: dict[str, Any] | None = None, **config: Any) -> str:
        name = f"cm-test-life-{uuid.uuid4().hex[:8]}"
        made.append(name)
        settings = engine.api.create_host_config(**(host or {}))
        engine.api.create_container(
            base,
            ["sh", "-c", script],
            name=name,
            labels=PURPOSE,
            host_config=settings,
            **config,
        )
        engine.api.start(name)
        return name

    yield started
    for name in made:
        run.remove(engine, name)


def text(outputs: list[Output]) -> str:
    return b"".join(output.data for output in outputs).decode()


def is_silent(engine: Engine, name: str) -> bool:
    """Whether a container writes nothing for a second, once the engine has read what it wrote."""
    end_s = time.monotonic() + LONG_S
    before, now = "-", ""
    while before != now and time.monotonic() < end_s:
        before = text(list(logs(engine, name)))
        time.sleep(1)
        now = text(list(logs(engine, name)))
    return before == now


# Logs


def test_a_log_is_one_stream_in_its_order(engine: Engine, start: Start) -> None:
    name = start("echo one; sleep 1; echo two >&2; sleep 1; echo three")
    wait(engine, name, timeout_s=LONG_S)
    expected = [
        Output("stdout", b"one\n"),
        Output("stderr", b"two\n"),
        Output("stdout", b"three\n"),
    ]
    assert list(logs(engine, name)) == expected
    assert list(logs(engine, name, tail=2)) == expected[1:]
    assert list(logs(engine, name, since_ns=(round(time.time()) + 1000) * 10**9)) == []
    assert list(follow(engine, name)) == expected


def test_a_terminal_s_log_has_no_frames(engine: Engine, start: Start) -> None:
    name = start("echo one; echo two", tty=True)
    wait(engine, name, timeout_s=LONG_S)
    assert text(list(logs(engine, name))) == "one\r\ntwo\r\n"
    assert [output.data for output in follow(engine, name)] == [b"one\r\n", b"two\r\n"]


def test_a_container_without_a_log_says_what_keeps_one(engine: Engine, start: Start) -> None:
    name = start("true", host={"log_config": {"type": "none"}})
    with pytest.raises(EngineRefused) as caught:
        list(logs(engine, name))
    assert "-d" in caught.value.hint


def test_a_log_that_is_cut_in_a_frame_is_lost_and_not_ended(engine: Engine, start: Start) -> None:
    name = start("echo a line and its end")
    wait(engine, name, timeout_s=LONG_S)
    fault = Fault("cut", path="/logs", marker=b"and its")
    for read in (logs, follow):
        with through(engine, fault) as (broken, proxy):
            with pytest.raises(EngineLost):
                list(read(broken, name))
            assert proxy.struck


def test_a_frame_that_ends_early_is_a_loss_and_not_an_end() -> None:
    whole = b"\x01\0\0\0\0\0\0\4one\n" + b"\x02\0\0\0\0\0\0\4two\n"
    assert text(list(frames(io.BytesIO(whole)))) == "one\ntwo\n"
    for size_bytes in range(len(whole)):
        story = frames(io.BytesIO(whole[:size_bytes]))
        if size_bytes in (0, 12):
            assert text(list(story)) == "one\n"[: size_bytes // 3]
        else:
            with pytest.raises(EngineLost):
                list(story)


RUNS = """
n=$(cat /runs 2>/dev/null || echo 0); n=$((n + 1)); echo $n > /runs
i=0; while [ $i -lt 200 ]; do i=$((i + 1)); echo run $n line $i; [ $i -eq 100 ] && [ $n -lt 3 ] && \
    while :; do sleep 0.05; done; done; exit 7
"""


def test_a_log_is_followed_over_restarts_without_a_gap_or_a_repetition(
    engine: Engine, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "RESTART_S", LONG_S)
    name = start(RUNS)
    seen: list[str] = []
    restarts: list[threading.Thread] = []
    for output in follow(engine, name, timeout_s=LONG_S):
        seen.append(output.data.decode().strip())
        if re.fullmatch("run [12] line 100", seen[-1]):
            restarts.append(threading.Thread(target=containers.restart, args=(engine, name)))
            restarts[-1].start()
    for each in restarts:
        each.join(LONG_S)
    expected = [
        f"run {n} line {i}"
        for n, most in ((1, 100), (2, 100), (3, 200))
        for i in range(1, most + 1)
    ]
    assert seen == expected


def test_a_container_that_its_policy_starts_again_is_followed(engine: Engine, start: Start) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    name = start("echo again; sleep 0.2; exit 1", host={"restart_policy": policy})
    assert text(list(follow(engine, name, timeout_s=LONG_S))) == "again\n" * 3


def test_a_container_that_ended_by_itself_is_not_waited_for(
    engine: Engine, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "RESTART_S", 10 * LONG_S)
    name = start("echo done")
    began_s = time.monotonic()
    assert text(list(follow(engine, name))) == "done\n"
    assert time.monotonic() - began_s < LONG_S


def test_following_ends_with_the_line_that_is_looked_for(engine: Engine, start: Start) -> None:
    name = start("i=0; while :; do i=$((i + 1)); echo line $i.; sleep 0.05; done")
    with closing(follow(engine, name, until=re.compile("line 5[.]"))) as story:
        seen = [output.data.decode() for output in story]
    assert seen == [f"line {i}.\n" for i in range(1, 6)]
    assert run.inspect(engine, name)["State"]["Running"], "to stop looking stops nothing else"
    only_new = follow(engine, name, tail=0, until=re.compile("line"))
    with closing(only_new) as story:
        assert len(list(story)) == 1


def test_a_line_that_does_not_come_is_an_error(engine: Engine, start: Start) -> None:
    name = start("echo one; exit 3")
    with pytest.raises(ContainerFailed, match="ended with status 3 before") as failed:
        list(follow(engine, name, until=re.compile("two"), timeout_s=LONG_S))
    assert failed.value.exit_status == 3
    silent = start("echo one; exec sleep 600")
    threads = set(threading.enumerate())
    with pytest.raises(TimedOut, match=r"no line that matches 'two' within 0\.5 s") as late:
        list(follow(engine, silent, until=re.compile("two"), timeout_s=0.5))
    assert "one" in late.value.facts
    assert text(list(follow(engine, silent, timeout_s=0.5))) == "one\n"
    assert set(threading.enumerate()) <= threads, "no thread stays"


def test_a_busy_log_can_be_left_at_any_moment(engine: Engine, start: Start) -> None:
    """The one who ends it is another thread, and the reader is in the middle of a piece."""
    name = start("yes | head -n 400000; exec sleep 600")
    wait(engine, name, [condition("log:y")], timeout_s=LONG_S)
    facts = run.inspect(engine, name)
    for number in range(30):
        with closing(LogStream(engine, facts, follow=True, stamps=number % 2 == 0)) as stream:
            outputs = stream.output()
            next(outputs)
            ending = threading.Timer(0.003 * number, stream.abandon)
            ending.start()
            assert {len(output.data) for output in outputs} <= {2, 33}, "whole, and no error"
            ending.join()
    for number in range(10):
        list(follow(engine, name, timeout_s=0.05 + 0.003 * number))
    with pytest.raises(TimedOut, match="no line that matches"):
        wait(engine, name, [condition("log:never")], timeout_s=0.3)


def test_long_connections_over_tcp_ask_whether_the_engine_is_there(
    engine: Engine, start: Start
) -> None:
    """A firewall forgets a connection that is silent for long."""
    name = start("exec sleep 600")
    facts = run.inspect(engine, name)
    with (
        through(engine, tcp=True) as (far, _),
        closing(LogStream(far, facts, follow=True)),
        closing(run.attach(far, facts["Id"])),
        run.exit_watch(far, facts["Id"]),
    ):
        found = [one for one in keepalive_of_our_sockets() if one[0] == far.api.base_url]
    assert len(found) >= 3
    assert {one[1:] for one in found} == {(1, 30, 30)}


def keepalive_of_our_sockets() -> Iterator[tuple[str, int, int, int]]:
    """(address of the other side, whether it is asked, after how long, how often) of this
    process's TCP sockets, as the system has them."""
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError), socket.socket(fileno=os.dup(int(each.name))) as one:
            if one.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            host, port = one.getpeername()[:2]
            yield (
                f"http://{host}:{port}",
                one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
            )


# Waiting


def test_to_wait_is_to_wait_for_the_end_and_its_status(engine: Engine, start: Start) -> None:
    name = start("sleep 0.5; exit 3")
    for _ in range(2):  # it runs, and then it has ended
        assert [met.exit_status for met in wait(engine, name, timeout_s=LONG_S)] == [3]
    removed = start("sleep 5; exit 4", host={"auto_remove": True})
    assert wait(engine, removed, timeout_s=LONG_S)[0].exit_status == 4
    with pytest.raises(NotFound):
        wait(engine, "nobody-of-this-name")


def test_a_wait_ends_with_its_time_and_shows_the_last_lines(engine: Engine, start: Start) -> None:
    name = start("echo I am busy; exec sleep 600")
    wait(engine, name, [condition("log:busy")], timeout_s=LONG_S)
    for what, said in {
        "exit": "did not end within 0.3 s",
        "port:22": "did not listen on port 22 within 0.3 s",
        "log:ready": "no line that matches 'ready' within 0.3 s",
        "http:8000/": "gave no good answer to http:8000/ within 0.3 s",
    }.items():
        with pytest.raises(TimedOut, match=said) as late:
            wait(engine, name, [condition(what)], timeout_s=0.3)
        assert "I am busy" in late.value.facts


@pytest.mark.parametrize("what", ["port:22", "log:ready", "http:80/", "healthy", "running"])
def test_a_container_that_ends_first_is_an_error_at_once(
    engine: Engine, start: Start, what: str
) -> None:
    health = {"test": ["CMD-SHELL", "false"], "interval": 10**9}
    name = start("sleep 1; echo alas; exit 5", healthcheck=health)
    if what == "running":
        wait(engine, name, timeout_s=LONG_S)
    with pytest.raises(ContainerFailed, match="ended with status 5 before") as failed:
        wait(engine, name, [condition(what)], timeout_s=10 * LONG_S)
    assert failed.value.exit_status == 5
    assert failed.value.facts[-1] == "alas"


def test_the_end_of_one_that_is_removed_with_it_is_known(engine: Engine, start: Start) -> None:
    name = start("sleep 5; exit 6", host={"auto_remove": True})
    with pytest.raises(ContainerFailed) as failed:
        wait(engine, name, [condition("port:22")], timeout_s=LONG_S)
    assert failed.value.exit_status == 6


def test_conditions_are_met_one_after_the_other(engine: Engine, start: Start) -> None:
    name = start("echo first; sleep 0.3; echo second; exit 0")
    asked = [condition(what) for what in ("log:^first$", "log:second", "exit")]
    met = wait(engine, name, asked, timeout_s=LONG_S)
    assert [each.line for each in met] == ["first", "second", ""]
    assert met[2].exit_status == 0


def test_a_line_of_an_earlier_run_is_none_of_this_one(engine: Engine, start: Start) -> None:
    name = start("[ -e /once ] && exec sleep 600; touch /once; echo ready; sleep 1")
    wait(engine, name, [condition("log:ready"), condition("exit")], timeout_s=LONG_S)
    containers.start(engine, name)
    with pytest.raises(TimedOut):
        wait(engine, name, [condition("log:ready")], timeout_s=1)


def test_a_health_check_is_waited_for(engine: Engine, start: Start) -> None:
    health = {"test": ["CMD-SHELL", "test -e /well"], "interval": 3 * 10**8}
    name = start("sleep 1; touch /well; exec sleep 600", healthcheck=health)
    wait(engine, name, [condition("running"), condition("healthy")], timeout_s=LONG_S)
    assert run.inspect(engine, name)["State"]["Health"]["Status"] == "healthy"
    with pytest.raises(UsageError, match="no health check"):
        wait(engine, start("exec sleep 600"), [condition("healthy")], timeout_s=LONG_S)


def test_an_ill_container_s_check_is_heard_in_the_error(engine: Engine, start: Start) -> None:
    health = {"test": ["CMD-SHELL", "echo no pulse; false"], "interval": 3 * 10**8}
    name = start("exec sleep 600", healthcheck=health)
    end_s = time.monotonic() + LONG_S
    while not run.inspect(engine, name)["State"]["Health"]["Log"]:
        assert time.monotonic() < end_s
        time.sleep(0.1)
    with pytest.raises(TimedOut, match="was not healthy") as late:
        wait(engine, name, [condition("healthy")], timeout_s=0.3)
    assert late.value.facts[0].endswith(": no pulse")


@pytest.mark.parametrize("first", ["", "rm -f /bin/cat /usr/bin/cat; "])
def test_a_port_is_waited_for_also_where_the_image_has_no_cat(
    engine: Engine, start: Start, first: str
) -> None:
    published = {"port_bindings": {8000: ("127.0.0.1", None)}}
    name = start(f"{first}sleep 1; {SERVER}", host=published, ports=[8000])
    wait(engine, name, [condition("port:8000")], timeout_s=LONG_S)
    address = next(own_addresses(engine, run.inspect(engine, name), 8000))
    assert http_answer(address, "/good") == (True, "HTTP status 200"), "not before it is up"


@pytest.mark.parametrize("published", [True, False])
def test_a_page_is_waited_for(engine: Engine, start: Start, published: bool) -> None:
    host = {"port_bindings": {8000: ("127.0.0.1", None)}} if published else {}
    name = start(f"sleep 1; {SERVER}", host=host, ports=[8000])
    met = wait(engine, name, [condition("http:/good")], timeout_s=LONG_S)
    assert met[0].condition.path == "/good"
    with pytest.raises(TimedOut) as late:
        wait(engine, name, [condition("http:8000/bad")], timeout_s=1)
    assert "the last try: HTTP status 404" in late.value.facts
    wait(engine, name, [condition("http:8000/good")], timeout_s=LONG_S)


def test_a_page_that_nobody_can_ask_for_is_told_at_once(engine: Engine, start: Start) -> None:
    name = start("exec sleep 600", host={"network_mode": "none"})
    with pytest.raises(UsageError, match="cannot be reached"):
        wait(engine, name, [condition("http:80/")], timeout_s=LONG_S)
    with pytest.raises(UsageError, match="has no ports"):
        wait(engine, name, [condition("http:/")], timeout_s=LONG_S)


# Statistics


def test_many_containers_are_measured_in_the_time_of_one(engine: Engine, start: Start) -> None:
    busy = start("while :; do :; done", host={"mem_limit": 50_000_000})
    idle = [start("exec sleep 600") for _ in range(14)]
    began_s = time.monotonic()
    measured = stats(engine, [busy, *idle])
    took_s = time.monotonic() - began_s
    assert [used.name for used in measured] == [busy, *idle]
    assert took_s < 12, "one after the other it would be 15 s and more"
    assert measured[0].cpu_fraction > 10 * measured[1].cpu_fraction
    assert measured[0].memory_limit_bytes == pytest.approx(50_000_000, rel=0.01)
    assert all(used.memory_bytes > 0 and used.processes == 1 for used in measured)
    assert {busy, *idle} <= {used.name for used in stats(engine)}


def test_only_what_runs_is_measured(engine: Engine, start: Start) -> None:
    name = start("true")
    wait(engine, name, timeout_s=LONG_S)
    with pytest.raises(Conflict, match="does not run"):
        stats(engine, [name])
    with pytest.raises(NotFound):
        stats(engine, ["nobody-of-this-name"])
    assert name not in [used.name for used in stats(engine)]


def test_statistics_that_are_cut_are_lost(engine: Engine, start: Start) -> None:
    name = start("exec sleep 600")
    fault = Fault("cut", path="/stats", marker=b'"memory_stats"')
    with through(engine, fault) as (broken, proxy), pytest.raises(EngineLost):
        stats(broken, [name])
    assert proxy.struck


# Verbs


def test_a_paused_container_writes_nothing_until_it_goes_on(engine: Engine, start: Start) -> None:
    name = start("while :; do echo tick; sleep 0.05; done")
    wait(engine, name, [condition("log:tick")], timeout_s=LONG_S)
    containers.pause(engine, name)
    with pytest.raises(TimedOut):
        wait(engine, name, [condition("running")], timeout_s=0.5)
    assert is_silent(engine, name)
    with pytest.raises(Conflict):
        containers.pause(engine, name)
    containers.unpause(engine, name)
    assert list(follow(engine, name, tail=0, until=re.compile("tick"), timeout_s=LONG_S))
    with pytest.raises(Conflict):
        containers.unpause(engine, name)


def test_a_renamed_container_is_the_same_one(engine: Engine, start: Start) -> None:
    name, other = start("exec sleep 600"), start("exec sleep 600")
    container_id = run.inspect(engine, name)["Id"]
    with pytest.raises(NameTaken, match=other):
        containers.rename(engine, name, other)
    containers.rename(engine, container_id, f"{name}-2")
    try:
        assert run.inspect(engine, f"{name}-2")["Id"] == container_id
    finally:
        containers.rename(engine, container_id, name)

"""The story of a run on a real engine, also where the way to it fails; nothing stays."""

from __future__ import annotations

import re
import time
from contextlib import closing
from dataclasses import replace

import pytest
from faultproxy import Fault, How, through

from container_magics.core.events import Created, Exited, Output, Removed, Started, Stopping
from container_magics.core.spec import ContainerSpec, Port
from container_magics.engine import containers
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import owner
from container_magics.errors import ContainerMagicsError, EngineLost, ImageNotFound, NotFound
from container_magics.session.detached import run_detached
from container_magics.session.making import remove_ours
from container_magics.session.run import run, run_inside
from container_magics.session.stopper import Stopper

pytestmark = pytest.mark.usefixtures("nothing_left")
MARKER = b"the marker"


def spec(base: str, script: str, name: str = "") -> ContainerSpec:
    return ContainerSpec(base, ("sh", "-c", script), name=name)


def kinds(events: list[object]) -> list[type]:
    return [type(event) for event in events]


def test_a_run_tells_its_story_in_order(engine: Engine, base: str) -> None:
    events = list(run(engine, spec(base, "echo out; exit 3", "cm-test-story"), owner()))
    assert kinds(events) == [Created, Started, Output, Exited, Removed]
    assert events[2] == Output("stdout", b"out\n")
    assert events[3] == Exited(3)


def test_a_time_limit_is_told_before_the_end(engine: Engine, base: str) -> None:
    events = list(run(engine, spec(base, "sleep 60"), owner(), stopper=Stopper(0.3)))
    assert kinds(events) == [Created, Started, Stopping, Exited]
    assert events[3] == Exited(137)


def test_a_story_that_is_closed_in_the_middle_leaves_nothing(engine: Engine, base: str) -> None:
    with closing(run(engine, spec(base, "echo; sleep 60"), owner())) as story:  # type: ignore[type-var]
        assert any(isinstance(event, Output) for event in iter(story.__next__, None))


def test_a_press_before_the_start_starts_nothing(engine: Engine, base: str) -> None:
    stopper = Stopper()
    stopper.press()
    with pytest.raises(KeyboardInterrupt):
        list(run(engine, spec(base, "true"), owner(), stopper=stopper))


def test_what_is_left_running_is_told_to_have_ended(engine: Engine, base: str) -> None:
    try:
        events = list(run_detached(engine, spec(base, "exit 4", "cm-test-left"), owner()))
        assert events[-1] == Exited(4)
    finally:
        remove_ours(engine, "cm-test-left", owner())


def test_a_program_inside_leaves_no_file_when_it_is_over(engine: Engine, base: str) -> None:
    name = "cm-test-no-file"
    list(run_detached(engine, spec(base, "sleep 100", name), owner()))
    try:
        for number in range(10):
            file = f"/cell-{number}"
            script = ((file, b"#!/bin/sh\necho out", 0o755),)
            list(run_inside(engine, name, ContainerSpec("", (file,), files=script)))
            assert containers.changes(engine, name) == []
    finally:
        remove_ours(engine, name, owner())


@pytest.mark.parametrize("how", ["cut", "stall"])
@pytest.mark.parametrize("inside", [False, True])
def test_an_engine_that_fails_in_the_middle_is_an_error_in_time(
    engine: Engine, base: str, how: How, inside: bool
) -> None:
    fault = Fault(how, marker=MARKER, for_good=how == "stall")
    name, script = "cm-test-fails", f"sleep 1; echo {MARKER.decode()}; sleep 50"
    started = time.monotonic()
    try:
        with through(engine, fault) as (broken, _):
            if inside:
                list(run_detached(engine, spec(base, "sleep 60", name), owner()))
                story = run_inside(broken, name, spec("", script), stopper=Stopper(2))
            else:
                story = run(broken, spec(base, script, name), owner(), stopper=Stopper(2))
            with pytest.raises(ContainerMagicsError) as caught:
                list(story)
        assert isinstance(caught.value, EngineLost)
        assert caught.value.hint
        assert time.monotonic() - started < 45
    finally:
        if found := verbs.named(engine, name):
            verbs.remove(engine, found["Id"])


def test_an_exit_status_is_known_though_the_events_were_cut(engine: Engine, base: str) -> None:
    fault = Fault("cut", marker=b'"die"', path="/events")  # in the middle of the one that counts
    with through(engine, fault) as (broken, proxy):
        events = list(run(broken, spec(base, "echo out; exit 6"), owner()))
        assert proxy.struck
    assert events[-1] == Exited(6)


@pytest.mark.parametrize("network", ["cm-test-nonesuch", "container:cm-test-nonesuch"])
def test_a_network_that_is_not_here_is_not_an_image_that_is_not_here(
    engine: Engine, base: str, network: str
) -> None:
    with pytest.raises(NotFound) as caught:
        list(run(engine, replace(spec(base, "true"), network=network), owner()))
    assert not isinstance(caught.value, ImageNotFound)
    assert "cm-test-nonesuch" in str(caught.value)
    if ":" not in network:
        assert "%networks" in caught.value.hint


@pytest.mark.parametrize("detached", [False, True])
def test_one_that_is_gone_before_its_ports_are_known_has_run(
    engine: Engine, base: str, detached: bool
) -> None:
    def late(asked: bytes) -> bytes:
        if re.match(rb"GET /v[0-9.]+/containers/\w+/json ", asked):
            time.sleep(3)
        return asked

    short = replace(spec(base, "exit 5"), ports=(Port(80),))
    with through(engine, garble=late) as (slow, _):
        if detached:
            events = list(run_detached(slow, short, owner(), auto_remove=True))
        else:
            events = list(run(slow, short, owner()))
            assert Exited(5) in events
    assert [event.ports for event in events if isinstance(event, Started)] == [()]


@pytest.mark.parametrize("inside", [False, True])
def test_output_that_ends_before_its_program_is_an_error_at_once(
    engine: Engine, base: str, inside: bool
) -> None:
    # a cut at the end of a frame looks like the end of the output
    frame = b"\x01\0\0\0\0\0\0\x05more\n"  # of a moment when nothing else is written
    fault = Fault("cut", marker=frame + b"\x01", path="/start" if inside else "/attach")
    name, script = (
        "cm-test-early",
        f"echo {MARKER.decode()}; sleep 1; echo more; sleep 1; echo last; sleep 100",
    )
    began_s = time.monotonic()
    try:
        if inside:
            list(run_detached(engine, spec(base, "sleep 200", name), owner()))
        with through(engine, fault) as (broken, _):
            story = run(broken, spec(base, script, name), owner())
            if inside:
                story = run_inside(broken, name, spec("", script))
            with pytest.raises(EngineLost, match="ended before the program"):
                list(story)
    finally:
        if found := verbs.named(engine, name):
            verbs.remove(engine, found["Id"])
    assert time.monotonic() - began_s < 60, "it did not wait for the program"

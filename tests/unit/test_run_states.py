"""A cell's text, the states of a run, and the stop button: the pure parts of running."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from container_magics.core import script
from container_magics.core.events import (
    Created,
    Exited,
    Output,
    Pulled,
    PullProgress,
    Removed,
    Started,
    Stopping,
)
from container_magics.core.states import RunState
from container_magics.errors import UsageError
from container_magics.session import stopper as stopper_module
from container_magics.session.stopper import Stopper
from container_magics.view.model import Group, Meter
from container_magics.view.present import run as present


@pytest.mark.parametrize(
    ("cell", "language", "words", "file"),
    [
        ("echo", "", ("sh", "-c", "echo"), None),
        ("print(1)", "python", ("python3", "-u", "-c", "print(1)"), None),
        ("#!/bin/x\ny", "bash", (script.CELL_FILE,), b"#!/bin/x\ny"),
        ("é" * 60_001, "", ("sh", script.CELL_FILE), ("é" * 60_001).encode()),
    ],
)
def test_how_a_cell_is_read(
    cell: str, language: str, words: tuple[str, ...], file: bytes | None
) -> None:
    assert script.command(cell, language) == (words, file)


def test_what_no_program_can_read_is_refused() -> None:
    with pytest.raises(UsageError, match="NUL"):
        script.command("a\0b")
    with pytest.raises(UsageError) as caught:
        script.command("x", "pyhton")
    assert "python" in caught.value.hint


def folded(*events: object) -> RunState:
    """The state after these events."""
    state = RunState()
    for event in events:
        state = state.apply(event)  # type: ignore[arg-type]
    return state


def test_a_run_is_folded_from_its_events() -> None:
    state = folded(
        Created("id", "box", ("beware",)),
        Started("id", (("80/tcp", "127.0.0.1:9"),)),
        Output("stdout", b"12"),
        Output("stderr", b"3"),
        Stopping("timeout"),
        Exited(137, out_of_memory=True),
    )
    assert state.phase == "exited"
    assert (state.container_id, state.name, state.warnings) == ("id", "box", ("beware",))
    assert state.ports == (("80/tcp", "127.0.0.1:9"),)
    assert (state.stdout_bytes, state.stderr_bytes) == (2, 1)
    assert (state.stopped_by, state.exit_status, state.out_of_memory) == ("timeout", 137, True)
    assert state.apply(Removed("id")).phase == "removed"


def test_a_pull_is_shown_while_it_goes_on_and_not_in_stable_mode() -> None:
    state = folded(
        PullProgress("a", "Downloading", 5_000_000, 10_000_000),
        PullProgress("b", "Pull complete", None, None),
    )
    assert present.run(state) == Group(
        (
            Meter("Pulling", 0.5, "5 MB of 10 MB, 1 of 2 layers complete"),
            Meter("  a", 0.5, "Downloading: 5 MB of 10 MB"),
        )
    )
    assert present.run(state, stable=True) is None
    assert "Pulled x" in str(present.run(state.apply(Pulled("x"))))


def sent_by(stopper: Stopper, *presses_s: float, lasts_s: float) -> list[tuple[str, float]]:
    """The signals that a program of that length got, with when, for presses at those times."""
    sent: list[tuple[str, float]] = []
    started = time.monotonic()
    for at in presses_s:
        threading.Timer(at, stopper.press).start()

    def send(name: str) -> None:
        sent.append((name, time.monotonic() - started))

    with stopper.guard(send, lambda: send("abandoned")):
        time.sleep(lasts_s)
    return sent


def test_a_stopper_asks_and_then_makes_sure() -> None:
    assert sent_by(Stopper(), lasts_s=0.1) == []
    (term, asked_s), (kill, sure_s) = sent_by(Stopper(), 0.1, lasts_s=1.5)
    assert (term, kill) == ("TERM", "KILL")
    assert 0.5 < sure_s - asked_s < 1.3


def test_a_second_press_does_not_wait() -> None:
    (_, asked_s), (kill, sure_s) = sent_by(Stopper(), 0.1, 0.2, lasts_s=1.5)
    assert kill == "KILL"
    assert sure_s - asked_s < 0.5


def test_a_time_limit_is_a_press_of_its_own() -> None:
    stopper = Stopper(0.1)
    assert [name for name, _ in sent_by(stopper, lasts_s=0.5)] == ["TERM"]
    assert stopper.why == "timeout"


def test_an_engine_that_does_not_tell_the_end_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr(stopper_module, "PATIENCE_S", 0.2)
    sent = sent_by(Stopper(0.1), lasts_s=1.6)
    assert [name for name, _ in sent] == ["TERM", "KILL", "abandoned"]


def test_a_signal_handler_may_press_at_any_moment() -> None:
    """Even in the middle of the guard's own work, where a lock would be held for ever."""
    stopper = Stopper()
    before = signal.signal(signal.SIGALRM, lambda *_: stopper.press())
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(300):
            with stopper.guard(lambda _: None, lambda: None):
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert stopper.why == "interrupt"


def test_what_ended_one_guard_does_not_end_the_next() -> None:
    stopper = Stopper()
    assert sent_by(stopper, lasts_s=0.05) == []
    assert sent_by(stopper, lasts_s=0.05) == []
    assert [name for name, _ in sent_by(stopper, 0.05, lasts_s=0.3)] == ["TERM"]


def test_a_press_before_the_program_is_remembered() -> None:
    stopper = Stopper()
    stopper.press()
    assert [name for name, _ in sent_by(stopper, lasts_s=0.3)] == ["TERM"]
    with pytest.raises(KeyboardInterrupt):
        stopper.check()


def test_shields_of_several_threads_count_each_other() -> None:
    """Twenty boxes start at once under one stopper: the first that is done ends its own alone."""
    stopper = Stopper()
    first, second = stopper.shield(), stopper.shield()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert stopper.guarding
    second.__exit__(None, None, None)
    assert not stopper.guarding

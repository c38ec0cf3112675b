"""The stop button at random moments of a run: it stops, and nothing is left, without a sweep."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from faultplay import SETTLE_S, an_owner, no_thread_or_socket_left, sweep_all
from faultproxy import Fault, through

from container_magics.core.spec import ContainerSpec
from container_magics.core.states import RunState
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import SESSION, Owner
from container_magics.errors import EngineError
from container_magics.jupyter.stop import stop_button
from container_magics.session.run import run
from container_magics.session.stopper import Stopper

SEED = 20261123
# A program that stops when it is asked to, so that the moment counts and not the grace period.
WILLING = "trap 'exit 0' TERM; echo begun; while :; do sleep 0.05; done"


@pytest.fixture
def owner(engine: Engine) -> Iterator[Owner]:
    made = an_owner()
    yield made
    sweep_all(engine, made)


def spec(base: str) -> ContainerSpec:
    return ContainerSpec(base, ("sh", "-c", WILLING), network="none")


def cell(engine: Engine, spec: ContainerSpec, owner: Owner) -> RunState:
    """What a %%container cell does, without a kernel."""
    stopper, state = Stopper(), RunState()
    with stop_button(stopper), closing(run(engine, spec, owner, stopper=stopper)) as story:
        for event in story:
            state = state.apply(event)
    return state


class Presser(threading.Thread):
    """Presses the stop button for us: after each of ``pauses_s``, SIGINT to the main thread."""

    def __init__(self, *pauses_s: float) -> None:
        super().__init__(name="presser", daemon=True)
        self._pauses_s = pauses_s

    def run(self) -> None:
        for pause_s in self._pauses_s:
            time.sleep(pause_s)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def finish(self) -> None:
        """Wait for the last press; those that find no cell any more do no harm."""
        while self.is_alive():
            with suppress(KeyboardInterrupt):
                self.join()
                time.sleep(0.01)


def stopped(engine: Engine, spec: ContainerSpec, owner: Owner, *pauses_s: float) -> str:
    """Run a cell, press, and say how it ended."""
    presser = Presser(*pauses_s)
    try:
        try:
            presser.start()
            return cell(engine, spec, owner).stopped_by
        finally:
            presser.finish()
    except KeyboardInterrupt:
        return "KeyboardInterrupt"
    except EngineError as error:
        return type(error).__name__


def left(engine: Engine, owner: Owner) -> list[str]:
    """The containers of the owner, whatever they do."""
    return [one["Status"] for one in verbs.containers(engine, f"{SESSION}={owner.session}")]


def test_a_hundred_stops_at_random_moments_leave_nothing(
    engine: Engine, base: str, owner: Owner
) -> None:
    chance, ends = random.Random(SEED), Counter[str]()
    began_s = time.monotonic()
    with no_thread_or_socket_left(engine):
        for number in range(100):
            pauses_s = [chance.uniform(0, 0.35)]
            if number % 5 == 4:
                pauses_s.append(chance.uniform(0, 0.1))
            ends[stopped(engine, spec(base), owner, *pauses_s)] += 1
    end_s = time.monotonic() + SETTLE_S
    while found := left(engine, owner):  # no sweep: the cell itself has seen to it
        assert time.monotonic() < end_s, (found, ends)
        time.sleep(0.1)
    print(f"\n| interrupts | {dict(ends)} | 0 left | {time.monotonic() - began_s:.0f} s |")
    assert set(ends) <= {"interrupt", "KeyboardInterrupt"}
    assert ends["interrupt"] > 20


@pytest.mark.parametrize("path", ["/create", "/start", "/attach", "/events"])
def test_the_third_press_gets_out_of_an_engine_that_hangs(
    engine: Engine, base: str, owner: Owner, path: str
) -> None:
    with (
        no_thread_or_socket_left(engine),
        through(engine, Fault("stall", path=path), limit_s=60) as (hanging, _),
    ):
        began_s = time.monotonic()
        assert stopped(hanging, spec(base), owner, 1, 0.2, 0.2) == "KeyboardInterrupt"
        assert time.monotonic() - began_s < 30, "the limit for an answer is 60 s"
    sweep_all(engine, owner)

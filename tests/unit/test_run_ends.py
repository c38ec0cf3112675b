"""What a run of the tests has left: its processes are known, and ended."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator

import pytest
from leftovers import RUN, end_processes, of_this_run

IGNORES = "trap '' TERM; echo ready; exec sleep 60"


@pytest.fixture
def other_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is not this one: what runs beside us is none of its business."""
    monkeypatch.setenv(RUN, uuid.uuid4().hex)


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[str]]:
    """A process of another run."""
    with subprocess.Popen(["sleep", "60"], text=True, env=os.environ | {RUN: "another"}) as one:
        yield one
        one.kill()


def test_a_run_ends_what_it_started_and_nothing_else(
    other_run: None, bystander: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what takes no notice of a SIGTERM, and what has a session of its own."""
    monkeypatch.setattr("leftovers.STRAYS_S", 0.5)
    deaf = subprocess.Popen(
        ["sh", "-c", IGNORES], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert deaf.stdout
    assert deaf.stdout.readline() == "ready\n"
    polite = subprocess.Popen(["sleep", "60"])
    assert {deaf.pid, polite.pid} <= {each.pid for each in of_this_run()}
    end_processes()
    for ended in (polite, deaf):
        ended.wait(5)  # raises where it lives on
    assert bystander.poll() is None
    assert not list(of_this_run())

"""The same work for every student: what is tried again, with which pauses, and who is spared."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from container_magics.classroom import bulk
from container_magics.core.roster import Student, students
from container_magics.errors import EngineLost, EngineRefused

ROSTER = students(["ada", "grace", "edsger"])
BUSY = EngineRefused("The engine is busy.", status=503)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, in seconds; none of them is waited for."""
    made: list[float] = []
    monkeypatch.setattr(bulk.time, "sleep", made.append)
    return made


def failing(errors: list[Exception]) -> str:
    """Work that fails with each of these, and then succeeds."""
    if errors:
        raise errors.pop(0)
    return "made"


def test_a_busy_engine_is_asked_again_after_longer_and_longer_pauses(slept: list[float]) -> None:
    errors = [BUSY, EngineLost("It is gone."), BUSY, BUSY]
    assert bulk.patiently(partial(failing, errors)) == "made"
    assert len(slept) == 4
    for number, pause_s in enumerate(slept):
        usual_s = bulk.FIRST_PAUSE_S * 2**number
        assert usual_s / 2 <= pause_s <= usual_s * 1.5


def test_two_do_not_come_back_at_the_same_moment(slept: list[float]) -> None:
    for _ in range(10):
        errors: list[Exception] = [BUSY]
        bulk.patiently(partial(failing, errors))
    assert len(set(slept)) > 5


def test_what_stays_busy_is_left_after_some_tries(slept: list[float]) -> None:
    errors: list[Exception] = [BUSY] * 50
    with pytest.raises(EngineRefused, match="busy"):
        bulk.patiently(partial(failing, errors))
    assert 50 - len(errors) == bulk.TRIES
    assert len(slept) == bulk.TRIES - 1


def test_what_waiting_cannot_mend_is_tried_once_and_told_of_that_student_alone(
    slept: list[float],
) -> None:
    tries: list[str] = []

    def work(student: Student) -> str:
        tries.append(student.key)
        if student.key == "grace":
            raise EngineRefused("That is no name.", status=400, hint="Choose another.")
        return "made"

    report = bulk.each("start", ROSTER, work, bulk.Calls())
    assert sorted(tries) == ["ada", "edsger", "grace"]
    assert [(one.student, one.what, one.failure) for one in report] == [
        ("ada", "made", ""),
        ("grace", "", "That is no name. Choose another."),
        ("edsger", "made", ""),
    ]
    assert slept == []


def test_of_many_a_bounded_number_is_worked_on_at_once() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def work(_student: Student) -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return "made"

    report = bulk.each("start", students([f"s{n:03}" for n in range(100)]), work, bulk.Calls())
    assert [one.what for one in report] == ["made"] * 100
    assert most == bulk.AT_ONCE

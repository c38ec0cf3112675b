"""Deeds at their times, by one thread."""

from __future__ import annotations

import threading

from container_magics.engine.alarms import THREAD, Alarms

LIMIT_S = 60.0


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == THREAD]


def assert_set(event: threading.Event) -> None:
    assert event.wait(LIMIT_S)


def test_deeds_are_done_in_the_order_of_their_times() -> None:
    alarms, done, over = Alarms(), list[str](), threading.Event()
    alarms.add(0.3, over.set)
    alarms.add(0.2, lambda: done.append("second"))
    alarms.add(0.1, lambda: done.append("first"))
    alarms.add(86_400.0 * 365 * 500, lambda: done.append("never"))
    assert over.wait(LIMIT_S)
    assert done == ["first", "second"]


def test_there_is_one_thread_for_all_and_none_for_nothing() -> None:
    before, alarms = set(threads()), Alarms()
    go, over = threading.Event(), threading.Event()
    alarms.add(0, lambda: assert_set(go))
    for _ in range(100):
        alarms.add(0, lambda: None)
    alarms.add(0, over.set)
    (one,) = set(threads()) - before
    go.set()
    assert over.wait(LIMIT_S)
    one.join(LIMIT_S)
    assert not one.is_alive()
    again = threading.Event()
    alarms.add(0, again.set)
    assert again.wait(LIMIT_S), "a thread is started anew"

"""What is built without the collector is not looked at when it is let in again."""

from __future__ import annotations

import gc

import pytest

from container_magics.jupyter.collecting import uncollected


@uncollected
def many() -> list[list[int]]:
    assert not gc.isenabled()
    return [[] for _ in range(100_000)]


def test_what_was_built_is_old_when_the_collector_comes_back() -> None:
    gc.collect()
    held = many()
    assert gc.isenabled()
    young = [len(gc.get_objects(generation=age)) for age in (0, 1)]
    assert sum(young) < 50_000, young
    assert len(held) == 100_000


def test_what_somebody_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        many()
        assert gc.get_freeze_count() > 0.9 * frozen
    finally:
        gc.unfreeze()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with pytest.raises(ZeroDivisionError):
            uncollected(lambda: 1 // 0)()
        many()
        assert not gc.isenabled()
    finally:
        gc.enable()

"""Seldom settings in the words of the Engine API (its reference, "Create a container")."""

from __future__ import annotations

from typing import Any

import pytest

from container_magics.engine.further import device_requests


@pytest.mark.parametrize(
    ("gpus", "count", "devices"),
    [("all", -1, []), ("2", 2, []), ("device=0,GPU-3a2", 0, ["0", "GPU-3a2"])],
)
def test_what_gpus_ask_for(gpus: str, count: int, devices: list[str]) -> None:
    (asked,) = device_requests(gpus) or ()
    told: dict[str, Any] = dict(asked)
    assert (told["Count"], told["DeviceIDs"]) == (count, devices)
    assert told["Capabilities"] == [["gpu"]]


def test_none_are_asked_for() -> None:
    assert device_requests("") is None

"""A row of numbers as blocks."""

from __future__ import annotations

import math

import pytest

from container_magics.core.sparkline import sparkline
from container_magics.core.usage import Usage
from container_magics.view.model import Table
from container_magics.view.present.life import usage_lately


@pytest.mark.parametrize(
    ("values", "top", "line"),
    [
        ([], 1.0, ""),
        ([0.0, 0.5, 1.0], 1.0, "▁▅█"),
        ([-1.0, 9.0], 1.0, "▁█"),
        ([5.0], 0.0, "▁"),
        ([0.0, math.inf], 1.0, "▁█"),
    ],
)
def test_the_higher_the_greater(values: list[float], top: float, line: str) -> None:
    assert sparkline(values, top) == line


def test_memory_reaches_up_to_its_limit() -> None:
    def used(cpu: float, memory: int, limit: int) -> Usage:
        return Usage("box", cpu, memory, limit, 0, 0, 0, 0, 1)

    limited = [used(0.5, 10, 100), used(2.0, 100, 100)]
    free = [used(0.0, 10, 1000), used(0.1, 20, 1000)]
    view = usage_lately([limited, free, []], machine_bytes=1000)
    assert isinstance(view, Table)
    first, second = view.rows
    assert first == ("box", "200.0 %", "▃█", "100 B", "▂█", "100 B", "1")
    assert second[2:6] == ("▁▂", "20 B", "▅█", "none")

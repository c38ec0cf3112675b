"""What an exit status says to the reader of a cell."""

from __future__ import annotations

import pytest

from container_magics.core.states import RunState
from container_magics.jupyter.runcell import meaning


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (127, "command not found"),
        (137, "killed by signal 9"),
        (143, "143 says: ended by signal 15."),
        (192, "192 says: ended by signal 64."),
        (255, "255 is what ssh ends with when it cannot connect"),
    ],
)
def test_what_a_status_says_by_convention(status: int, said: str) -> None:
    assert said in meaning(RunState(exit_status=status))


@pytest.mark.parametrize("status", [1, 42, 128, 193, 200, 254])
def test_a_status_without_a_convention_is_not_explained(status: int) -> None:
    assert meaning(RunState(exit_status=status)) == ""

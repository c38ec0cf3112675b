"""Who waits for a line on a terminal, as proc(5) tells it."""

from __future__ import annotations

import pytest

from container_magics.core.foreground import foreground_of, processes, reads_terminal

SHELL = "15 (bash) S 0 15 15 34816 {group} 4194560 1|{waits}|{call}"


def look(group: int = 15, waits: str = "wait_woken", call: str = "0 0x0") -> str:
    """The shell, with the terminal or without it, and two others."""
    return (
        SHELL.format(group=group, waits=waits, call=call)
        + "\n20 (a ) b|c) S 15 20 15 34816 20 0|hrtimer_nanosleep|230 0x0\nnonsense\n"
    )


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        (look(), True),
        (look(waits="n_tty_read", call=" "), True),
        (look(waits="do_wait", call="61 0xffffffff"), False),
        (look(call="0 0x3"), False),
        (look(call="23 0x1"), True),
        (look(call="23 0x5"), False),
        (look(waits="do_sys_poll", call="7 0x7ff"), True),
        (look(call=" "), True),
        (look(group=20), False),
        ("", False),
    ],
)
def test_a_process_that_reads_the_terminal(answer: str, waits: bool) -> None:
    assert reads_terminal(15, list(processes(answer))) is waits


def test_a_name_may_hold_anything() -> None:
    found = list(processes(look(group=20)))
    assert [one.pid for one in found] == [15, 20]
    assert foreground_of(15, found) == 20
    assert foreground_of(99, found) is None

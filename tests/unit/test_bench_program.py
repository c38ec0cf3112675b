"""What the benches measure of a program that draws a screen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.bench import program

DRAWS = """
import os, pathlib, sys, time
held = bytearray(60_000_000)
open("/dev/tty", "w").write("\\x1b[2;3H\\x1b[1mThe wh\\x1b[0mole\\x1b[2;9H screen")
sys.stdout.flush()
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""


def test_a_program_is_measured_to_its_first_screen_and_ended(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    command = (sys.executable, "-c", DRAWS, str(told))
    taken_s, peak_bytes = program.to_screen("unix:///nowhere", b"The whole screen", *command)
    assert 0 < taken_s < 60
    assert 60_000_000 < peak_bytes < 200_000_000
    if told.exists():
        assert not Path(f"/proc/{told.read_text()}").exists()


def test_a_program_without_a_screen_is_told() -> None:
    with pytest.raises(RuntimeError, match="ended without a screen"):
        program.to_screen("unix:///nowhere", b"x", sys.executable, "-c", "pass")
    with pytest.raises(RuntimeError, match="ended without a screen"):
        program.to_screen("unix:///nowhere", b"x", os.devnull)

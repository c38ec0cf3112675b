"""`.ci/patiently`: a command that says nothing for long is told to go on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PATIENTLY = Path(__file__).resolve().parents[2] / ".ci" / "patiently"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code under it, with a line each 0.2 s."""
    command = [sys.executable, PATIENTLY, "0.2", sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_long_command_is_told_to_go_on() -> None:
    done = run("import time; time.sleep(1); print('done')")
    lines = done.stdout.splitlines()
    assert lines[-1] == "done"
    assert len(lines) > 1
    assert all(line.startswith("  goes on, ") for line in lines[:-1])


def test_the_status_is_the_command_s_own() -> None:
    assert run("raise SystemExit(3)").returncode == 3

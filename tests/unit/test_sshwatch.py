"""What watches over an ssh, with other programs in its place; and addresses by ssh."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from container_magics.engine import sshwatch
from container_magics.engine.sshtarget import SshTarget, parse_target
from container_magics.errors import UsageError

LIMIT_S = 60.0


def until(condition: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit_s
        time.sleep(0.02)


def watching(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    folder.mkdir()
    line = [sys.executable, "-I", "-S", str(sshwatch.__file__), str(folder), *words]
    return subprocess.Popen(line, stdin=subprocess.PIPE)


def test_a_program_that_ends_first_leaves_its_words_until_its_owner_goes(tmp_path: Path) -> None:
    folder = tmp_path / "cm"
    with watching(folder, "sh", "-c", "echo why >&2; exit 3") as process:
        until((folder / sshwatch.ENDED).exists)
        assert (folder / "log").read_text() == "why\n"
        assert process.poll() is None
        assert process.stdin
        process.stdin.close()
        assert process.wait(LIMIT_S) == 1
    assert not folder.exists()


def test_when_its_owner_goes_first_the_program_ends(tmp_path: Path) -> None:
    folder = tmp_path / "cm"
    with watching(folder, "sleep", "600") as process:
        until(lambda: bool(psutil.Process(process.pid).children()))
        (program,) = psutil.Process(process.pid).children()
        assert process.stdin
        process.stdin.close()
        process.wait(LIMIT_S)
    until(lambda: not program.is_running())
    assert not folder.exists()


def test_an_address_is_read_with_its_escapes() -> None:
    read = parse_target("ssh://a%2Eda@Host:22/run/my%20own.sock")
    assert read == SshTarget("Host", "a.da", "22", "/run/my own.sock")


@pytest.mark.parametrize("escaped", ["ssh://a%00b@host", "ssh://host/a%00b", "ssh://host/a%0Ab"])
def test_no_escape_brings_what_no_word_can_hold(escaped: str) -> None:
    with pytest.raises(UsageError, match="no address by ssh"):
        parse_target(escaped)

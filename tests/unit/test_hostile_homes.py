"""What comes of a student's home and shell, whatever the student has made of them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sshhere import SshHere, ssh_here

from container_magics.classroom.bulk import Calls, each
from container_magics.classroom.collecting import fetched
from container_magics.classroom.within import output_of
from container_magics.core.exerciseflags import parse_file
from container_magics.core.roster import Student, students
from container_magics.engine.sshclient import login
from container_magics.errors import SshFailed
from container_magics.practice import overssh
from container_magics.practice.exercises import Verdict


@pytest.fixture
def here(tmp_path: Path) -> Iterator[SshHere]:
    with ssh_here(tmp_path) as made:
        yield made


def fetch(here: SshHere, folder: Path) -> str:
    folder.mkdir()
    with login(here.address) as made:
        return fetched(made, folder)


def test_a_home_comes_whole(here: SshHere, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (here.home / name).write_text(name * 5000)
    (here.home / "latest").symlink_to("a")
    assert fetch(here, tmp_path / "got") == ""
    names = sorted(path.name for path in (tmp_path / "got").iterdir())
    assert names == [".bashrc", "a", "b", "latest"]
    (here.home / "secrets").symlink_to("/etc/passwd")
    assert fetch(here, tmp_path / "again") == "1 entry left out: secrets"


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_a_home_whose_connection_breaks_is_not_taken_for_whole(
    here: SshHere, tmp_path: Path, blocks: int
) -> None:
    """Empty files are a block each: after each block stands another entry's header."""
    for name in ("a", "b", "c", "d"):
        (here.home / name).touch()
    here.cut_at = blocks * 512
    with pytest.raises(SshFailed, match="broke before the program ended"):
        fetch(here, tmp_path / "got")


def test_a_home_whose_tar_is_killed_is_not_taken_for_whole(here: SshHere, tmp_path: Path) -> None:
    (here.home / ".bashrc").write_text(
        "tar() { touch ~/a; command tar -C ~ -cf - a | head -c 512; return 2; }\n"
    )
    with pytest.raises(SshFailed, match="did not come whole"):
        fetch(here, tmp_path / "got")


def test_what_tar_says_is_told_of_a_home_that_is_there_but_for_a_file(
    here: SshHere, tmp_path: Path
) -> None:
    (here.home / ".bashrc").write_text('tar() { command tar "$@" nowhere; }\n')
    assert "tar: nowhere: " in fetch(here, tmp_path / "got")
    assert (tmp_path / "got" / ".bashrc").exists()


EXERCISE = """\
=== hello
Leave a file.
--- check
echo looking
test -s hello || fail "There is no file hello."
--- solution
%%ssh box
echo hi > hello
"""


def verdict(here: SshHere) -> Verdict:
    (exercise,) = parse_file(EXERCISE, "x")
    with login(here.address) as made:
        return overssh.check(made, exercise, exercise.check)


def test_a_check_is_passed_by_what_is_there(here: SshHere) -> None:
    assert verdict(here) == Verdict(False, "There is no file hello.")
    (here.home / "hello").write_text("hi")
    assert verdict(here) == Verdict(True)


def test_no_check_is_passed_by_a_shell_that_ends_before_it(here: SshHere) -> None:
    (here.home / ".bashrc").write_text("echo done; exit 0\n")
    found = verdict(here)
    assert (found.passed, "before the check did" in found.sentence) == (False, True)


def test_a_shell_that_hangs_is_left(here: SshHere) -> None:
    (here.home / ".bashrc").write_text("sleep 1000\n")
    with login(here.address) as made, pytest.raises(SshFailed, match="it took longer than 1 s"):
        output_of(made, "true", limit_s=1.0)


def test_an_interrupt_ends_what_hangs(here: SshHere) -> None:
    (here.home / ".bashrc").write_text("sleep 1000\n")
    calls, begun = Calls(), threading.Event()

    def work(student: Student) -> str:
        with login(here.address) as made, calls.holding(made):
            begun.set()
            output_of(made, "true", limit_s=1000.0)
        return student.key

    def interrupt() -> None:
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    stop = threading.Thread(target=interrupt)
    stop.start()
    with pytest.raises(KeyboardInterrupt):
        each("look", students(["ada", "grace"]), work, calls)
    stop.join()

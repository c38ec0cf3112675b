"""Whose a thing is: a session lives while its process does, whatever happens to the clock."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from container_magics.engine.ownership import NOTEBOOK, SESSION, USER, Owner, is_dead, owner
from container_magics.engine.process import began, place


def test_a_session_lives_while_its_process_does() -> None:
    where, pid, _beginning = owner().session.split(" ")
    assert int(pid) == os.getpid()
    assert not is_dead(owner().session)
    program = subprocess.Popen(["sleep", "60"])
    theirs = f"{place()} {program.pid} {began(program.pid)}"
    assert not is_dead(theirs)
    assert is_dead(f"{where} {pid} {began(program.pid)}"), "the number was given again"
    program.kill()
    program.wait()
    assert is_dead(theirs)


@pytest.mark.parametrize(
    "session",
    ["", "nonsense", "elsewhere/1 4194304 1.00", f"{place()} x 1", f"{place()} {os.getpid()} odd"],
    ids=["none", "nonsense", "another machine", "no number", "no time"],
)
def test_a_session_of_which_nobody_can_tell_lives(session: str) -> None:
    assert not is_dead(session)


def test_a_session_in_the_form_of_an_earlier_version_lives() -> None:
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    assert not is_dead(f"{platform.node()}/{namespace} 4194304 1795448137.55")


def test_a_session_lives_on_when_the_clock_is_set() -> None:
    """Seen from a mount namespace with the /proc/stat of a machine whose clock was set."""
    said = elsewhere("/proc/stat", re.sub(r"btime \d+", "btime 1700000000", read("/proc/stat")))
    assert said == "False"


def test_a_machine_of_the_same_name_has_no_say_over_a_session() -> None:
    """Seen from a mount namespace with another machine's identity: no such process is there."""
    first = Path("/proc/self/ns/pid").stat().st_ino == 0xEFFFFFFC
    machine = "/etc/machine-id" if first and read("/etc/machine-id") else BOOT
    gone = owner().session.replace(f" {os.getpid()} ", " 4194304 ")
    assert is_dead(gone)
    assert elsewhere(machine, "0" * 32 + "\n", session=gone) == "False"


def test_a_session_does_not_show_the_machines_confidential_id() -> None:
    machine = read("/etc/machine-id").strip() or "there is none"
    assert machine not in owner().session


def test_what_ran_before_the_machine_was_started_anew_is_dead() -> None:
    where, pid, beginning = owner().session.split(" ")
    ticks = beginning.partition("/")[2]
    assert is_dead(f"{where} {pid} 00000000-0000-4000-8000-000000000000/{ticks}")


BOOT = "/proc/sys/kernel/random/boot_id"


def read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def elsewhere(path: str, content: str, session: str = "") -> str:
    """What is_dead says of a session (this one) where that file holds something else."""
    program = (
        "import sys; from container_magics.engine.ownership import is_dead\n"
        "print(is_dead(sys.argv[1]))"
    )
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(content)
        file.flush()
        shell = ["sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', file.name, path]
        command = [sys.executable, "-c", program, session or owner().session]
        namespace = ["unshare", "--user", "--map-root-user", "--mount"]
        done = subprocess.run(
            [*namespace, *shell, *command], capture_output=True, text=True, check=True
        )
    return done.stdout.strip()


def test_ours_is_what_this_session_or_a_dead_one_of_this_notebook_made() -> None:
    mine = Owner(f"{place()} 1 1.00", "course.ipynb", "ada")
    dead = f"{place()} 4194304 1.00"
    assert mine.made(mine.labels("cell"))
    assert mine.made({SESSION: dead, NOTEBOOK: "course.ipynb", USER: "ada"})
    assert not mine.made({SESSION: dead, NOTEBOOK: "course.ipynb", USER: "bob"})
    assert not mine.made({SESSION: dead, NOTEBOOK: "other.ipynb", USER: "ada"})
    assert not mine.made({SESSION: owner().session, NOTEBOOK: "course.ipynb", USER: "ada"})
    assert not mine.made({})
    assert not mine.made(None)

"""The command container-magics, as a user types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from container_magics.cli import main

COMMANDS = [
    [],
    ["engine"],
    ["engine", "start"],
    ["engine", "stop"],
    ["engine", "status"],
    ["base"],
    ["doctor"],
    ["lab"],
    ["layers"],
    ["kernel"],
    ["kernel", "list"],
    ["kernel", "install"],
    ["kernel", "remove"],
    ["test"],
    ["pack"],
]


def typed(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "container_magics.cli", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: container-magics")
    assert len(said.splitlines()) > 4


@pytest.mark.parametrize("words", [["bogus"], ["engine", "bogus"], ["lab", "--port", "x"], []])
def test_what_is_typed_wrongly_ends_with_status_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


@pytest.mark.parametrize("words", [["base"], ["lab", "--check"]])
def test_an_error_is_a_sentence_a_hint_and_facts_on_stderr(
    words: list[str], tmp_path: Path
) -> None:
    done = typed(*words, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"NoEngine: No engine answers at unix://{tmp_path}/none.sock, named by DOCKER_HOST.",
        "Start that engine, or unset DOCKER_HOST to look elsewhere.",
        f"  DOCKER_HOST, unix://{tmp_path}/none.sock: no socket there",
    ]


def test_the_traceback_comes_only_with_debug(tmp_path: Path) -> None:
    done = typed("base", "--debug", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.rstrip().endswith("no socket there")


def test_the_doctor_names_each_thing_to_mend_and_ends_with_1(tmp_path: Path) -> None:
    done = typed("doctor", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 1
    assert "unset DOCKER_HOST" in done.stdout
    assert done.stderr == ""


def test_status_of_no_engine_of_our_own_says_how_to_start_it(tmp_path: Path) -> None:
    done = typed("engine", "status", CONTAINER_MAGICS_STATE=str(tmp_path))
    assert done.returncode == 1
    assert "container-magics engine start" in done.stdout


def test_a_terminal_that_knows_only_ascii_is_no_reason_to_fail(tmp_path: Path) -> None:
    missing = f"unix://{tmp_path}/none.sock"
    done = typed("doctor", DOCKER_HOST=missing, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 1
    assert "unset DOCKER_HOST" in done.stdout


def test_help_loads_neither_docker_nor_ipython() -> None:
    program = (
        "import sys\nfrom container_magics.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print({'docker', 'IPython'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.strip() == "set()"

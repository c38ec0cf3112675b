"""Errors quote what containers and engines say, and none of it may move a reader's terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from container_magics.core.spec import ContainerSpec
from container_magics.core.waits import condition
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine, from_status
from container_magics.engine.folders import take_place
from container_magics.engine.jsonlines import parse
from container_magics.engine.layerstream import progress
from container_magics.errors import ContainerFailed, ContainerMagicsError, TimedOut, UsageError
from container_magics.session.run import run_inside
from container_magics.session.waiting import wait

HOSTILE = r"\033]0;owned\007\033[31mseen\033[2J"  # a title, a colour, the whole screen
RAW = "\x1b]0;owned\x07\x1b[31mseen\x1b[2J"
SERVER = (
    "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 8000, Listen => 5); "
    f'while ($c = $s->accept) {{ <$c>; print $c "{HOSTILE}\\r\\n"; close $c }}\''
)
FALSE_SHELL = f'#!/usr/bin/perl\nprint STDERR "{HOSTILE}"; exit 1;\n'.encode()
Start = Callable[..., str]


@pytest.fixture
def start(engine: Engine, base: str) -> Iterator[Start]:
    """A function that starts a script in a container and returns its ID."""
    made: list[str] = []

    def started(script: str, **config: Any) -> str:
        made.append(engine.api.create_container(base, ["sh", "-c", script], **config)["Id"])
        engine.api.start(made[-1])
        return made[-1]

    yield started
    for container in made:
        verbs.remove(engine, container)


def only_text(error: ContainerMagicsError) -> bool:
    """Whether what was said is told, and nothing else of it."""
    told = "\n".join(error.told())
    return "seen" in told and "owned" not in told and "\x1b" not in told


def test_a_log(engine: Engine, start: Start) -> None:
    name = start(f"printf '{HOSTILE}\\n'; exec sleep 600")
    wait(engine, name, [condition("log:seen")], timeout_s=60)
    with pytest.raises(TimedOut) as late:
        wait(engine, name, [condition("log:never")], timeout_s=0.3)
    assert late.value.facts == ("seen",)
    assert only_text(late.value)


def test_a_health_check_and_a_page(engine: Engine, start: Start) -> None:
    check = {"test": ["CMD-SHELL", f"printf '{HOSTILE}'; false"], "interval": 3 * 10**8}
    name = start(SERVER, healthcheck=check)
    wait(engine, name, [condition("port:8000")], timeout_s=60)
    for what in ("healthy", "http:8000/"):
        with pytest.raises(TimedOut) as late:
            wait(engine, name, [condition(what)], timeout_s=2)
        assert only_text(late.value), what


def test_a_shell_that_is_none(engine: Engine, start: Start) -> None:
    name = start("exec sleep 600")
    spec = ContainerSpec("", ("true",), files=(("/usr/bin/sh", FALSE_SHELL, 0o755),))
    with pytest.raises(ContainerFailed, match="could not start the program") as caught:
        list(run_inside(engine, name, spec))
    assert only_text(caught.value)


def test_an_engine_s_own_words() -> None:
    assert only_text(from_status(500, RAW))
    with pytest.raises(ContainerMagicsError) as caught:
        list(progress([{"error": RAW}], []))
    assert only_text(caught.value)
    with pytest.raises(ContainerMagicsError) as caught:
        parse(RAW.encode())
    assert only_text(caught.value)


def test_the_name_of_a_file(tmp_path: Path) -> None:
    for folder in ("from", "to"):
        (tmp_path / folder).mkdir()
    (tmp_path / "from" / RAW).mkdir()
    (tmp_path / "to" / RAW).touch()
    with pytest.raises(UsageError) as caught:
        take_place(tmp_path / "from", tmp_path / "to")
    assert only_text(caught.value)

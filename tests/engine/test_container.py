"""A container as a Python object, without a notebook: its facts, its life, its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from container_magics import Container
from container_magics.core.events import Created
from container_magics.core.spec import ContainerSpec, Mount, Port
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import Owner, owner
from container_magics.errors import (
    Conflict,
    ContainerFailed,
    NameTaken,
    NotFound,
    TimedOut,
    TooLarge,
    UsageError,
)
from container_magics.session.detached import run_detached, running_already

pytestmark = pytest.mark.usefixtures("nothing_left")
NAME = "cm-test-box"
LOG = "echo out; echo err >&2; exec sleep 600"


def begun(engine: Engine, base: str, script: str = LOG, name: str = NAME) -> ContainerSpec:
    spec = ContainerSpec(base, ("sh", "-c", script), name=name, ports=(Port(80),))
    list(run_detached(engine, spec, owner()))
    return spec


@pytest.fixture
def box(engine: Engine, base: str) -> Iterator[Container]:
    """A container that runs, and has written a line to each stream."""
    begun(engine, base)
    made = Container(engine, NAME)
    yield made
    made.remove()


def test_its_facts_are_as_they_are_now(box: Container, base: str) -> None:
    assert (box.name, box.image, box.state, box.exit_status) == (NAME, base, "running", None)
    address, _, port = box.ports["80/tcp"].rpartition(":")
    assert (address, port.isdecimal()) == ("127.0.0.1", True)
    assert repr(box) == f"<container {NAME} of {base}: running>"
    box.stop()
    assert (box.state, box.exit_status, box.ports) == ("exited", 137, {})
    box.start()
    assert (box.state, box.exit_status) == ("running", None)
    box.restart()
    assert box.state == "running"


def test_one_that_is_not_there_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound):
        Container(engine, "cm-test-nobody")


def test_it_stays_that_one_when_another_gets_its_name(
    engine: Engine, base: str, box: Container
) -> None:
    begun(engine, base)
    assert (box.name, box.state) == (NAME, "removed")
    other = Container(engine, NAME)
    assert (other.state, other.id != box.id) == ("running", True)
    box.remove()
    assert other.state == "running", "what is gone already is no other container"
    other.remove()


def test_its_log_is_one_and_has_an_end(box: Container) -> None:
    box.wait("log:out", "log:err", timeout_s=60)
    assert sorted(box.logs().splitlines()) == ["err", "out"]
    assert len(box.logs(tail=1).splitlines()) == 1


def test_a_wait_returns_what_was_met(box: Container) -> None:
    with pytest.raises(TimedOut):
        box.wait("exit", timeout_s=0.3)
    box.stop()
    assert [met.exit_status for met in box.wait()] == [137]
    with pytest.raises(ContainerFailed):
        box.wait("port:80", timeout_s=60)


def test_what_is_written_is_read_back(box: Container) -> None:
    box.write("/new/folder/text", "å\n")
    box.write("/bytes", b"\0\xff")
    assert box.read_text("/new/folder/text") == "å\n"
    assert box.read_bytes("/bytes") == b"\0\xff"
    assert box.run("cat /new/folder/text; stat -c %a /bytes").stdout == "å\n644\n"
    with pytest.raises(NotFound):
        box.read_bytes("/nowhere")
    with pytest.raises(TooLarge):
        box.read_bytes("/bytes", limit_bytes=1)
    with pytest.raises(UsageError):
        box.read_bytes("/etc")
    with pytest.raises(UsageError):
        box.write("/number", 7)


def test_what_is_too_large_to_read_is_refused_unless_it_is_wanted(box: Container) -> None:
    box.run("truncate -s 100000001 /big.csv")
    for read in (box.read_bytes, box.read_text, box.df):
        with pytest.raises(TooLarge, match="at most 100 MB") as error:
            read("/big.csv")
        assert "limit_bytes=None" in error.value.hint
    assert len(box.read_bytes("/big.csv", limit_bytes=None)) == 100_000_001
    box.write("/wide.csv", "a\n1\n")
    with pytest.raises(TooLarge):
        box.df("/wide.csv", limit_bytes=3)
    assert list(box.df("/wide.csv", limit_bytes=None).a) == [1]


def test_a_table_goes_in_and_comes_back(box: Container) -> None:
    table = pd.DataFrame({"city": ["Bergen"], "rain_mm": [2250]})
    box.write("/rain.csv", table)
    assert box.read_text("/rain.csv") == "city,rain_mm\nBergen,2250\n"
    assert box.df("/rain.csv").equals(table)
    assert box.df("/rain.csv", usecols=["city"]).columns.tolist() == ["city"]


def test_a_stopped_one_s_files_can_be_read(box: Container) -> None:
    box.write("/kept", "still here")
    box.stop()
    assert box.read_text("/kept") == "still here"
    with pytest.raises(Conflict):
        box.run("true")


def test_a_program_in_it_returns_what_it_wrote_and_how_it_ended(box: Container) -> None:
    done = box.run("cat; echo $0; echo problem >&2; exit 3", stdin="fed ")
    assert (done.exit_status, done.stdout, done.stderr) == (3, "fed sh\n", "problem\n")
    assert box.run(["printf", "%s|", "a b", "c"]).stdout == "a b|c|"
    assert box.run("print 6 * 7", interpreter="perl").stdout == "42"
    assert box.run(["printf", "\\377"]).stdout == b"\xff"
    assert box.run("#!/usr/bin/perl\nprint 'by shebang'").stdout == "by shebang"
    with pytest.raises(TimedOut):
        box.run("sleep 60", timeout_s=0.5)
    assert box.run("ps ax | grep -c '[s]leep 60$'").stdout == "0\n", "it was ended, not left"


def test_a_stranger_s_is_removed_with_force_alone(engine: Engine, base: str) -> None:
    made = engine.api.create_container(base, ["true"], name="cm-test-strange-box")
    stranger = Container(engine, made["Id"])
    try:
        with pytest.raises(NameTaken):
            stranger.remove()
        assert stranger.state == "created"
    finally:
        stranger.remove(force=True)
    assert stranger.state == "removed"


@pytest.fixture
def started(engine: Engine, base: str) -> Iterator[Callable[..., tuple[ContainerSpec, str]]]:
    """A function that leaves a container running: (its spec, its ID). All are removed."""
    ids: list[str] = []

    def start(script: str = "sleep 601", **words: Any) -> tuple[ContainerSpec, str]:
        spec = ContainerSpec(base, ("sh", "-c", script), **words)
        events = list(run_detached(engine, spec, owner()))
        ids.extend(event.container_id for event in events if isinstance(event, Created))
        return spec, ids[-1]

    yield start
    for container_id in ids:
        verbs.remove(engine, container_id)


@pytest.mark.parametrize("name", ["", "cm-test-reuse"])
def test_one_that_runs_by_the_same_words_is_found_again(
    engine: Engine, started: Callable[..., tuple[ContainerSpec, str]], name: str
) -> None:
    spec, made = started(name=name, mounts=(Mount(".", "/work"),))
    started("sleep 602")
    found = running_already(engine, replace(spec), owner())
    assert found
    assert (found.container_id, found.state, found.image) == (made, "running", spec.image)
    assert running_already(engine, spec, owner(), auto_remove=True) is None
    assert running_already(engine, replace(spec, user="1000"), owner()) is None
    assert running_already(engine, replace(spec, image="no/such:image"), owner()) is None


def test_one_that_has_ended_is_not_found(
    engine: Engine, started: Callable[..., tuple[ContainerSpec, str]]
) -> None:
    spec, made = started()
    Container(engine, made).stop()
    assert running_already(engine, spec, owner()) is None


def test_one_of_an_image_that_was_built_anew_is_not_found(
    engine: Engine, base: str, started: Callable[..., tuple[ContainerSpec, str]]
) -> None:
    tag = "container-magics/test-reuse:1"
    engine.api.tag(base, tag)
    try:
        spec, made = started()
        spec = replace(spec, image=tag)
        assert running_already(engine, spec, owner()), "another name of the same image"
        engine.api.commit(made, "container-magics/test-reuse", "1", changes=["ENV NEW=1"])
        assert running_already(engine, spec, owner()) is None
    finally:
        engine.api.remove_image(tag)


def test_another_session_s_is_not_found(
    engine: Engine, started: Callable[..., tuple[ContainerSpec, str]]
) -> None:
    spec, _ = started()
    mine = owner()
    other = Owner(mine.session.rpartition(" ")[0] + " 0", "/another.ipynb", mine.user)
    assert running_already(engine, spec, other) is None


def test_one_that_was_made_from_its_image_is_not_found(
    engine: Engine, started: Callable[..., tuple[ContainerSpec, str]]
) -> None:
    """``docker commit`` writes the labels into the image, and its containers inherit them."""
    spec, made = started()
    image = engine.api.commit(made, "container-magics/test-inherit", "1")["Id"]
    stranger = engine.api.create_container(image, ["sleep", "603"])["Id"]
    try:
        Container(engine, made).stop()
        engine.api.start(stranger)
        assert running_already(engine, spec, owner()) is None
    finally:
        engine.api.remove_container(stranger, force=True)
        engine.api.remove_image(image)

"""A cell that is run again replaces what it made before, and not before it can."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from container_magics.core.events import Created, Removed, RunEvent, Started
from container_magics.core.spec import ContainerSpec, Limits, Mount, Port
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import Owner, owner
from container_magics.engine.process import began, place
from container_magics.errors import (
    ContainerMagicsError,
    EngineRefused,
    ImageNotFound,
    NameTaken,
    NotFound,
    PortTaken,
    UsageError,
)
from container_magics.practice import sshbox
from container_magics.session.detached import run_detached
from container_magics.session.making import remove_ours
from container_magics.session.run import run

pytestmark = pytest.mark.usefixtures("nothing_left")
NAME = "cm-test-replaced"
Story = Callable[..., Generator[RunEvent, None, None]]


@pytest.fixture
def old(engine: Engine, base: str) -> Iterator[ContainerSpec]:
    """What a running container was asked for with."""
    spec = ContainerSpec(base, ("sleep", "620"), name=NAME, ports=(Port(80, host_port=18620),))
    list(run_detached(engine, spec, owner()))
    yield spec
    remove_ours(engine, NAME, owner())


def running(engine: Engine) -> str:
    """The ID of the container of that name, which runs."""
    facts = verbs.inspect(engine, NAME)
    assert facts["State"]["Running"]
    return str(facts["Id"])


@pytest.mark.parametrize("story", [run, run_detached])
@pytest.mark.parametrize("same", ["name", "port"])
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"image": "127.0.0.1:1/no/such:image"}, ImageNotFound),
        ({"mounts": (Mount("no/full/path", "/data"),)}, UsageError),
        ({"network": "cm-test-nonesuch"}, NotFound),
        ({"limits": Limits(memory_bytes=1)}, EngineRefused),
    ],
)
def test_a_slip_of_the_pen_leaves_the_old_one_running(
    engine: Engine,
    old: ContainerSpec,
    story: Story,
    same: str,
    change: dict[str, Any],
    error: type[ContainerMagicsError],
) -> None:
    before = running(engine)
    again = replace(old, ports=()) if same == "name" else replace(old, name="")
    with pytest.raises(error):
        list(story(engine, replace(again, **change), owner()))
    assert running(engine) == before


def test_one_that_can_be_made_takes_its_place(engine: Engine, old: ContainerSpec) -> None:
    before = running(engine)
    events = list(run_detached(engine, replace(old, command=("sleep", "621")), owner()))
    assert [type(event) for event in events] == [Removed, Created, Started]
    assert events[0] == Removed(before)
    assert running(engine) not in ("", before)


@pytest.fixture
def sessions() -> Iterator[dict[str, Owner]]:
    """Of another notebook: a living session of this user, a dead one, another user's dead one."""
    me = owner()
    with subprocess.Popen(["sleep", "622"]) as program:
        alive = f"{place()} {program.pid} {began(program.pid)}"
        dead = f"{place()} 4194304 1.00"
        yield {
            "living": Owner(alive, "other.ipynb", me.user),
            "dead": Owner(dead, "other.ipynb", me.user),
            "stranger": Owner(dead, "other.ipynb", f"not-{me.user}"),
        }
        program.kill()


@pytest.fixture
def left(
    engine: Engine, base: str, sessions: dict[str, Owner], whose: str, purpose: str
) -> Iterator[str]:
    """The ID of a running container of that name that one of the sessions has made."""
    spec = ContainerSpec(base, ("sleep", "623"), name=NAME, ports=(Port(80, host_port=18623),))
    labels = sessions[whose].labels(purpose)
    made = verbs.create(engine, spec, labels, auto_remove=False)
    verbs.start(engine, made)
    yield made.container_id
    verbs.remove(engine, made.container_id)


@pytest.mark.parametrize("whose", ["living", "dead", "stranger"])
@pytest.mark.parametrize("purpose", ["box"])
def test_a_name_or_port_is_taken_over_from_the_dead_alone(
    engine: Engine, base: str, left: str, whose: str
) -> None:
    """Before the sweep has come by, which would remove it."""
    named = ContainerSpec(base, ("true",), name=NAME)
    published = ContainerSpec(base, ("true",), ports=(Port(80, host_port=18623),))
    if whose == "dead":
        assert Removed(left) in list(run(engine, named, owner()))
        return
    with pytest.raises(NameTaken):
        list(run(engine, named, owner()))
    with pytest.raises(PortTaken):
        list(run(engine, published, owner()))
    assert running(engine) == left


@pytest.mark.parametrize("whose", ["dead"])
@pytest.mark.parametrize("purpose", ["box"])
def test_a_port_is_taken_over_from_the_dead(engine: Engine, base: str, left: str) -> None:
    published = ContainerSpec(base, ("true",), ports=(Port(80, host_port=18623),))
    assert Removed(left) in list(run(engine, published, owner()))


@pytest.mark.parametrize("whose", ["living", "dead", "stranger"])
@pytest.mark.parametrize("purpose", ["sshbox", "box"])
def test_a_practice_box_of_the_dead_is_none(
    engine: Engine, left: str, whose: str, purpose: str
) -> None:
    if (whose, purpose) == ("dead", "sshbox"):
        assert sshbox.find(engine, owner(), NAME) is None
    elif (whose, purpose) == ("stranger", "sshbox"):  # each student has a box of that name
        assert sshbox.find(engine, owner(), NAME) is None
        assert sshbox.container_name(engine, owner(), NAME) == f"{NAME}-{owner().user}"
    else:
        with pytest.raises(NameTaken):
            sshbox.find(engine, owner(), NAME)
    assert running(engine) == left


def test_what_was_made_from_a_practice_box_is_none(engine: Engine, base: str) -> None:
    """``docker commit`` writes the labels into the image, and its containers inherit them."""
    labels = owner().labels("sshbox")
    made = verbs.create(engine, ContainerSpec(base, ("true",)), labels, auto_remove=False)
    image = engine.api.commit(made.container_id, "container-magics/test-box", "1")["Id"]
    stranger = engine.api.create_container(image, ["true"], name=NAME)["Id"]
    try:
        with pytest.raises(NameTaken):
            sshbox.find(engine, owner(), NAME)
    finally:
        verbs.remove(engine, stranger)
        verbs.remove(engine, made.container_id)
        engine.api.remove_image(image)

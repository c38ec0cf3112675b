"""The engine, and the way to it, may fail at any moment: a clear error in time, nothing left.

Each story is played with 200 cuts at random bytes of its answers, and some other faults. The
seed is fixed, so that a failure can be repeated; CONTAINER_MAGICS_FAULT_SEED gives another.
"""

from __future__ import annotations

import os
import queue
import random
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from faultplay import (
    CUTS,
    OTHERS,
    SETTLE_S,
    WORKERS,
    Counts,
    Story,
    an_owner,
    no_thread_or_socket_left,
    play_all,
    play_one,
    sweep_all,
)
from faultproxy import Fault, through
from registry import push, registry, tiny_image

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import BuildOutput, Built, Exited, Output, Pulled
from container_magics.core.spec import ContainerSpec
from container_magics.engine import images
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.events import Changes
from container_magics.engine.logs import logs
from container_magics.engine.ownership import Owner
from container_magics.engine.pull import pull
from container_magics.errors import EngineError
from container_magics.session.build import build
from container_magics.session.following import follow
from container_magics.session.run import run, run_inside
from container_magics.session.spares import PAUSE_S, Spares
from container_magics.session.stopper import Stopper

# what a thread of ours raises is told nowhere else
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
SEED = int(os.environ.get("CONTAINER_MAGICS_FAULT_SEED", "20261123"))
# In the end it waits, so that there is time to see that it runs on where its output is cut.
LINES = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; sleep 0.01; done; sleep 1"
SAID = ("".join(f"out {n}\n" for n in range(1, 6)), "".join(f"err {n}\n" for n in range(1, 6)))


def limited(story: int, cuts: int = CUTS) -> Stopper:
    """A time limit for a story by its number: what stalls is ended by it, as a user would; the
    others never come near it, also on a busy machine."""
    return Stopper(8.0 if story >= cuts + OTHERS["delay"] + OTHERS["refuse"] else 300.0)


@pytest.fixture
def owner(engine: Engine) -> Iterator[Owner]:
    made = an_owner()
    yield made
    sweep_all(engine, made)


def spec(base: str, script: str) -> ContainerSpec:
    return ContainerSpec(base, ("sh", "-c", script), network="none")


def told(events: Iterator[object]) -> tuple[str, str, int | None]:
    """(stdout, stderr, exit status) of a story, which is closed in the end."""
    said, status = {"stdout": b"", "stderr": b""}, None
    with closing(events):  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Output):
                said[event.stream] += event.data
            elif isinstance(event, Exited):
                status = event.exit_status
    return said["stdout"].decode(), said["stderr"].decode(), status


def judge(engine: Engine, owner: Owner, story: Story) -> Counts:
    """Play the story with all faults, print how it went, and fail for what must not be."""
    with no_thread_or_socket_left(engine):
        counts = play_all(engine, story, SEED)
        counts.swept = sweep_all(engine, owner)
        print(f"\n{counts.line()}")
        first = counts.wrong[:8]
        assert not first, "\n\n".join([f"{len(counts.wrong)} went wrong", *first])
    assert counts.errors, "no fault has done any harm: the test tests nothing"
    return counts


def test_a_run(engine: Engine, base: str, owner: Owner) -> None:
    def play(broken: Engine, number: int) -> object:
        script = f"{LINES}; exit 3"
        return told(run(broken, spec(base, script), owner, stopper=limited(number)))

    paths = ("", "/attach", "/attach", "/events", "/create", "/start")
    judge(engine, owner, Story("run", play, (*SAID, 3), paths))


def test_a_run_in_a_spare(engine: Engine, base: str, owner: Owner) -> None:
    asked = spec(base, f"{LINES}; exit 3")

    def play(broken: Engine, number: int) -> object:
        spares = Spares()
        try:
            spares.renew(broken, owner, asked)
            time.sleep(2 * PAUSE_S)  # it is being made, and is waited for
            return told(run(broken, asked, owner, stopper=limited(number, 60), spares=spares))
        finally:
            spares.drop(wait=True)

    paths = ("", "/attach", "/attach", "/events", "/start")
    judge(engine, owner, Story("run in a spare", play, (*SAID, 3), paths, cuts=60))


def test_a_program_in_a_running_container(engine: Engine, base: str, owner: Owner) -> None:
    box = verbs.create(engine, spec(base, "sleep 900"), owner.labels("box"))
    verbs.start(engine, box)

    def play(broken: Engine, number: int) -> object:
        script = spec("", f"{LINES}; exit 4")
        return told(run_inside(broken, box.container_id, script, stopper=limited(number)))

    paths = ("", "/start", "/start", "/exec")
    judge(engine, owner, Story("exec", play, (*SAID, 4), paths))


def test_a_log(engine: Engine, base: str, owner: Owner) -> None:
    written = b"".join(b"line %d\n" % number for number in range(40))
    ended = logged(engine, owner, spec(base, "for i in $(seq 0 39); do echo line $i; done"))
    goes_on = logged(
        engine, owner, spec(base, "while :; do echo tick; echo tock; sleep 0.02; done")
    )
    wait_for_end(engine, ended)

    def play(broken: Engine, number: int) -> object:
        if number % 3 == 0:
            return b"".join(one.data for one in logs(broken, ended)) == written
        if number % 3 == 1:
            return b"".join(one.data for one in follow(broken, ended)) == written
        with closing(follow(broken, goes_on, tail=0, until=re.compile("tock"))) as lines:
            return list(lines)[-1].data == b"tock\n"

    paths = ("", "/logs", "/logs")
    judge(engine, owner, Story("logs", play, True, paths, kinds=3, believed=(0,)))


def logged(engine: Engine, owner: Owner, spec: ContainerSpec) -> str:
    """The ID of a container that was started, and whose log the engine keeps."""
    made = verbs.create(engine, spec, owner.labels("box"), auto_remove=False, logs=True)
    verbs.start(engine, made)
    return made.container_id


def wait_for_end(engine: Engine, container: str) -> None:
    while verbs.inspect(engine, container)["State"]["Running"]:
        time.sleep(0.05)


def test_events(engine: Engine, base: str, owner: Owner) -> None:
    def play(broken: Engine, number: int) -> object:
        if number % 2:
            script = "echo out; sleep 0.1; exit 5"
            story = run(broken, spec(base, script), owner, stopper=limited(number))
            return told(story) == ("out\n", "", 5)
        with closing(Changes(broken)) as changes:
            made = verbs.create(engine, spec(base, "true"), owner.labels("box"))
            verbs.remove(engine, made.container_id)
            mine = (one for one in changes.events() if one.container_id == made.container_id)
            return [next(mine).action, next(mine).action] == ["create", "destroy"]

    judge(engine, owner, Story("events", play, True, ("/events",), kinds=2))


@pytest.fixture
def tiny(engine: Engine) -> Iterator[str]:
    """The name of an image of one file; it and what was built from it go in the end."""
    name, label = "cm-test-faults/tiny:1", f"cm-test-faults={uuid.uuid4().hex}"
    tiny_image(engine, name, b"tiny", label)
    yield name
    remove_images(engine, label)


def remove_images(engine: Engine, label: str) -> None:
    """All with the label, also those that an engine finishes that nobody listens to."""
    end_s = time.monotonic() + SETTLE_S
    while found := engine.api.images(filters={"label": label}):
        for one in found:
            with suppress(docker.errors.APIError):  # another one was made from it: next time
                engine.api.remove_image(one["Id"], force=True)
        assert time.monotonic() < end_s, found
        time.sleep(0.1)


def test_a_pull(engine: Engine, owner: Owner, tmp_path: Path) -> None:
    label, free = f"cm-test-faults={uuid.uuid4().hex}", queue.SimpleQueue[str]()
    chance = random.Random(SEED)

    def play(broken: Engine, _: int) -> object:
        name = free.get()
        try:
            with suppress(docker.errors.APIError):
                engine.api.remove_image(name)
            events = list(pull(broken, name))
            last = events[-1]
            assert isinstance(last, Pulled)
            return last.image == name and bool(last.digest)
        finally:
            free.put(name)

    try:
        with registry(tmp_path) as address:
            for number in range(WORKERS):
                name = f"{address}/cm-test-faults/{number}:1"
                tiny_image(engine, name, chance.randbytes(200_000), label)
                push(engine, name)
                free.put(name)
            paths = ("", "/images/create", "/images/create")
            judge(engine, owner, Story("pull", play, True, paths))
    finally:
        remove_images(engine, label)


def test_a_build(engine: Engine, base: str, owner: Owner, tiny: str) -> None:
    label = next(iter(engine.api.inspect_image(tiny)["Config"]["Labels"].items()))
    nonce = uuid.uuid4().hex

    def play(broken: Engine, number: int) -> object:
        text = f"FROM {tiny}\nCOPY data /data\n"
        if number % 4 == 0:
            text = f"FROM {base}\nLABEL {'='.join(label)}\nCOPY data /data\nRUN cat /data\n"
        tag = f"cm-test-faults/built:{number}-{uuid.uuid4().hex[:8]}"
        data = f"{nonce} {number} {tag}\n".encode()
        asked = BuildSpec(text, tag, added=(("data", data),))
        with closing(build(broken, asked, version=1 if number % 4 == 3 else 2)) as events:
            seen = list(events)
        printed = b"".join(one.data for one in seen if isinstance(one, BuildOutput))
        assert isinstance(seen[-1], Built)
        return images.inspect(engine, tag)["Id"] == seen[-1].image_id and (
            number % 4 != 0 or printed == data
        )

    judge(engine, owner, Story("build", play, True, ("", "/build", "/build"), kinds=4))


def test_a_refusal_of_each_request_of_a_run(engine: Engine, base: str, owner: Owner) -> None:
    name = f"cm-test-faults-{uuid.uuid4().hex[:8]}"

    def play(broken: Engine, number: int) -> object:
        named = replace(spec(base, "echo out; exit 3"), name=f"{name}-{number}")
        verbs.create(engine, named, owner.labels("cell"))  # which the run is to replace
        return told(run(broken, named, owner))

    story = Story("run", play, ("out\n", "", 3), ("",))
    with no_thread_or_socket_left(engine):
        with through(engine) as (whole, proxy):
            assert story.play(whole, 0) == story.expected
            asked = list(proxy.targets)
        assert len(asked) >= 7
        for number, target in enumerate(asked):
            outcome = play_one(engine, story, Fault("refuse", number), number)
            assert outcome.struck, target
            assert not outcome.hung, target
            if outcome.error is None:
                assert outcome.told == story.expected, target
            else:
                assert isinstance(outcome.error, EngineError), (target, outcome.error)
                assert outcome.error.hint, target
        sweep_all(engine, owner)

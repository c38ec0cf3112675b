"""Going into a build that failed: what is found there, and that nothing of it stays."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from buildbench import CLASSIC, Bench, both
from leftovers import Inventory
from test_interrupts import Presser

from container_magics.core.buildplan import FailedBuild
from container_magics.core.buildspec import BuildSpec
from container_magics.engine import images
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import DEBUG, SESSION, Owner, owner
from container_magics.errors import (
    ContainerFailed,
    ContainerMagicsError,
    NameTaken,
    NotSupported,
    UsageError,
)
from container_magics.jupyter.stop import stop_button
from container_magics.session.debugging import go_in
from container_magics.session.stopper import Stopper
from container_magics.session.sweep import end_session, sweep

LATE_S = 2.0
"""So long after a stop an engine may still finish a build that has no more to do."""


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, docker_builder: Engine, base: str, nothing_left: Inventory
) -> Iterator[Bench]:
    asked = getattr(request.node, "callspec", None)
    classic = asked and asked.params.get("version") == CLASSIC
    if classic and docker_builder.facts().containerd_store:
        pytest.skip("an engine with containerd's store always has BuildKit")
    made = Bench(docker_builder, base)
    yield made
    made.remove()


@pytest.fixture
def me(bench: Bench) -> Iterator[Owner]:
    """A session of the test's own, so that its end removes nothing of another test."""
    found = replace(owner(), session=f"{owner().session} {bench.nonce}")
    yield found
    end_session(bench.engine, found)
    assert debug_images(bench, found) == []


def failed(bench: Bench, *lines: str, version: int = 2, **asked: object) -> FailedBuild:
    spec = bench.spec(*lines, **asked)
    result = bench.run(spec, version=version)
    assert result.error is not None
    return FailedBuild(spec, result.state)


def debug_images(bench: Bench, me: Owner) -> list[str]:
    found = images.labelled(bench.engine, f"{DEBUG}={me.session}")
    return [one["Id"] for one in found]


def inside(bench: Bench, name: str, script: str) -> str:
    made = bench.engine.api.exec_create(name, ["/bin/sh", "-c", script])
    return str(bench.engine.api.exec_start(made["Id"]).decode())


@both
def test_the_container_is_as_the_failing_line_found_it(bench: Bench, me: Owner, version: int):
    found = go_in(
        bench.engine,
        failed(
            bench, "ARG WHO=me", "ENV A=1", "RUN echo NONCE > /before", "WORKDIR /w", "USER 7",
            "RUN touch /tmp/half; echo $WHO; exit 3", "RUN never", version=version,
            build_args=(("WHO", "you"),),
        ),
        me,
    )  # fmt: skip
    said = inside(bench, found.name, "cat /before; pwd; id -u; echo $A $WHO; ls /tmp")
    assert said == f"{bench.nonce}\n/w\n7\n1 you\n"
    assert found.instruction.lines[0] == 8


def test_a_failing_stage_is_gone_into_and_no_other(bench: Bench, me: Owner):
    text = (
        f"FROM {bench.base} AS one\nLABEL cm-test-build={bench.nonce}\nRUN echo one > /one\n"
        f"RUN echo {bench.nonce}; exit 3\n"
        f"FROM {bench.base} AS two\nRUN echo {bench.nonce}; sleep 30\n"
        f"FROM {bench.base}\nCOPY --from=one /one /\nCOPY --from=two /etc/hostname /\n"
    )
    spec = BuildSpec(text, bench.tag)
    result = bench.run(spec)
    found = go_in(bench.engine, FailedBuild(spec, result.state), me)
    assert found.stage == "one"
    assert inside(bench, found.name, "cat /one") == "one\n"


@both
def test_the_same_again_replaces_it_and_its_image(bench: Bench, me: Owner, version: int):
    first = failed(bench, "RUN echo 1 NONCE > /x", "RUN exit 3", version=version)
    name = go_in(bench.engine, first, me).name
    before = bench.engine.api.inspect_container(name)["Id"]
    assert go_in(bench.engine, first, me).name == name
    assert len(debug_images(bench, me)) == 1
    second = failed(bench, "RUN echo 2 NONCE > /x", "RUN exit 3", version=version)
    go_in(bench.engine, second, me)
    assert bench.engine.api.inspect_container(name)["Id"] != before
    assert inside(bench, name, "cat /x") == f"2 {bench.nonce}\n"
    assert len(debug_images(bench, me)) == 1


def test_a_failing_copy_has_the_files_before_it(bench: Bench, me: Owner):
    broken = failed(bench, "COPY there /", "COPY nowhere /", added=(("there", b"1\n"),))
    name = go_in(bench.engine, broken, me).name
    assert inside(bench, name, "cat /there") == "1\n"


def test_a_first_line_that_fails_has_the_base_image(bench: Bench, me: Owner):
    name = go_in(bench.engine, failed(bench, "RUN exit 3"), me).name
    assert "debian" in inside(bench, name, "cat /etc/os-release")


def test_it_ends_with_the_session_and_its_image_too(bench: Bench, me: Owner):
    name = go_in(bench.engine, failed(bench, "RUN echo NONCE", "RUN exit 3"), me).name
    assert len(debug_images(bench, me)) == 1
    assert end_session(bench.engine, me) == 2
    assert debug_images(bench, me) == []
    assert not bench.engine.api.containers(all=True, filters={"name": name})


def test_the_sweep_takes_what_a_dead_session_left_of_it(bench: Bench, me: Owner):
    with subprocess.Popen(["sleep", "0"]) as process:
        process.wait()
    place, _, began = me.session.split(" ")[:3]
    dead = replace(me, session=f"{place} {process.pid} {began}")
    name = go_in(bench.engine, failed(bench, "RUN echo NONCE", "RUN exit 3"), dead).name
    assert sweep(bench.engine, me) >= 2
    assert debug_images(bench, dead) == []
    assert not bench.engine.api.containers(all=True, filters={"name": name})


def test_a_stranger_s_container_of_that_name_stays(bench: Bench, me: Owner):
    broken = failed(bench, "RUN exit 3")
    name = go_in(bench.engine, broken, me).name
    other = replace(me, session=f"elsewhere 1 {uuid.uuid4().hex}", notebook="", user="another")
    with pytest.raises(NameTaken) as taken:
        go_in(bench.engine, broken, other)
    assert "rename" in taken.value.hint
    assert debug_images(bench, other) == []
    assert bench.engine.api.inspect_container(name)["State"]["Running"]


def test_without_a_shell_there_is_no_way_in_and_nothing_stays(bench: Bench, me: Owner):
    text = f"FROM scratch\nLABEL cm-test-build={bench.nonce}\nCOPY a /\nCOPY nowhere /\n"
    spec = BuildSpec(text, bench.tag, added=(("a", b"1"),))
    result = bench.run(spec)
    with pytest.raises(ContainerFailed):
        go_in(bench.engine, FailedBuild(spec, result.state), me)
    assert debug_images(bench, me) == []


def test_a_shell_that_cannot_wait_is_told_and_removed(bench: Bench, me: Owner):
    broken = failed(bench, "RUN rm /bin/sleep && echo NONCE", "RUN exit 3")
    with pytest.raises(ContainerFailed) as caught:
        go_in(bench.engine, broken, me)
    assert "%layers" in caught.value.hint
    assert debug_images(bench, me) == []


def test_a_base_that_is_not_there_leaves_nothing_to_go_into(bench: Bench, me: Owner):
    spec = BuildSpec("FROM 127.0.0.1:1/no/such:image\nRUN true\n", bench.tag)
    result = bench.run(spec)
    with pytest.raises(UsageError):
        go_in(bench.engine, FailedBuild(spec, result.state), me)


@pytest.mark.parametrize("moment", range(12))
def test_an_interrupt_at_any_moment_leaves_a_container_to_use_or_none(
    bench: Bench, me: Owner, moment: int
):
    """An engine may finish a build that it was told to give up: its image goes with the session,
    which the fixture ``me`` looks at."""
    broken = failed(bench, "RUN echo NONCE > /before", "RUN exit 3")
    presser = Presser(0.03 * moment)
    with suppress(KeyboardInterrupt, ContainerMagicsError):
        try:
            presser.start()
            stopper = Stopper()
            with stop_button(stopper):
                go_in(bench.engine, broken, me, stopper=stopper)
        finally:
            presser.finish()
    running = verbs.containers(bench.engine, f"{SESSION}={me.session}")
    for one in running:
        assert inside(bench, one["Id"], "cat /before") == f"{bench.nonce}\n"
    end_s = time.monotonic() + LATE_S
    while not debug_images(bench, me) and time.monotonic() < end_s:
        time.sleep(0.1)
    assert len(running) <= len(debug_images(bench, me)) <= 1


def test_podman_is_refused_by_name(podman: Engine, base: str):
    bench = Bench(podman, base)
    broken = failed(bench, "RUN exit 3")
    with pytest.raises(NotSupported, match="needs Docker"):
        go_in(podman, broken, owner())
    bench.remove()

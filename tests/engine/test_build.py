"""Builds on a real engine: what comes out, what is said of a failure, and what is left behind."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest
from buildbench import BUILDKIT, CLASSIC, Bench, both
from faultproxy import Fault, through

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import (
    BuildEvent,
    BuildOutput,
    BuildRefused,
    BuildStarted,
    BuildStep,
    Built,
)
from container_magics.engine.client import Engine
from container_magics.engine.endpoint import Endpoint
from container_magics.errors import (
    DockerfileError,
    EngineLost,
    EngineRefused,
    UsageError,
)
from container_magics.session.build import build
from container_magics.view.model import Steps
from container_magics.view.present.build import build as present

PODMAN_S = 4
"""How long the step takes at which Podman is stopped: it ends it first."""


@both
def test_a_build_tells_its_story_and_leaves_an_image(bench: Bench, version: int):
    result = bench.run_lines("RUN echo NONCE; echo oops >&2", "ENV A=1", version=version)
    first, last = result.events[0], result.events[-1]
    assert first == BuildStarted("classic" if bench.podman or version == CLASSIC else "buildkit")
    assert isinstance(last, Built)
    assert (last.image_id, last.size_bytes) == (bench.image()["Id"], bench.image()["Size"])
    assert "A=1" in bench.image()["Config"]["Env"]
    streams = {one.stream: one.data for one in result.events if isinstance(one, BuildOutput)}
    if bench.podman:  # it has one stream for both, in no certain order
        assert sorted(result.printed.splitlines()) == sorted([bench.nonce, "oops"])
    else:
        assert streams == {"stdout": f"{bench.nonce}\n".encode(), "stderr": b"oops\n"}
    assert result.steps()["RUN echo " + bench.nonce + "; echo oops >&2"] == "done"
    assert bench.containers() == []


@both
def test_the_second_build_comes_from_the_cache_and_looks_the_same(bench: Bench, version: int):
    spec = bench.spec("COPY data /data", "RUN echo NONCE", added=(("data", b"1"),))
    one, two = bench.run(spec, version=version), bench.run(spec, version=version)
    assert one.steps()[f"RUN echo {bench.nonce}"] == "done"
    assert two.steps()[f"RUN echo {bench.nonce}"] == "cached"
    assert two.steps()["COPY data /data"] == "cached"
    assert two.printed == ""
    ids = {one.state.built and one.state.built.image_id for one in (one, two)}
    assert ids == {bench.image()["Id"]}
    assert present(one.state, stable=True) == present(two.state, stable=True)
    again = bench.run(
        bench.spec(*spec.dockerfile.splitlines()[2:], added=spec.added, no_cache=True),
        version=version,
    )
    assert again.steps()[f"RUN echo {bench.nonce}"] == "done"


@both
def test_a_failing_instruction_is_named_with_its_line_status_and_last_output(
    bench: Bench, version: int
):
    result = bench.run_lines(
        "RUN true", "", "# why", "RUN echo NONCE; \\", "  exit 7", "RUN never", version=version
    )
    error = result.error
    assert error is not None
    assert error.line == 6
    assert str(error) == (
        f"RUN echo {bench.nonce}; exit 7 (line 6 of the Dockerfile) ended with exit code 7."
    )
    assert error.facts[-1] == bench.nonce
    assert isinstance(result.events[-1], BuildRefused)
    assert result.steps()[f"RUN echo {bench.nonce}; exit 7"] == "failed"
    assert not bench.exists()
    assert bench.containers() == []


@both
def test_a_missing_command_is_explained(bench: Bench, version: int):
    error = bench.run_lines("RUN no-such-command", version=version).error
    assert error is not None
    assert "exit code 127" in str(error)
    assert "no such command in the image" in error.hint


@both
def test_a_copy_from_an_empty_context_says_how_to_fill_it(bench: Bench, version: int):
    error = bench.run_lines("COPY app.py /", version=version).error
    assert error is not None
    assert error.line == 3
    assert "COPY app.py /" in str(error)
    assert "--add" in error.hint
    assert "app.py" in error.facts[0]


@both
def test_an_unknown_base_image_is_named_with_its_line(bench: Bench, version: int):
    spec = BuildSpec("ARG X\nFROM 127.0.0.1:1/no/such:image\nRUN true\n", bench.tag)
    error = bench.run(spec, version=version).error
    assert error is not None
    assert error.line == 2
    assert "FROM 127.0.0.1:1/no/such:image (line 2" in str(error)
    assert "no registry gave it" in error.hint


@both
def test_a_pull_that_no_registry_serves_says_so(bench: Bench, version: int):
    bench.engine.api.tag(bench.base, "127.0.0.1:1/cm-test-build", bench.nonce)
    try:
        text = f"FROM 127.0.0.1:1/cm-test-build:{bench.nonce}\nLABEL cm-test-build={bench.nonce}\n"
        assert bench.run(BuildSpec(text, bench.tag), version=version).error is None
        error = bench.run(BuildSpec(text, bench.tag, pull=True), version=version).error
    finally:
        bench.engine.api.remove_image(f"127.0.0.1:1/cm-test-build:{bench.nonce}")
    assert error is not None
    assert "--pull" in error.hint


def test_a_syntax_line_that_no_registry_serves_is_to_be_removed(bench: Bench):
    spec = bench.spec("RUN true")
    text = "# escape=\\\n# syntax=127.0.0.1:1/no/frontend:1\n" + spec.dockerfile
    error = bench.run(BuildSpec(text, bench.tag)).error
    if bench.podman:  # it reads every Dockerfile itself, whatever that line says
        assert error is None
        return
    assert error is not None
    assert error.line == 2
    assert error.hint.startswith("Remove that line")


def silent_engine() -> Engine:
    """No engine at all: whatever is sent to it fails at once."""
    api = docker.APIClient(base_url="unix:///nonexistent/docker.sock", version="1.41")
    return Engine(Endpoint("unix:///nonexistent/docker.sock", "a test"), api)


@pytest.mark.parametrize(
    "spec",
    [
        BuildSpec("", "t"),
        BuildSpec("FROM a\nRUNN x\n", "t"),
        BuildSpec("FROM a\n", "t", target="none"),
        BuildSpec("FROM a\nRUN <<E\nls\nE\n", "t"),
        BuildSpec("FROM a\n", "t", context_dir="/no/such/folder"),
    ],
    ids=["empty", "unknown instruction", "unknown stage", "heredoc", "no folder"],
)
def test_nothing_is_sent_of_what_cannot_be_built(spec: BuildSpec):
    with closing(silent_engine()) as engine, pytest.raises(UsageError):
        list(build(engine, spec))


def test_the_engine_that_is_not_there_would_have_been_noticed():
    with closing(silent_engine()) as engine, pytest.raises(EngineLost):
        list(build(engine, BuildSpec("FROM a\n", "t")))


def test_cache_mounts_are_served(bench: Bench):
    count = "RUN --mount=type=cache,id=NONCE,target=/c echo a >> /c/f; wc -l < /c/f; true"
    printed = [bench.run_lines(f"{count} {again}").printed for again in (1, 2)]
    assert printed == ["1\n", "2\n"]


def test_the_classic_builder_is_refused_what_it_does_wrongly(bench: Bench):
    if bench.podman:
        pytest.skip("what Podman is refused is in test_build_podman.py")
    spec = bench.spec("RUN --mount=type=cache,target=/c echo NONCE")
    with pytest.raises(DockerfileError, match="BuildKit") as caught:
        bench.run(spec, version=CLASSIC)
    assert caught.value.line == 3
    assert bench.run(spec).error is None


def test_heredocs_are_built_or_refused_never_run_empty(bench: Bench, builder: Engine):
    spec = bench.spec("RUN <<EOF", "echo NONCE", "EOF")
    knows = tuple(map(int, builder.api.api_version.split("."))) >= (1, 42)
    if knows:
        assert bench.nonce in bench.run(spec).printed
    else:
        with pytest.raises(DockerfileError) as caught:
            bench.run(spec)
        assert caught.value.line == 3


@both
def test_what_the_engine_refuses_by_status_is_told_in_its_words(bench: Bench, version: int):
    spec = BuildSpec(f"FROM {bench.base}\n", "Not A Tag")
    with pytest.raises(EngineRefused) as caught:
        bench.run(spec, version=version)
    assert caught.value.status in (400, 500)
    # Podman says no word
    assert ("HTTP status 500" if bench.podman else "reference") in str(caught.value)


def test_a_bad_request_is_not_taken_for_an_engine_without_buildkit(bench: Bench, builder: Engine):
    def garbled(sent: bytes) -> bytes:
        return sent.replace(b"buildargs=%7B%22A", b"buildargs=%7B%7BA%22")

    spec = bench.spec("ARG A", build_args=(("A", "1"),))
    events: list[BuildEvent] = []
    with through(builder, garble=garbled) as (other, _):
        with pytest.raises(EngineRefused) as caught:
            events.extend(build(other, spec))
        assert caught.value.status == 400
        assert ("HTTP status 400" if bench.podman else "build args") in str(caught.value)
        assert events == ([BuildStarted("classic")] if bench.podman else [])


def seconds(time_s: float | None) -> float:
    assert time_s is not None
    return time_s


def test_stages_that_do_not_wait_for_each_other_run_at_once(bench: Bench):
    text = (
        f"FROM {bench.base} AS one\nRUN echo {bench.nonce} > /1; sleep 1.5\n"
        f"FROM {bench.base} AS two\nRUN echo {bench.nonce} > /2; sleep 1.5\n"
        f"FROM {bench.base}\nLABEL cm-test-build={bench.nonce}\n"
        "COPY --from=one /1 /1\nCOPY --from=two /2 /2\nRUN cat /1 /2\n"
    )
    result = bench.run(BuildSpec(text, bench.tag))
    assert result.error is None
    assert result.printed == f"{bench.nonce}\n" * 2
    one, two = (
        record.step
        for record in result.state.steps
        if record.instruction
        and record.instruction.keyword == "RUN"
        and "sleep" in record.step.name
    )
    at_once = max(seconds(one.started_s), seconds(two.started_s)) < min(
        seconds(one.completed_s), seconds(two.completed_s)
    )
    assert at_once is not bench.podman  # it takes one stage after the other
    views = present(result.state, stable=False).views
    shown = next(view for view in views if isinstance(view, Steps))
    steps = [(step.group, step.name.split()[0]) for step in shown.steps]
    if bench.podman:  # a step for each instruction
        assert ("two", "FROM") in steps
        assert ("stage-2", "LABEL") in steps
        steps = [one for one in steps if one[1] not in ("FROM", "LABEL")]
    else:
        assert steps.pop(0) == ("one", "FROM")
    assert steps == [
        ("one", "RUN"), ("two", "RUN"),
        ("stage-2", "COPY"), ("stage-2", "COPY"), ("stage-2", "RUN"),
    ]  # fmt: skip
    again = bench.run(BuildSpec(text, bench.tag))
    # FROM is left out: BuildKit does not always say that a base image was there
    assert {how for name, how in again.steps().items() if "FROM" not in name} == {"cached"}
    assert present(again.state, stable=True) == present(result.state, stable=True)


def test_a_failure_in_one_of_several_stages_is_told_with_its_stage(bench: Bench):
    slow = f"RUN echo {bench.nonce}; sleep {1 if bench.podman else 20}"
    text = (
        f"FROM {bench.base} AS slow\n{slow}\n"
        f"FROM {bench.base} AS bad\nRUN echo {bench.nonce} x; sleep 0.5; exit 3\n"
        f"FROM {bench.base}\nCOPY --from=slow /etc/hostname /1\nCOPY --from=bad /etc/hostname /2\n"
    )
    started = time.monotonic()
    result = bench.run(BuildSpec(text, bench.tag))
    assert time.monotonic() - started < 10
    assert result.error is not None
    assert result.error.line == 4
    assert "stage bad) ended with exit code 3" in str(result.error)
    # Podman takes one stage after the other
    assert result.steps()[slow] == ("done" if bench.podman else "cancelled")


def test_target_stops_at_the_stage(bench: Bench):
    lines = ("WORKDIR /one", f"FROM {bench.base} AS two", "RUN exit 1")
    text = bench.spec(*lines).dockerfile.replace("\n", " AS one\n", 1)
    assert bench.run(BuildSpec(text, bench.tag, target="One")).error is None
    assert bench.image()["Config"]["WorkingDir"] == "/one"


@both
def test_added_data_labels_and_build_arguments_reach_the_image(bench: Bench, version: int):
    result = bench.run_lines(
        "ARG WHO=nobody", "COPY a/b.txt /x/", "RUN cat /x/b.txt; echo $WHO NONCE",
        added=(("a/b.txt", b"\xc3\xa4 data\n"),), build_args=(("WHO", "me"),),
        labels=(("cm-own", "v"),), version=version,
    )  # fmt: skip
    assert result.printed == f"ä data\nme {bench.nonce}\n"
    assert bench.image()["Config"]["Labels"]["cm-own"] == "v"


@both
def test_the_context_is_the_folder_without_what_it_ignores(
    bench: Bench, version: int, tmp_path: Path
):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/kept.sh").write_text("#!/bin/sh\necho kept\n")
    (tmp_path / "sub/kept.sh").chmod(0o755)
    (tmp_path / "secret.key").write_text("secret")
    (tmp_path / "replaced").write_text("from the folder")
    (tmp_path / "link").symlink_to("sub/kept.sh")
    (tmp_path / "Dockerfile").write_text("RUN this is another one\n")
    (tmp_path / ".dockerignore").write_text("# not these\n*.key\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        result = bench.run_lines(
            "COPY . /c",
            "RUN cd /c; find sub link *.key socket 2>/dev/null; cat replaced; ./link; echo NONCE",
            context_dir=str(tmp_path), added=(("replaced", b"by the cell\n"),), version=version,
        )  # fmt: skip
    assert result.error is None
    assert result.printed == f"sub\nsub/kept.sh\nlink\nby the cell\nkept\n{bench.nonce}\n"


@both
def test_each_name_of_a_file_is_packed(bench: Bench, version: int, tmp_path: Path):
    (tmp_path / "first").write_text("the same\n")
    (tmp_path / "second").hardlink_to(tmp_path / "first")
    result = bench.run_lines(
        "COPY second /", "RUN cat /second; echo NONCE", context_dir=str(tmp_path), version=version
    )
    assert result.error is None
    assert result.printed == f"the same\n{bench.nonce}\n"


@both
def test_no_file_of_the_folder_takes_the_cells_place(bench: Bench, version: int, tmp_path: Path):
    for name in ("Dockerfile", ".container-magics.Dockerfile"):
        (tmp_path / name).write_text("RUN this is another one\n")
    result = bench.run_lines(
        "COPY . /c", "RUN cat /c/.container-magics.Dockerfile; echo NONCE",
        context_dir=str(tmp_path), version=version,
    )  # fmt: skip
    assert result.error is None
    assert result.printed == f"RUN this is another one\n{bench.nonce}\n"


def test_a_file_that_is_not_in_the_folder_is_looked_for_at_its_top(bench: Bench, tmp_path: Path):
    error = bench.run_lines("COPY no /", context_dir=str(tmp_path)).error
    assert error is not None
    assert "top of the build context" in error.hint


def test_output_of_any_bytes_is_shown_as_text(bench: Bench):
    result = bench.run_lines(
        r"RUN printf '\033[31m<b>\377\000\033]0;title\007\n1%%\r100%%\n'; echo NONCE; exit 1"
    )
    assert result.error is not None
    assert result.error.facts[-3:] == ("<b>\ufffd", "100%", bench.nonce)


def in_use(engine: Engine, nonce: str) -> bool:
    """Whether BuildKit still works at something with the nonce in its description; of Podman,
    which does not say, whether a process has it in its words."""
    if engine.facts().name == "Podman":
        found = psutil.process_iter(["cmdline"])
        return any(nonce in word for one in found for word in one.info["cmdline"] or ())
    while True:
        try:
            cache = engine.api.df()["BuildCache"]
            break
        except docker.errors.APIError:  # it counts for one client at a time
            time.sleep(0.05)
    return any(one["InUse"] and nonce in one["Description"] for one in cache)


def becomes(wanted: bool, now: Callable[[], bool], limit_s: float) -> bool:
    end_s = time.monotonic() + limit_s
    while now() is not wanted and time.monotonic() < end_s:
        time.sleep(0.1)
    return now() is wanted


def endless(bench: Bench) -> BuildSpec:
    """A step to be stopped, and another. Podman stops only before the second (seen of 4.3), so the
    first is short there."""
    return bench.spec(f"RUN echo NONCE; sleep {PODMAN_S if bench.podman else 300}",
        "RUN echo NONCE; sleep 300")  # fmt: skip


def limit_s(bench: Bench) -> float:
    """How soon a stopped build has to be over, on a machine that is busy."""
    return 60 + (PODMAN_S if bench.podman else 0)


def play(events: Any) -> None:
    """As a cell does: to the end, and closed whatever happens."""
    with closing(events):
        for _ in events:
            pass


@both
def test_an_interrupt_cancels_the_build_on_the_engine(bench: Bench, builder: Engine, version: int):
    def works() -> bool:
        return bool(bench.containers()) if version == CLASSIC else in_use(builder, bench.nonce)

    def runs() -> bool:
        # Engine 20.10's classic builder forgets a container that it has made and not started
        return bool(bench.containers(running=True)) if version == CLASSIC else works()

    def press_stop() -> None:
        seen.append(becomes(True, runs, 60))
        os.kill(os.getpid(), signal.SIGINT)

    seen: list[bool] = []
    stopper = threading.Thread(target=press_stop)
    spec = endless(bench)
    stopper.start()
    with pytest.raises(KeyboardInterrupt):
        play(build(builder, spec, version=version))  # type: ignore[arg-type]
    stopper.join()
    assert seen == [True]
    assert becomes(False, works, limit_s(bench))
    assert not bench.exists()
    left = [builder.api.inspect_image(one) for one in bench.ours()]
    if version == BUILDKIT and not bench.podman:
        assert left == []
    else:  # whose cache is images: those of the steps that had ended, without a name
        assert left
        assert not any(one["RepoTags"] for one in left)


def test_closing_the_story_cancels_the_build_on_the_engine(bench: Bench, builder: Engine):
    spec = endless(bench)
    with closing(build(builder, spec)) as events:
        next(event for event in events if isinstance(event, BuildOutput))
        assert in_use(builder, bench.nonce)
    assert becomes(False, lambda: in_use(builder, bench.nonce), limit_s(bench))


@both
def test_an_engine_that_goes_away_is_an_error_and_no_end(
    bench: Bench, builder: Engine, version: int
):
    # the classic builder is cut while the program runs: Engine 20.10's forgets a container that
    # it has made and not started
    by_trace = version == BUILDKIT and not bench.podman
    marker = b"moby.buildkit.trace" if by_trace else b"RUNNING"
    spec = bench.spec("RUN echo running | tr a-z A-Z; sleep 5; echo NONCE")
    with (
        through(builder, Fault("cut", marker=marker)) as (broken, _),
        pytest.raises(EngineLost) as caught,
    ):
        play(build(broken, spec, version=version))
    assert caught.value.hint
    assert becomes(
        False, lambda: bool(in_use(builder, bench.nonce) or bench.containers()), limit_s(bench)
    )


def test_every_step_of_a_real_trace_finds_its_instruction(bench: Bench):
    result = bench.run_lines(
        "WORKDIR /w", "ENV A=1", "RUN echo NONCE", "USER 1", "COPY x /", "RUN true",
        added=(("x", b""),),
    )  # fmt: skip
    found = [
        (record.step.name.split("] ")[1].split()[0], record.instruction.lines[0])
        for record in result.state.steps
        if record.instruction and not record.step.name.startswith("[internal]")
    ]
    expected = [("FROM", 1), ("WORKDIR", 3), ("RUN", 5), ("COPY", 7), ("RUN", 8)]
    if bench.podman:  # a step for each instruction
        expected = sorted(
            [*expected, ("LABEL", 2), ("ENV", 4), ("USER", 6)], key=lambda one: one[1]
        )
    assert sorted(found, key=lambda one: one[1]) == expected
    steps = [one for one in result.events if isinstance(one, BuildStep)]
    known = {one.digest for one in steps}
    assert all(digest in known for one in steps for digest in one.inputs)


def test_ten_megabytes_of_comments_are_built(bench: Bench):
    comments = f"# {'x' * 70}\n" * (10_000_000 // 73)
    text = f"FROM scratch\n{comments}LABEL cm-test-build={bench.nonce}\n"
    result = bench.run(BuildSpec(text, bench.tag))
    assert result.error is None
    assert bench.exists()


def test_ten_megabytes_of_instructions_are_refused_before_anything_is_sent(bench: Bench):
    runs = f"RUN echo {'x' * 62}\n" * (10_000_000 // 72)
    began_s = time.monotonic()
    with pytest.raises(DockerfileError, match="Line 5001: the Dockerfile has 138889 ") as caught:
        list(build(bench.engine, BuildSpec(f"FROM scratch\n{runs}", bench.tag)))
    assert "More than 5000 are not built" in caught.value.hint
    assert time.monotonic() - began_s < 20

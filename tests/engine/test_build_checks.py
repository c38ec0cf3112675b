"""What is said of a Dockerfile before its build starts, and of what an engine says of it later."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import docker
import pytest

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import BuildChecked, BuildEvent, BuildStarted, BuildWarning, Built
from container_magics.engine.build import build as send
from container_magics.engine.build import reads_heredocs
from container_magics.engine.client import Engine
from container_magics.engine.endpoint import Endpoint
from container_magics.errors import BuildFailed, DockerfileError, EngineLost
from container_magics.session.build import build

EMPTY_LINE = "FROM scratch\nLABEL a=1 \\\n\n  b=2\n"
Play = Callable[..., list[BuildEvent]]


@pytest.fixture
def play(docker_builder: Engine) -> Iterator[Play]:
    """Builds a text to its end; the images go with the test."""
    tags: list[str] = []

    def run(text: str, tag: str = "") -> list[BuildEvent]:
        tags.append(tag or f"cm-test-checks-{uuid.uuid4().hex}:1")
        return list(build(docker_builder, BuildSpec(text, tags[-1])))

    yield run
    for tag in tags:
        with suppress(docker.errors.ImageNotFound):
            docker_builder.api.remove_image(tag, force=True)


def found(events: list[BuildEvent]) -> list[tuple[str, int | None]]:
    first = events[0]
    assert isinstance(first, BuildChecked)
    return [(one.rule, one.line) for one in first.warnings]


def test_checks_are_told_before_the_build_starts_and_the_image_is_made(play: Play):
    events = play("FROM scratch AS One\nMAINTAINER me\nCMD run\n")
    assert found(events) == [
        ("StageNameCasing", 1), ("MaintainerDeprecated", 2), ("JSONArgsRecommended", 3),
    ]  # fmt: skip
    assert isinstance(events[1], BuildStarted)
    assert isinstance(events[-1], Built)


def test_a_dockerfile_in_order_is_built_without_a_word(play: Play):
    events = play('FROM scratch\nENV A=1\nCMD ["run"]\n')
    assert isinstance(events[0], BuildStarted)


def test_what_the_checks_said_is_not_said_again_from_the_trace(play: Play):
    events = play(EMPTY_LINE)
    assert found(events) == [("NoEmptyContinuation", 3)]
    assert not [one for one in events if isinstance(one, BuildWarning)]
    skipped = play("# check=skip=NoEmptyContinuation\n" + EMPTY_LINE)
    assert not [one for one in skipped if isinstance(one, BuildChecked | BuildWarning)]


def test_the_builders_own_warning_comes_with_its_line_and_its_details(docker_builder: Engine):
    if not reads_heredocs(docker_builder):
        pytest.skip("the BuildKit of this engine gives no warnings")
    *events, built = send(docker_builder, BuildSpec(EMPTY_LINE, ""))
    assert isinstance(built, Built)
    with suppress(docker.errors.ImageNotFound):  # containerd's store keeps none without a name
        docker_builder.api.remove_image(built.image_id)
    warnings = [one for one in events if isinstance(one, BuildWarning)]
    assert [one.line for one in warnings] == [4]
    assert any("Empty continuation lines" in detail for detail in warnings[0].detail)


def test_the_variables_of_a_base_image_are_known(play: Play):
    base = f"cm-test-checks-{uuid.uuid4().hex}:base"
    play("FROM scratch\nENV APP_HOME=/srv\n", base)
    events = play(f"FROM {base}\nWORKDIR $APP_HOME\nENV A=$APP_HOEM\n")
    assert found(events) == [("UndefinedVar", 3)]
    assert isinstance(events[0], BuildChecked)
    assert events[0].warnings[0].hint == "Did you mean $APP_HOME?"


def test_a_copy_from_an_image_that_is_nowhere_is_blamed_and_not_the_base(play: Play, base: str):
    image = "127.0.0.1:1/no/such:image"
    with pytest.raises(BuildFailed) as caught:
        play(f"FROM {base} AS made\nFROM {base}\nCOPY --from={image} /a /\n")
    assert caught.value.line == 3
    assert "There is no stage" in caught.value.hint


def build_nowhere(spec: BuildSpec) -> None:
    """With an engine that whatever is sent to would show not to be there."""
    api = docker.APIClient(base_url="unix:///nonexistent/docker.sock", version="1.41")
    nowhere = Endpoint("unix:///nonexistent/docker.sock", "a test")
    with closing(Engine(nowhere, api)) as silent:
        list(build(silent, spec))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# check=error=true\nFROM scratch\nMAINTAINER me\n", 3),
        ("# check=sikp=all\nFROM scratch\n", 1),
        ("FROM scratch AS a\nCOPY --from=b x /\nFROM scratch AS b\nCOPY --from=a x /\n", 2),
        ("FROM scratch AS a\nCOPY --from=a x /\n", 2),
        ("FROM scratch\nCOPY --from=1 x /\n", 2),
        ("ARG A=1\n", 1),
        ("FROM scratch\nRUN echo \0\n", 2),
        ("FROM scratch\nRUN echo \udc80\n", 2),
        ("FROM scratch\nRUN " + "x" * 70_000 + "\n", 2),
    ],
    ids=["error", "option", "cycle", "itself", "number", "no FROM", "NUL", "half", "long"],
)
def test_nothing_is_sent_of_what_is_refused(text: str, line: int):
    with pytest.raises(DockerfileError) as caught:
        build_nowhere(BuildSpec(text, "t"))
    assert caught.value.line == line
    assert caught.value.hint


def test_the_target_and_the_arguments_decide_what_can_be_built():
    text = "ARG BASE\nFROM $BASE AS one\nFROM scratch AS two\nENV A='open\n"
    argument = (("BASE", "scratch"),)
    for spec in (BuildSpec(text, "t"), BuildSpec(text, "t", build_args=argument)):
        with pytest.raises(DockerfileError):
            build_nowhere(spec)
    with pytest.raises(EngineLost):
        build_nowhere(BuildSpec(text, "t", build_args=argument, target="one"))

"""What is built to go into a failed build, and what it is called."""

from __future__ import annotations

import pytest

from container_magics.core.buildplan import FailedBuild, debug_name, plan
from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import BuildState
from container_magics.core.dockerfile import parse
from container_magics.core.events import BuildRefused, BuildStep
from container_magics.errors import UsageError
from container_magics.view.present.debug import debug

TEXT = """# escape=\\
ARG TOP=1
FROM base AS one
ARG A=2
ARG B="3" C=$A D
RUN make one
FROM base AS two
ARG Z=9
RUN --mount=type=cache,target=/c make two
"""


def failed(text: str, step: str, **asked: object) -> FailedBuild:
    state = BuildState("course/demo:1", parse(text))
    for event in (BuildStep("x", step, (), False, 1, 2, "exit code: 1"), BuildRefused("code: 1")):
        state = state.apply(event)
    return FailedBuild(BuildSpec(text, "course/demo:1", **asked), state)  # type: ignore[arg-type]


def test_the_dockerfile_ends_just_before_the_failure():
    found = plan(failed(TEXT, "[one 2/2] RUN make one", build_args=(("D", "4"), ("Z", "5"))))
    assert found.dockerfile == "\n".join(TEXT.split("\n")[:5]) + "\n"
    assert (found.stage, found.name) == ("one", "course-demo-debug")
    assert found.environment == (("A", "2"), ("B", "3"), ("D", "4"))
    assert found.mounted == ()


def test_arguments_are_those_of_the_stage_and_mounts_are_said_to_be_missing():
    found = plan(failed(TEXT, "[two 2/2] RUN --mount=type=cache,target=/c make two"))
    assert found.environment == (("Z", "9"),)
    note = debug(found)
    assert note.text == "course-demo-debug runs as line 9 of the Dockerfile in stage two found it."
    assert "`%%container --in course-demo-debug`" in note.hint
    assert note.facts[0] == "   9 │ RUN --mount=type=cache,target=/c make two"
    assert "not here, for only a build mounts it: /c" in note.facts


def test_a_value_of_a_build_argument_is_not_shown():
    note = debug(plan(failed(TEXT, "[one 2/2] RUN make one", build_args=(("D", "hunter2"),))))
    assert "hunter2" not in repr(note)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("FROM base\nRUN x\n", "[1/2] FROM registry.example/library/base:latest"),
        ("FROM base\nRUN x\n", "[internal] load build context"),
        ("FROM scratch\nENV A=1\nCOPY x /\n", "[1/1] COPY x /"),
    ],
)
def test_there_is_nothing_to_go_into_before_the_first_layer(text: str, step: str):
    with pytest.raises(UsageError):
        plan(failed(text, step))


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("demo:1", "demo-debug"),
        ("course-01/greeter:2", "course-01-greeter-debug"),
        ("127.0.0.1:5000/a/b:x", "127.0.0.1-5000-a-b-debug"),
    ],
)
def test_a_container_is_called_after_the_image(tag: str, name: str):
    assert debug_name(tag) == name

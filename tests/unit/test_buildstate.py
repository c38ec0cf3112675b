"""Events folded into a state, and the state shown and explained."""

from __future__ import annotations

import pytest

from container_magics.core.buildfailure import explain
from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import TAIL_BYTES, BuildState
from container_magics.core.buildsteps import StepName, instruction_of
from container_magics.core.classicstream import ClassicStream
from container_magics.core.dockerfile import parse
from container_magics.core.events import (
    BuildEvent,
    BuildOutput,
    BuildProgress,
    BuildRefused,
    BuildStarted,
    BuildStep,
    BuildWarning,
    Built,
)
from container_magics.core.podmanstream import PodmanStream
from container_magics.view.model import Group, Note, Step, Steps
from container_magics.view.present.build import build as present

TEXT = """FROM base AS one
ENV A=1
WORKDIR /w
RUN make
FROM base
COPY --from=one /w /w
RUN test
"""
STEPS = (
    BuildStep(
        "i", "[internal] load metadata for registry.example/library/base:latest", (), False, 1, 2
    ),
    BuildStep("f", "[stage-1 1/3] FROM registry.example/library/base:latest", (), True, 2, 2),
    BuildStep("r2", "[stage-1 3/3] RUN test", ("c",)),
    BuildStep("c", "[stage-1 2/3] COPY --from=one /w /w", ("f", "r")),
    BuildStep("w", "[one 2/3] WORKDIR /w", ("f",), True, 2, 2),
    BuildStep("r", "[one 3/3] RUN make", ("w",), False, 2.0, None),
)


def folded(*events: BuildEvent, text: str = TEXT) -> BuildState:
    state = BuildState("demo:latest", parse(text))
    for event in events:
        state = state.apply(event)
    return state


def steps(state: BuildState, *, stable: bool = False, now_s: float | None = None) -> list[Step]:
    view = present(state, stable=stable, now_s=now_s)
    assert isinstance(view, Group)
    return [step for one in view.views if isinstance(one, Steps) for step in one.steps]


def test_applying_an_event_leaves_the_state_before_as_it_was():
    before = folded(*STEPS)
    after = before.apply(BuildOutput("r", "stdout", b"x"))
    assert before.records["r"].tail == b""
    assert after.records["r"].tail == b"x"


def test_steps_are_shown_as_the_dockerfile_has_them_with_how_they_stand():
    shown = steps(folded(*STEPS, BuildOutput("r", "stderr", b"1\n2\rtwo\n")), now_s=5.5)
    assert [(one.name, one.state, one.time, one.group) for one in shown] == [
        ("FROM base AS one", "cached", "", "one"),
        ("WORKDIR /w", "cached", "", "one"),
        ("RUN make", "running", "3.5 s", "one"),
        ("COPY --from=one /w /w", "waiting", "", "stage-1"),
        ("RUN test", "waiting", "", "stage-1"),
    ]
    assert shown[2].lines == ("1", "two")


def test_what_runs_inside_the_builder_is_shown_while_it_does():
    export = BuildStep("e", "exporting to image", (), False, 9.0, None)
    ended = BuildStep("e", "exporting to image", (), False, 9.0, 9.5)
    part = BuildProgress("e", "sha256:1", 1_000_000, 2_000_000)
    running = steps(folded(*STEPS, export, part))
    assert (running[-1].name, running[-1].lines) == (
        "exporting to image",
        ("sha256:1: 1 MB of 2 MB",),
    )
    assert "exporting to image" not in [one.name for one in steps(folded(*STEPS, export, ended))]


def test_stable_says_nothing_that_differs_between_two_runs():
    first = [BuildStep("w", "[2/3] WORKDIR /w", (), False, 1, 3), Built("sha256:1", 10)]
    second = [BuildStep("x", "[2/3] WORKDIR /w", (), True, 8, 8), Built("sha256:2", 11)]
    one, two = (present(folded(*run), stable=True) for run in (first, second))
    assert one == two
    assert present(folded(*first), stable=False) != present(folded(*second), stable=False)


def test_the_result_says_what_was_built_and_what_it_cost():
    events = (*STEPS[:2], BuildStep("w", "[one 2/3] WORKDIR /w", (), False, 2, 4.5))
    view = present(folded(*events, Built("sha256:12", 12_800_000)), stable=False)
    assert isinstance(view, Group)
    assert view.views[-1] == Note(
        "Built demo:latest in 3.5 s.",
        level="ok",
        facts=("image ID sha256:12", "size 12.8 MB", "1 of 2 steps from the cache"),
    )


def test_a_step_that_nobody_waited_for_came_from_the_cache():
    state = folded(BuildStep("w", "[one 2/3] WORKDIR /w"), Built("sha256:1"))
    assert [one.state for one in steps(state)] == ["cached"]
    assert [one.state for one in steps(state, stable=True)] == ["done"]


def test_the_classic_builder_and_warnings_are_said_aloud():
    warning = BuildWarning("f", "old \x1b[1mform", "https://example.org")
    view = present(folded(BuildStarted("classic"), STEPS[1], warning), stable=True)
    assert isinstance(view, Group)
    notes = [(one.level, one.text) for one in view.views if isinstance(one, Note)]
    assert notes[0][0] == "warning"
    assert "no BuildKit" in notes[0][1]
    assert notes[1] == ("warning", "old form")


def test_only_the_end_of_a_long_output_is_kept():
    state = folded(STEPS[5])
    for number in range(10_000):
        state = state.apply(BuildOutput("r", "stdout", b"%06d\n" % number))
    assert len(state.records["r"].tail) == TAIL_BYTES
    assert state.records["r"].last_lines(2) == ("009998", "009999")


def test_the_step_to_blame_is_the_one_whose_error_ends_the_build():
    cancelled = BuildStep("r", "[one 3/3] RUN make", (), False, 1, 2, "context canceled")
    failed = BuildStep("r2", "[stage-1 3/3] RUN test", (), False, 1, 3, "ran: exit code: 3")
    state = folded(*STEPS, cancelled, failed, BuildRefused("solving: ran: exit code: 3"))
    assert state.failed is not None
    assert state.failed.step.digest == "r2"
    assert state.exit_status == 3
    assert {one.name: one.state for one in steps(state)} == {
        "FROM base AS one": "cached", "WORKDIR /w": "cached", "RUN make": "cancelled",
        "COPY --from=one /w /w": "cancelled", "RUN test": "failed",
    }  # fmt: skip


def test_a_failure_quotes_the_instruction_on_one_short_line():
    text = "FROM base\nRUN " + "echo a long line && \\\n  " * 10 + "false\n"
    failed = BuildStep("r", "[2/2] RUN ...", (), False, 1, 2, "exit code: 137")
    state = folded(failed, BuildRefused("exit code: 137"), text=text)
    error = explain(state, BuildSpec(text, "demo:latest"))
    assert error.line == 2
    assert "… (line 2 of the Dockerfile) ended with exit code 137." in str(error)
    assert len(str(error)) < 200
    assert "memory" in error.hint


def test_a_refusal_with_no_step_to_blame_gives_the_builders_words():
    error = explain(folded(BuildRefused("one\ntwo")), BuildSpec(TEXT, "demo:latest"))
    assert (error.line, error.facts) == (None, ("one", "two"))


@pytest.mark.parametrize("step_name", ["[internal] load metadata for", "FROM"])
@pytest.mark.parametrize(
    ("source", "says"),
    [("biuld", "Did you mean build?"), ("host:1/other/image", "no registry gave an image")],
)
def test_a_copy_from_no_stage_is_told_apart_from_its_base(source: str, says: str, step_name: str):
    text = f"FROM base AS build\nFROM base\nCOPY --from={source} /a /\n"
    step = BuildStep("m", f"{step_name} {source}:latest", (), False, 1, 2, "none")
    error = explain(folded(step, BuildRefused("none"), text=text), BuildSpec(text, "demo:latest"))
    assert error.line == 3
    assert says in error.hint


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("[ 2/12] RUN a", StepName("", 2, 12, "RUN a")),
        ("[linux/amd64 2/3] RUN a", StepName("", 2, 3, "RUN a")),
        ("[linux/amd64 one 2/3] RUN a", StepName("one", 2, 3, "RUN a")),
        ("[stage-1  2/12] RUN a\nb", StepName("stage-1", 2, 12, "RUN a\nb")),
        ("[internal] load build context", None),
        ("exporting to image", None),
    ],
)
def test_a_steps_name_is_taken_apart(name: str, expected: StepName | None):
    assert StepName.parse(name) == expected


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("[one 1/3] FROM registry.example/library/base:latest", 1),
        ("[stage-1 1/3] FROM registry.example/library/base:latest", 1),
        ("[one 3/3] RUN make", 4),
        ("[one 2/5] COPY . /from-a-trigger", 1),
        ("[one 5/5] RUN make", 4),
        ("[stage-1 3/3] RUN test", 7),
        ("[internal] load metadata for registry.example/library/base:latest", 1),
        ("[other 1/3] FROM x", None),
        ("[stage-1 9/3] RUN odd", None),
        ("[stage-1 2/3] RUN odd", None),
        ("[7/9] RUN test", 7),
        ("[another 4/9] FROM registry.example/library/base:latest@sha256:0", 1),
    ],
)
def test_a_step_finds_its_instruction(name: str, line: int | None):
    found = instruction_of(parse(TEXT), name)
    assert (found.lines[0] if found else None) == line


def test_scratch_and_earlier_stages_are_no_steps():
    text = "FROM scratch AS a\nCOPY x /\nFROM a\nCOPY y /\n"
    found = [instruction_of(parse(text), f"[{stage} 1/1] COPY") for stage in ("a", "stage-1")]
    assert [one.lines[0] for one in found if one] == [2, 4]


def classic(*texts: str, end: bool = True) -> list[BuildEvent]:
    stream = ClassicStream()
    events = [event for text in texts for event in stream.read({"stream": text}, 1.0)]
    return events + (list(stream.end(2.0)) if end else [])


def test_a_program_that_prints_like_the_classic_builder_begins_no_step():
    events = classic("Step 1/2 : FROM a", "\n", "Step 9/2 : RUN evil", "Step 2/3 : RUN evil")
    assert [one.name for one in events if isinstance(one, BuildStep)] == ["[1/2] FROM a"]
    assert len([one for one in events if isinstance(one, BuildOutput)]) == 2


def test_a_classic_stream_that_is_cut_builds_nothing():
    stream = ClassicStream()
    messages = [{"stream": "Step 1/2 : FROM a"}, {"aux": {"ID": "sha256:1"}}]
    for message in messages:
        list(stream.read(message, 1.0))
    assert list(stream.end(2.0)) == []


def podman(*texts: str) -> list[BuildEvent]:
    stream = PodmanStream()
    events = [event for text in texts for event in stream.read({"stream": text}, 1.0)]
    events += stream.read({"aux": {"ID": "sha256:1"}}, 1.0)
    return events + list(stream.end(2.0))


def test_podmans_stages_count_each_by_itself_and_find_their_instructions():
    events = podman(
        "[1/2] STEP 1/2: FROM base AS one\n", "[1/2] STEP 2/2: ENV A=1\n",
        "--> Using cache " + "a" * 64 + "\n", "--> aaaaaaaaaaa\n",
        "[2/2] STEP 1/4: FROM base\n", "[2/2] STEP 2/5: RUN triggered\n", "out\n",
        "[2/2] STEP 3/5: COPY --from=one /w  /w\n", "[2/2] STEP 4/5: run test\n",
        "[2/2] STEP 5/5: LABEL \"a\"=\"b\"\n",
        "[2/2] COMMIT registry.example/library/t:1\n", "--> bbbbbbbbbbb\n", "b" * 64 + "\n",
    )  # fmt: skip
    state = folded(BuildStarted("classic"), *events)
    found = [record.instruction and record.instruction.lines[0] for record in state.steps]
    assert found == [1, 2, 5, None, 6, 7, None]
    assert [record.step.cached for record in state.steps] == [False, True] + [False] * 5
    assert [one.data for one in events if isinstance(one, BuildOutput)] == [b"out\n"]
    assert state.built == Built("sha256:1")


def test_a_podman_stream_without_its_commit_builds_nothing():
    assert not [one for one in podman("STEP 1/1: FROM a\n") if isinstance(one, Built)]


def test_classic_pulls_are_progress_of_their_step():
    stream = ClassicStream()
    list(stream.read({"stream": "Step 1/1 : FROM a"}, 1.0))
    message = {"status": "Downloading", "id": "abc", "progressDetail": {"current": 1, "total": 4}}
    assert list(stream.read(message, 1.0)) == [BuildProgress("step:1", "abc Downloading", 1, 4)]

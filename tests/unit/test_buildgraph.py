"""The graph of a build: what waits for what, the longest chain, where each step lies in time."""

from __future__ import annotations

import pytest

from container_magics.core import buildgraph
from container_magics.core.buildstate import BuildState
from container_magics.core.dockerfile import parse
from container_magics.core.events import BuildEvent, BuildOutput, BuildStep, Built, BuiltLayer
from container_magics.core.facts import HistoryLine
from container_magics.core.history import as_written, built_layers
from container_magics.view.model import Group, Note, Stack, Step, Steps
from container_magics.view.present.build import build as present

TEXT = """FROM base AS one
RUN make one
FROM base AS two
RUN make two
FROM base
COPY --from=one /1 /1
COPY --from=two /2 /2
RUN test
"""
CONTEXT = BuildStep("x", "[internal] load build context", (), False, 0.0, 0.2)
BASE = BuildStep("f", "[stage-2 1/4] FROM registry.example/library/base:latest", (), True, 0.2, 0.2)
ONE = BuildStep("1", "[one 2/2] RUN make one", ("f",), False, 0.5, 2.5)
TWO = BuildStep("2", "[two 2/2] RUN make two", ("f",), False, 0.5, 5.5)
COPY_ONE = BuildStep("c1", "[stage-2 2/4] COPY --from=one /1 /1", ("f", "1"), False, 2.5, 2.75)
COPY_TWO = BuildStep("c2", "[stage-2 3/4] COPY --from=two /2 /2", ("c1", "2"), False, 5.5, 6.0)
TEST = BuildStep("t", "[stage-2 4/4] RUN test", ("c2",), False, 6.0, 10.0)
ALL = (CONTEXT, BASE, ONE, TWO, COPY_ONE, COPY_TWO, TEST)


def folded(*events: BuildEvent, text: str = TEXT) -> BuildState:
    state = BuildState("demo:latest", parse(text))
    for event in events:
        state = state.apply(event)
    return state


def shown(state: BuildState, *, stable: bool = False, now_s: float | None = None) -> list[Step]:
    view = present(state, stable=stable, now_s=now_s)
    assert isinstance(view, Group)
    return [step for one in view.views if isinstance(one, Steps) for step in one.steps]


def lines(state: BuildState, digest: str) -> list[int]:
    found = buildgraph.waits(state.records, digest)
    return [one.instruction.lines[0] for one in found if one.instruction]


def test_a_step_waits_for_the_instructions_behind_its_inputs():
    state = folded(*ALL)
    assert lines(state, "c2") == [6, 4]
    assert lines(state, "f") == []


def test_the_builders_own_steps_are_looked_through():
    inner = BuildStep("m", "merge (a, b)", ("1", "2"))
    after = BuildStep("c1", COPY_ONE.name, ("m", "never named"))
    assert lines(folded(ONE, TWO, inner, after), "c1") == [2, 4]


def test_the_critical_path_is_the_chain_of_most_seconds():
    chain = buildgraph.critical_path(folded(*ALL).records)
    assert chain.digests == ("2", "c2", "t")
    assert chain.seconds == pytest.approx(5.0 + 0.5 + 4.0)


def test_what_came_from_the_cache_is_on_no_critical_path():
    cached = BuildStep("2", TWO.name, ("f",), True, 0.5, 5.5)
    assert buildgraph.critical_path(folded(cached).records) == buildgraph.Chain()


def test_a_circle_is_no_reason_to_hang():
    a, b = BuildStep("a", "a", ("b",), False, 0, 1), BuildStep("b", "b", ("a",), False, 0, 1)
    state = folded(a, b, ONE)
    assert buildgraph.critical_path(state.records).digests == ("1",)
    assert lines(state, "a") == []


def test_the_longest_chain_of_a_deep_build_is_found_without_recursion():
    steps = [BuildStep(str(n), "x", (str(n - 1),), False, n, n + 1) for n in range(3000)]
    assert buildgraph.critical_path(folded(*steps).records).seconds == 3000


def test_steps_are_placed_in_the_whole_builds_time():
    whole = buildgraph.extent(folded(*ALL).records)
    assert whole == (0.0, 10.0)
    assert buildgraph.placed(ONE, whole) == (0.05, 0.2)
    assert buildgraph.placed(BASE, whole) == (0.0, 0.0)
    assert buildgraph.placed(BuildStep("w", "waits"), whole) == (0.0, 0.0)


def test_a_running_step_reaches_to_now():
    running = BuildStep("1", ONE.name, ("f",), False, 2.0, None)
    whole = buildgraph.extent(folded(CONTEXT, running).records, 4.0)
    assert whole == (0.0, 4.0)
    assert buildgraph.placed(running, whole) == (0.5, 0.5)
    assert buildgraph.extent({}) is None


def test_a_step_says_what_it_waits_for_and_then_what_it_needs_of_other_stages():
    running = BuildStep("2", TWO.name, ("f",), False, 0.5, None)
    waiting = BuildStep("c2", COPY_TWO.name, ("c1", "2"))
    now = {one.name: one.remarks for one in shown(folded(BASE, ONE, running, COPY_ONE, waiting))}
    assert now["COPY --from=two /2 /2"] == ("waits for line 4 of two",)
    ended = {one.name: one.remarks for one in shown(folded(*ALL, Built("sha256:1")))}
    assert ended["COPY --from=two /2 /2"] == ("after line 4 of two",)
    assert ended["RUN make two"] == ended["RUN test"] == ()


def test_steps_that_ran_at_once_lie_side_by_side_and_the_critical_path_is_marked():
    state = folded(*ALL, Built("sha256:1"))
    steps = {one.name: one for one in shown(state)}
    one, two = steps["RUN make one"], steps["RUN make two"]
    assert one.begin == two.begin < one.begin + one.length < two.begin + two.length
    assert [name for name, step in steps.items() if step.critical] == [
        "RUN make two", "COPY --from=two /2 /2", "RUN test",
    ]  # fmt: skip
    view = present(state, stable=False)
    assert isinstance(view, Group)
    facts = next(one.facts for one in view.views if isinstance(one, Note))
    assert "◆ critical path, 9.5 s: line 4 of two, line 7 of stage-2, line 8 of stage-2" in facts


def test_nothing_is_marked_while_the_build_runs_nor_where_every_step_is_on_the_path():
    assert not any(one.critical for one in shown(folded(*ALL)))
    text = "FROM base\nRUN a\n"
    alone = BuildStep("a", "[2/2] RUN a", (), False, 0.0, 1.0)
    assert not any(one.critical for one in shown(folded(alone, Built("sha256:1"), text=text)))


def test_several_running_steps_show_a_line_each():
    one, two = (BuildStep(d, name, ("f",), False, 1.0) for d, name in (
        ("1", ONE.name), ("2", TWO.name)))  # fmt: skip
    printed = [BuildOutput(digest, "stdout", b"a\nb\n") for digest in "12"]
    assert [step.lines for step in shown(folded(one, two, *printed))] == [("b",), ("b",)]
    assert shown(folded(one, printed[0]))[0].lines == ("a", "b")


def test_stable_shows_neither_bars_nor_marks():
    steps = shown(folded(*ALL, Built("sha256:1")), stable=True)
    assert not any(one.critical or one.length or one.begin or one.time for one in steps)
    assert "after line 4 of two" in steps[-2].remarks


HISTORY = [
    HistoryLine("/bin/sh -c #(nop) ADD file:1 in / ", 0, 100),
    HistoryLine('/bin/sh -c #(nop) CMD ["sh"]', 0, 0),
    HistoryLine("ENV A=1", 0, 0),
    HistoryLine("WORKDIR /w", 0, 0),
    HistoryLine("RUN |1 X=1 /bin/sh -c make # buildkit", 0, 7),
    HistoryLine("COPY a /a # buildkit", 0, 1),
    HistoryLine("LABEL x=1", 0, 0),
]
STAGES = "FROM base AS one\nENV A=1\nARG X\nWORKDIR /w\nRUN make\nFROM one\nCOPY a /a\nLABEL x=1\n"


def test_each_layer_is_tied_to_its_instruction_over_stages():
    found = built_layers(parse(STAGES), "", HISTORY, 4)
    assert [
        (one.instruction and one.instruction.text, one.size_bytes, one.count) for one in found
    ] == [
        ("FROM base AS one", 100, 1), ("WORKDIR /w", 0, 1), ("RUN make", 7, 1), ("COPY a /a", 1, 1),
    ]  # fmt: skip


def test_a_target_ends_the_chain():
    found = built_layers(parse(STAGES), "one", HISTORY[:5], 5)
    assert [one.count for one in found] == [3, 1, 1]
    assert found[-1].instruction is not None
    assert found[-1].instruction.text == "RUN make"


def test_a_history_that_does_not_agree_ties_nothing():
    found = built_layers(parse("FROM base\nCOPY a /\n"), "", HISTORY[:5], 4)
    assert found == (BuiltLayer(None, 107, 4),)
    state = folded(Built("sha256:1", 107, found), text="FROM base\nCOPY a /\n")
    view = present(state, stable=False)
    assert isinstance(view, Group)
    assert not any(isinstance(one, Stack) for one in view.views)


def test_the_classic_builder_and_a_working_directory_at_the_root_make_no_empty_layer():
    history = [
        HistoryLine("/bin/sh -c #(nop) ADD file:1 in / ", 0, 100),
        HistoryLine("WORKDIR /", 0, 0),
        HistoryLine("/bin/sh -c true", 0, 0),
    ]
    found = built_layers(parse("FROM base\nWORKDIR /\nRUN true\n"), "", history, 1)
    assert [one.count for one in found] == [1]


def test_nothing_is_under_scratch():
    history = [HistoryLine("COPY a /a # buildkit", 0, 1)]
    found = built_layers(parse("FROM scratch\nCOPY a /a\n"), "", history, 1)
    assert [one.instruction.text for one in found if one.instruction] == ["COPY a /a"]


def test_layers_are_shown_oldest_first_and_without_sizes_in_stable_mode():
    found = built_layers(parse(STAGES), "", HISTORY, 6)
    state = folded(Built("sha256:1", 108, found), text=STAGES)
    for stable in (False, True):
        view = present(state, stable=stable)
        assert isinstance(view, Group)
        (stack,) = (one for one in view.views if isinstance(one, Stack))
        assert [row.label for row in stack.rows] == [
            "FROM base AS one", "WORKDIR /w", "RUN make", "COPY a /a",
        ]  # fmt: skip
        assert [row.size for row in stack.rows] == (
            ["", "", "", ""] if stable else ["100 B", "0 B", "7 B", "1 B"]
        )
        assert stack.rows[0].text == ("" if stable else "3 layers")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("RUN |2 A=/bin/sh B=2 /bin/sh -c echo /bin/sh -c x # buildkit", "RUN echo /bin/sh -c x"),
        ("/bin/sh -c make", "RUN make"),
        ("/bin/sh -c #(nop)  ENV A=1", "ENV A=1"),
        ("Imported from -", "an imported file system"),
        ("", "(no instruction is known)"),
    ],
)
def test_a_line_of_the_history_as_the_dockerfile_has_it(line: str, text: str):
    assert as_written(line) == text

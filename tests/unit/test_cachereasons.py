"""What has changed between two builds of a tag, and how it is said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_magics.core.buildrecord import (
    KEPT_CHARACTERS,
    BuildRecord,
    KeptFile,
    fingerprint,
    from_json,
    kept_lines,
    to_json,
)
from container_magics.core.buildstate import BuildState
from container_magics.core.cachereasons import Difference, differences, explainable
from container_magics.core.contextpaths import pattern, sources, taken, takes
from container_magics.core.dockerfile import Instruction, parse
from container_magics.core.events import BuildReason, BuildStep, ReasonKind
from container_magics.view.model import Group, Steps
from container_magics.view.present.build import build as present

TEXT = """FROM base
ENV A=1
WORKDIR /w
COPY app.py conf /w/
RUN make
COPY other /
RUN test
"""
FILES = {
    "app.py": KeptFile(0o644, "1"),
    "conf/": KeptFile(0o755, "folder"),
    "conf/a": KeptFile(0o644, "2"),
    "other": KeptFile(0o644, "3"),
    "unused": KeptFile(0o644, "4"),
}


def record(
    text: str = TEXT,
    files: dict[str, KeptFile] | None = FILES,
    base: str = "id:1",
    arguments: dict[str, str] | None = None,
) -> BuildRecord:
    return BuildRecord(kept_lines(parse(text)), "s", {"base": base}, arguments or {}, files)


def found(before: BuildRecord, now: BuildRecord, text: str = TEXT) -> dict[int, Difference]:
    return differences(before, now, parse(text))


def kinds(before: BuildRecord, now: BuildRecord, text: str = TEXT) -> dict[int, str]:
    return {line: one.kind for line, one in found(before, now, text).items()}


def test_nothing_differs_between_equal_builds():
    assert found(record(), record()) == {}


def test_a_file_that_changed_is_named_and_what_follows_says_where():
    now = record(files=FILES | {"app.py": KeptFile(0o644, "9")})
    assert found(record(), now) == {
        4: Difference("files", 4, ("app.py changed",)),
        5: Difference("earlier", 4),
        6: Difference("earlier", 4),
        7: Difference("earlier", 4),
    }


def test_a_files_mode_counts_and_its_time_does_not():
    touched = record(files=FILES | {"app.py": KeptFile(0o644, "1", (1, 2, 3))})
    assert found(record(), touched) == {}
    executable = record(files=FILES | {"app.py": KeptFile(0o755, "1")})
    assert found(record(), executable)[4].details == ("app.py changed",)


def test_files_that_came_and_went_are_told_apart():
    now = {path: one for path, one in FILES.items() if path != "conf/a"}
    now |= {"conf/b": KeptFile(0o644, "5"), "conf/sub/": KeptFile(0o755, "folder")}
    assert found(record(), record(files=now))[4].details == ("conf/a is gone", "conf/b is new")


def test_a_file_that_no_instruction_takes_changes_nothing():
    assert found(record(), record(files=FILES | {"unused": KeptFile(0o644, "9")})) == {}


def test_too_many_files_to_be_kept_say_nothing():
    assert found(record(files=None), record(files=FILES)) == {}


def test_an_instruction_that_changed_gives_its_old_text():
    text = TEXT.replace("RUN make", "RUN make all")
    assert found(record(), record(text), text) == {
        5: Difference("instruction", 5, ("RUN make",)),
        6: Difference("earlier", 5),
        7: Difference("earlier", 5),
    }


def test_a_heredoc_is_part_of_the_text():
    one, two = (f"FROM base\nRUN <<E\necho {n}\nE\n" for n in "12")
    assert kinds(record(one), record(two), two) == {2: "instruction"}


def test_a_new_instruction_and_one_that_is_gone():
    text = TEXT.replace("RUN make\n", "RUN make\nRUN more\n")
    assert kinds(record(), record(text), text) == {6: "new", 7: "earlier", 8: "earlier"}
    assert found(record(text), record())[6] == Difference("removed", 6, ("RUN more",))


def test_a_variable_concerns_the_runs_below_it_alone():
    text = TEXT.replace("A=1", "A=2")
    differing = found(record(), record(text), text)
    assert differing[5] == Difference("settings", 2, ("ENV A=2",))
    assert 3 not in differing
    assert 4 not in differing
    assert differing[6].kind == "earlier"


def test_a_build_argument_concerns_the_runs_below_its_arg():
    text = "FROM base\nRUN one\nARG X\nRUN two\nFROM base\nRUN three\n"
    one, two = (record(text, arguments={"X": fingerprint("s", value)}) for value in "12")
    assert found(one, two, text) == {4: Difference("argument", 3, ("X",))}


def test_what_changes_the_image_alone_reruns_nothing():
    one, two = (f"FROM base\nLABEL a={n}\nCMD {n}\nRUN make\n" for n in "12")
    assert found(record(one), record(two), two) == {}


def test_another_base_image_concerns_every_step():
    assert set(kinds(record(), record(base="id:2")).values()) == {"base"}
    assert found(record(), record(base="")) == {}
    assert found(record(), record(base="digest:2")) == {}, "an ID is no digest"


STAGES = "FROM base AS one\nRUN a\nFROM base AS two\nRUN b\nFROM one\nCOPY --from=two /b /\nRUN c\n"


def test_a_change_reaches_the_stages_that_need_it_and_no_other():
    text = STAGES.replace("RUN b", "RUN bb")
    assert found(record(STAGES), record(text), text) == {
        4: Difference("instruction", 4, ("RUN b",)),
        6: Difference("earlier", 4),
        7: Difference("earlier", 4),
    }
    text = STAGES.replace("RUN a", "RUN aa")
    assert sorted(found(record(STAGES), record(text), text)) == [2, 6, 7]


def test_settings_are_inherited_from_a_stage_and_arguments_are_not():
    text = "FROM base AS one\nENV A={}\nARG B={}\nFROM one\nRUN x\n"
    before, env, arg = (text.format(*values) for values in ("11", "21", "12"))
    assert found(record(before), record(env), env)[5].kind == "settings"
    assert found(record(before), record(arg), arg) == {}


def test_an_argument_before_from_concerns_the_base():
    one, two = (f"ARG V={n}\nFROM base:$V\nRUN x\n" for n in "12")
    assert kinds(record(one), record(two), two) == {3: "earlier"}


@pytest.mark.parametrize(
    ("text", "line", "may"),
    [
        ("FROM base\nRUN x\n", 2, True),
        ("FROM other\nRUN x\n", 2, False),
        ("FROM scratch\nCOPY a /\n", 2, True),
        ("FROM base\nADD https://example.org/x /\n", 2, False),
        ("FROM base AS a\nRUN x\nFROM base\nCOPY --from=a / /\n", 4, True),
        ("FROM base\nCOPY --from=elsewhere / /\n", 2, False),
    ],
)
def test_what_is_not_known_is_not_said_to_be_the_same(text: str, line: int, *, may: bool):
    one = next(one for one in parse(text).instructions if one.lines[0] == line)
    assert explainable(one, record(text), parse(text)) is may


def instruction(text: str) -> Instruction:
    return parse(f"FROM base\n{text}\n").instructions[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("COPY a b /w/", ("a", "b")),
        ('COPY --chown=1 ["a b", "/w/"]', ("a b",)),
        ("COPY --from=x a /", ()),
        ("ADD https://example.org/a local /", ("local",)),
        ("COPY <<E file /\nE", ("file",)),
        ("RUN --mount=type=bind,source=src,target=/s make", ("src",)),
        ("RUN --mount=target=/s make", (".",)),
        ("RUN --mount=type=bind,from=x,target=/s make", ()),
        ("RUN --mount=type=cache,target=/s make", ()),
        ("WORKDIR /w", ()),
    ],
)
def test_what_an_instruction_takes_of_the_context(text: str, expected: tuple[str, ...]):
    assert sources(instruction(text)) == expected


@pytest.mark.parametrize(
    ("source", "path", "does"),
    [
        (".", "a/b", True), ("/", "a", True), ("a", "a", True), ("a", "a/b/c", True),
        ("a/", "a/b", True), ("./a", "a", True), ("/a", "a", True), ("a", "ab", False),
        ("*.py", "x.py", True), ("*.py", "d/x.py", False), ("d*", "dd/x", True),
        ("?.py", "x.py", True), ("?.py", "xy.py", False), ("[a-c].py", "b.py", True),
        ("[^a].py", "a.py", False), ("\\*.py", "x.py", False), ("\\*.py", "*.py", True),
        ("${DIR}/x", "any/x", True), ("$A", "x/y", True), ("[", "[", True), ("../a", "a", True),
    ],
)  # fmt: skip
def test_a_source_means_paths_as_go_matches_them(source: str, path: str, *, does: bool):
    assert takes(source, path) is does


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_source_is_refused(source: str, path: str):
    pattern(source)
    taken([source], [path])


def test_a_record_comes_back_as_it_was_written():
    kept = record(arguments={"X": "1"})
    assert from_json(json.loads(json.dumps(to_json(kept)))) == kept
    assert from_json(to_json(record(files=None))).files is None


@pytest.mark.parametrize(
    "data",
    [
        None, [], {}, 7, {"format": 2}, to_json(record()) | {"lines": [["", "RUN"]]},
        to_json(record()) | {"files": {"a": [1]}}, to_json(record()) | {"salt": 1},
        to_json(record()) | {"files": []}, to_json(record()) | {"bases": {"a": None}},
    ],
)  # fmt: skip
def test_what_is_no_record_is_a_value_error(data: object):
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError is one to the caller
        from_json(data)


def test_no_value_of_an_argument_is_kept_and_no_long_text_whole():
    kept = record(f"FROM base\nRUN {'x' * 9000}\n", arguments={"P": fingerprint("s", "hunter2")})
    written = json.dumps(to_json(kept))
    assert "hunter2" not in written
    assert "x" * (KEPT_CHARACTERS + 1) not in written


def remark(
    kind: ReasonKind, details: tuple[str, ...] = (), *, line: int = 4, cached: bool, stable: bool
) -> tuple[str, ...]:
    state = BuildState("demo:latest", parse(TEXT))
    step = BuildStep("x", "[4/6] RUN make", (), cached, 1.0, 2.0)
    for event in (step, BuildReason("x", kind, line, details)):
        state = state.apply(event)
    view = present(state, stable=stable)
    assert isinstance(view, Group)
    return next(one for one in view.views if isinstance(one, Steps)).steps[0].remarks


@pytest.mark.parametrize(
    ("kind", "details", "said"),
    [
        ("files", ("app.py changed",), "app.py changed"),
        ("files", ("a is new", "b is gone", "c changed", "d changed"),
            "a is new, b is gone, c changed, and 1 more"),
        ("instruction", ("RUN old \x1b[1mone",), "changed, it was RUN old one"),
        ("removed", ("RUN old",), "RUN old before it is gone"),
        ("settings", ("ENV A=2",), "ENV A=2 (line 4) changed"),
        ("argument", ("X",), "the build argument X changed"),
        ("base", (), "the base image is another one"),
        ("earlier", (), "line 4 changed"),
        ("no_cache", (), "--no-cache"),
    ],
)  # fmt: skip
def test_a_reason_is_one_line_in_both_modes(kind: ReasonKind, details: tuple[str, ...], said: str):
    assert remark(kind, details, cached=False, stable=False) == (f"runs again: {said}",)
    assert remark(kind, details, cached=True, stable=False) == ()
    for cached in (True, False):
        assert remark(kind, details, cached=cached, stable=True) == (
            f"since the last build: {said}",
        )


@pytest.mark.parametrize("kind", ["ran", "emptied"])
def test_what_only_the_engine_knows_is_not_said_in_stable_mode(kind: ReasonKind):
    assert remark(kind, cached=False, stable=True) == ()
    assert remark(kind, cached=False, stable=False) != ()


def test_a_new_instruction_does_not_run_again():
    assert remark("new", cached=False, stable=False) == ("new since the last build",)

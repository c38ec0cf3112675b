"""The build checks: what each finds, at which line, and what it lets pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_magics.core.buildstate import BuildState
from container_magics.core.dockerfile import parse
from container_magics.core.events import BuildChecked, BuildWarning
from container_magics.core.lint import RULES, Checked, lint, page, refuse_findings, rule_of
from container_magics.core.lintvariables import bases_in_question
from container_magics.errors import DockerfileError
from container_magics.view.model import Group, Note
from container_magics.view.present.build import SHOWN_WARNINGS
from container_magics.view.present.build import build as present

IMAGES = {"app": frozenset({"APP_HOME"})}

# rule, a Dockerfile that it finds something in, the lines, and a like one that is in order
CASES = [
    ("StageNameCasing", "FROM scratch AS One\n", [1], "FROM scratch AS one\n"),
    ("FromAsCasing", "FROM scratch as one\n", [1], "from scratch as one\n"),
    ("FromAsCasing", "from scratch AS one\n", [1], "FROM scratch AS one\n"),
    ("NoEmptyContinuation", "FROM scratch\nLABEL a=1 \\\n\n b=2\n", [3],
        "FROM scratch\nLABEL a=1 \\\n # why\n b=2\n"),
    ("NoEmptyContinuation", "FROM scratch\nLABEL a=1 \\\n\n", [3], "FROM scratch\nLABEL a=1 \\\n"),
    ("ConsistentInstructionCasing", "FROM scratch\nENV A=1\nenv B=1\nUser me\n", [3, 4],
        "ARG A\nfrom scratch\nenv B=1\n"),
    ("ConsistentInstructionCasing", "FROM scratch\nenv A=1\nuser me\n", [1], "FROM scratch\n"),
    ("DuplicateStageName", "FROM scratch AS one\nFROM scratch AS ONE\n", [2],
        "FROM scratch AS one\nFROM scratch AS two\nFROM scratch\nFROM scratch\n"),
    ("ReservedStageName", "FROM scratch AS context\n", [1], "FROM scratch AS text\n"),
    ("JSONArgsRecommended", "FROM scratch\nCMD run it\nENTRYPOINT run\n", [2, 3],
        'FROM scratch\nCMD ["run", "it"]\nENTRYPOINT []\n'),
    ("JSONArgsRecommended", "FROM scratch\nCMD run\nFROM scratch\n", [2],
        'FROM scratch\nCMD run it\nSHELL ["/bin/bash", "-c"]\n'),
    ("MaintainerDeprecated", "FROM scratch\nMAINTAINER me\n", [2], "FROM scratch\nLABEL me=1\n"),
    ("UndefinedArgInFrom", "ARG TAG=1\nFROM app:$TGA\n", [2], "ARG TAG\nFROM app:${TAG:-1}\n"),
    ("UndefinedArgInFrom", "FROM app:${A}${B}\n", [1, 1],
        "FROM --platform=$BUILDPLATFORM app:${TAG:-1}\n"),
    ("WorkdirRelativePath", "FROM scratch\nWORKDIR app\nWORKDIR b\n", [2],
        "FROM scratch AS a\nWORKDIR /app\nWORKDIR b\nFROM a\nWORKDIR c\n"),
    ("WorkdirRelativePath", "FROM scratch AS a\nFROM a\nWORKDIR app\n", [3],
        "FROM scratch\nARG A\nWORKDIR $A/b\n"),
    ("UndefinedVar", "FROM scratch\nARG A\nENV B=$A C=$B\nWORKDIR /$C$D\n", [3, 4],
        "FROM scratch\nARG A\nENV B=$A:$PATH\nENV C=$B D=${E:-} F=\\$G H='$I'\n"),
    ("UndefinedVar", "FROM app\nWORKDIR $APP_HOEM\n", [2],
        "FROM app\nWORKDIR $APP_HOME\nRUN echo $X\nCMD echo $X\nONBUILD ENV A=$X\n"),
    ("UndefinedVar", "FROM app AS a\nENV A=1\nFROM a\nENV B=$A C=$D\n", [4],
        "FROM nobody/knows AS a\nFROM a\nENV B=$C\n"),
    ("UndefinedVar", "FROM scratch\nCOPY <<EOF /x\necho $HOME '$1'\nEOF\n", [2, 2],
        "FROM scratch\nCOPY <<'EOF' /x\necho $HOME $1\nEOF\n"),
    ("MultipleInstructionsDisallowed", 'FROM scratch\nCMD ["a"]\nCMD ["b"]\nCMD ["c"]\n', [2, 3],
        'FROM scratch\nCMD ["a"]\nFROM scratch\nCMD ["b"]\nEXPOSE 1\nEXPOSE 2\n'),
    ("LegacyKeyValueFormat", "FROM scratch\nENV A b c\nLABEL d e\n", [2, 3],
        'FROM scratch\nENV A="b c"\nLABEL d=e\n'),
    ("RedundantTargetPlatform", "FROM --platform=$TARGETPLATFORM app\n", [1],
        "FROM --platform=$BUILDPLATFORM app\n"),
    ("SecretsUsedInArgOrEnv", "FROM scratch\nARG API_KEY\nENV password=1 A=2\n", [2, 3],
        "ARG TOKEN\nFROM scratch\nARG MONKEY\nENV PUBLIC_KEY=1 TOKEN_FILE=/t\n"),
    ("InvalidDefaultArgInFrom", "ARG TAG\nFROM app:$TAG\n", [2], "ARG TAG=1\nFROM app:$TAG\n"),
    ("FromPlatformFlagConstDisallowed", "FROM --platform=linux/amd64 app AS a\n", [1],
        "FROM --platform=linux/amd64 app AS for-amd64\nFROM app\n"),
    ("ExposeProtoCasing", "FROM scratch\nEXPOSE 53/UDP\n", [2], "FROM scratch\nEXPOSE 53/udp\n"),
    ("ExposeInvalidFormat", "FROM scratch\nEXPOSE 127.0.0.1:80:80\n", [2],
        "FROM scratch\nEXPOSE 80-90/tcp $PORT\n"),
]  # fmt: skip


def lines(text: str, rule: str) -> list[int]:
    found = lint(parse(text), environments=IMAGES).findings
    return [one.line for one in found if one.rule == rule]


@pytest.mark.parametrize(("rule", "odd", "where", "fine"), CASES)
def test_each_rule_finds_what_it_is_for_and_no_more(
    rule: str, odd: str, where: list[int], fine: str
):
    assert lines(odd, rule) == where
    assert lines(fine, rule) == []


def test_every_rule_is_tested_and_every_find_says_what_to_do():
    assert {case[0] for case in CASES} == set(RULES)
    for _, odd, _, _ in CASES:
        for one in lint(parse(odd), environments=IMAGES).findings:
            assert one.rule in RULES
            assert one.text.endswith(".")
            assert one.hint.endswith((".", "?"))
            assert one.lines[0] <= one.line <= one.lines[1]


def hints(text: str) -> list[str]:
    return [one.hint for one in lint(parse(text), environments=IMAGES).findings]


def test_hints_name_what_was_probably_meant():
    assert "Did you mean $APP_HOME?" in hints("FROM app\nWORKDIR $APP_HOEM\n")
    assert "Did you mean TAG?" in hints("ARG TAG=1\nFROM app:$TGA\n")
    assert 'Write CMD ["python", "app.py"].' in hints("FROM scratch\nCMD python app.py\n")
    assert 'Write CMD ["program", "argument"].' in hints("FROM scratch\nCMD a && b\n")


def test_build_arguments_count():
    text = parse("ARG TAG\nFROM app:$TAG\nENV A=$B\n")
    given = lint(text, (("TAG", "1"),), {"app:1": frozenset({"B"})})
    assert [one.rule for one in given.findings] == ["InvalidDefaultArgInFrom"]


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("FROM app\nRUN echo $X\n", ()),
        ("FROM scratch\nENV A=$B\n", ()),
        ("FROM app AS one\nENV A=$B\nFROM one\nFROM app\nFROM other:1\n", ("app", "other:1")),
        ("FROM app\nCOPY <<EOF /x\n$B\nEOF\n", ("app",)),
        ("FROM $UNKNOWN\nENV A=$B\n", ()),
    ],
)
def test_images_are_asked_for_only_where_their_variables_decide(text: str, images: tuple[str, ...]):
    assert bases_in_question(parse(text)) == images


ODD = "FROM scratch AS One\nMAINTAINER me\n"


@pytest.mark.parametrize(
    ("directive", "rules"),
    [
        ("", ["StageNameCasing", "MaintainerDeprecated"]),
        ("# check=skip=StageNameCasing\n", ["MaintainerDeprecated"]),
        ("# check=skip=MaintainerDeprecated, StageNameCasing;error=true\n", []),
        ("#check = skip=all\n", []),
        ("# check=skip=maintainerdeprecated\n", ["StageNameCasing", "MaintainerDeprecated"]),
        ("# no directive\n# check=skip=all\n", ["StageNameCasing", "MaintainerDeprecated"]),
        ("# check=error=false;skip=StageNameCasing\n", ["MaintainerDeprecated"]),
    ],
)
def test_the_directive_skips_rules_by_their_exact_names(directive: str, rules: list[str]):
    checked = lint(parse(directive + ODD))
    assert [one.rule for one in checked.findings] == rules
    refuse_findings(checked)


def test_error_true_refuses_at_the_first_find_and_lists_them_all():
    with pytest.raises(DockerfileError) as caught:
        refuse_findings(lint(parse("# check=error=true\n" + ODD)))
    assert caught.value.line == 2
    assert str(caught.value).startswith("Line 2: the stage One is named with capitals.")
    assert "check=error=true in line 1" in caught.value.hint
    assert [fact.split(": ")[1] for fact in caught.value.facts] == [
        "StageNameCasing", "MaintainerDeprecated",
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["foo", "skip", "error=perhaps", "skip=all;more=1"])
def test_a_check_directive_that_says_nothing_is_refused(value: str):
    with pytest.raises(DockerfileError) as caught:
        lint(parse(f"# syntax=a\n# check={value}\nFROM scratch\n"))
    assert caught.value.line == 2


def test_each_rules_page_leads_back_to_it():
    assert page("JSONArgsRecommended").endswith("/rule/json-args-recommended/")
    assert [rule_of(page(rule)) for rule in RULES] == list(RULES)
    assert rule_of("https://example.org/json") == ""


def test_what_was_said_before_is_not_taken_from_the_builder_again():
    checked = lint(parse("FROM scratch\nCMD a \\\n b\nFROM scratch\nCMD c\n"))
    url = page("JSONArgsRecommended")
    said = [checked.covers(BuildWarning("d", "t", url, line)) for line in (1, 2, 3, 4, 5, None)]
    assert said == [False, True, True, False, True, True]
    assert not checked.covers(BuildWarning("d", "t", page("UndefinedVar"), 2))
    assert not checked.covers(BuildWarning("d", "t", "", 2))
    skipped = lint(parse("# check=skip=NoEmptyContinuation\nFROM scratch\n"))
    assert skipped.covers(BuildWarning("d", "t", "https://github.com/moby/moby/pull/33719", 2))


def notes(text: str, *more: BuildWarning) -> list[Note]:
    dockerfile = parse(text)
    state = BuildState("demo:latest", dockerfile).apply(BuildChecked(lint(dockerfile).warnings))
    for warning in more:
        state = state.apply(warning)
    view = present(state, stable=True)
    assert isinstance(view, Group)
    return [one for one in view.views if isinstance(one, Note)]


def test_a_find_is_shown_with_its_line_its_instruction_and_its_rule():
    assert notes("FROM scratch\nMAINTAINER   me\n") == [
        Note(
            "Line 2: MAINTAINER is out of use.",
            level="warning",
            hint='Write LABEL org.opencontainers.image.authors="NAME".',
            facts=("MAINTAINER me", f"MaintainerDeprecated: {page('MaintainerDeprecated')}"),
        )
    ]


def test_the_builders_warnings_are_shown_once_with_their_details():
    warning = BuildWarning("d", "old \x1b[1mform", "https://example.org", 2, detail=("why", "how"))
    assert notes("FROM scratch\nENV A=1\n", warning, warning) == [
        Note("Line 2: old form", level="warning", hint="https://example.org",
            facts=("ENV A=1", "why", "how"))
    ]  # fmt: skip


def test_very_many_warnings_are_counted():
    shown = notes("FROM scratch\n" + "ENV A b\n" * 100)
    assert len(shown) == SHOWN_WARNINGS + 1
    assert shown[-1].text == "80 more warnings are not shown."


LINES = st.sampled_from(
    ["FROM a", "FROM $A as B", "ARG A=$B", "ENV A b", "ENV A=$C", "CMD x", "WORKDIR a", "EXPOSE $a",
     "COPY <<E /x", "$1", "E", "USER me \\", ""]
)  # fmt: skip


@given(st.lists(LINES, max_size=10))
def test_whatever_can_be_read_can_be_checked(text: list[str]):
    try:
        dockerfile = parse("\n".join(text))
    except DockerfileError:
        return
    assert isinstance(lint(dockerfile), Checked)
    assert lint(dockerfile) == lint(dockerfile)

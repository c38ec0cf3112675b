"""What a Dockerfile's text is read as, and what is said of one that cannot be read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_magics.core.dockerfile import Dockerfile, needs_buildkit, parse
from container_magics.errors import DockerfileError


def told(text: str) -> list[tuple[str, str]]:
    return [(one.keyword, one.args) for one in parse(text).instructions]


def test_keywords_in_any_case_and_comments_are_read():
    text = "# a comment\n\nfrom debian\n  run  echo hi  \n# another\nCMD\n"
    assert told(text) == [("FROM", "debian"), ("RUN", "echo hi"), ("CMD", "")]


def test_a_continued_instruction_keeps_its_lines_and_loses_comments_and_blank_lines():
    text = "FROM debian\nRUN one && \\\n  # why\n\n    two \\  \n    three\nUSER me\n"
    run, user = parse(text).instructions[1:]
    assert run.text == "RUN one && two three"
    assert run.lines == (2, 6)
    assert user.lines == (7, 7)


def test_an_escaped_escape_does_not_continue_the_line():
    assert told("FROM a\nRUN echo \\\\\nUSER me") == [
        ("FROM", "a"),
        ("RUN", "echo \\\\"),
        ("USER", "me"),
    ]


def test_the_escape_directive_changes_what_continues_a_line():
    text = "# escape=`\nFROM a\nRUN dir c:\\\nRUN one `\n  two\n"
    assert told(text)[1:] == [("RUN", "dir c:\\"), ("RUN", "one   two")]


def test_an_unknown_escape_is_refused():
    with pytest.raises(DockerfileError, match="escape"):
        parse("# escape=x\nFROM a\n")


def test_directives_end_at_the_first_other_line():
    read = parse("# Syntax = docker/dockerfile:1\n# just a comment\n# escape=`\nFROM a\n")
    assert [(one.name, one.value) for one in read.directives] == [("syntax", "docker/dockerfile:1")]
    assert read.syntax == "docker/dockerfile:1"


def test_bom_and_crlf_are_no_part_of_the_text():
    assert told("\ufeffFROM a\r\nRUN x \\\r\n y\r\n") == [("FROM", "a"), ("RUN", "x  y")]


def test_heredocs_belong_to_their_instruction():
    text = "FROM a\nRUN <<-'ONE' cat <<\"TWO\" > /x\n\tls $A\n\tONE\n\tkept\nTWO\nCMD x\n"
    run, cmd = parse(text).instructions[1:]
    assert [(doc.name, doc.text) for doc in run.heredocs] == [
        ("ONE", "ls $A\n"),
        ("TWO", "\tkept\n"),
    ]
    assert run.lines == (2, 6)
    assert cmd.lines == (7, 7)


@pytest.mark.parametrize(
    "line", ["RUN echo '<<EOF'", "RUN cat<<EOF", "ENV A=<<EOF", "RUN echo $((1 << 2))"]
)
def test_what_only_looks_like_a_heredoc_takes_no_lines(line: str):
    assert parse(f"FROM a\n{line}\nUSER me\n").instructions[-1].lines == (3, 3)


def test_the_json_form_keeps_blanks_in_its_strings():
    one = parse('FROM a\nCOPY --chown=1 ["a b", "/c"]\n').instructions[1]
    assert (one.items, one.flags) == (("a b", "/c"), (("chown", "1"),))


def test_onbuild_keeps_its_heredoc():
    assert parse("FROM a\nONBUILD RUN <<E\nls\nE\n").instructions[1].heredocs[0].text == "ls\n"


def test_stages_have_names_numbers_and_bases():
    read = parse(
        "ARG V=1\nFROM --platform=linux/amd64 debian:$V AS Build\nRUN a\n"
        "FROM scratch\nCOPY --from=build /a /\n"
    )
    assert [(one.index, one.name, one.base, one.line) for one in read.stages] == [
        (0, "build", "debian:$V", 2),
        (1, "stage-1", "scratch", 4),
    ]
    assert [one.stage for one in read.instructions] == [None, 0, 0, 1, 1]
    assert read.instructions[-1].flags == (("from", "build"),)
    assert read.instructions[-1].words == ("/a", "/")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "no FROM"),
        ("# only a comment\n", 1, "no FROM"),
        ("ARG A=1\n", 1, "no FROM"),
        ("RUN ls\nFROM a\n", 1, "before the first FROM"),
        ("FROM a\n\nRUNN ls\n", 3, "no instruction 'RUNN'"),
        ("FROM a\nls -l\n", 2, "no instruction 'ls'"),
        ("FROM a\nENV\n", 2, "ENV says nothing"),
        ("FROM\n", 1, "FROM says nothing"),
        ("FROM a\nCOPY --from=b /x\n", 2, "COPY needs a source and a target"),
        ("FROM a b\n", 1, "FROM takes an image"),
        ("FROM a AS 9x\n", 1, "'9x' cannot name a stage"),
        ("FROM a\nRUN <<EOF\nls\n", 2, "<<EOF is never closed"),
        ("FROM a\nRUN l\0s\n", 2, "NUL"),
    ],
)
def test_malformed_text_is_refused_at_its_line(text: str, line: int, says: str):
    with pytest.raises(DockerfileError) as caught:
        parse(text)
    assert caught.value.line == line
    assert says in str(caught.value)
    assert caught.value.hint


def test_a_frontend_of_another_version_may_have_more_flags():
    text = "FROM a\nCOPY --new=1 a /\n"
    with pytest.raises(DockerfileError, match="no flag --new"):
        parse(text)
    assert parse("# syntax=docker/dockerfile:9\n" + text).instructions[1].words == ("a", "/")


def test_a_misspelt_instruction_gets_its_nearest():
    with pytest.raises(DockerfileError) as caught:
        parse("FROM a\nCPOY x /\n")
    assert caught.value.hint == "Did you mean COPY?"


@pytest.mark.parametrize(
    "line",
    [
        "RUN <<E\nls\nE",
        "RUN --mount=type=cache,target=/c ls",
        "RUN --network=none ls",
        "COPY --link a /",
        "COPY --from=0 --chmod=755 a /",
        "ADD --checksum=sha256:0 a /",
        "ONBUILD RUN --mount=type=tmpfs,target=/t ls",
    ],
)
def test_what_only_buildkit_can_do_is_found(line: str):
    found = needs_buildkit(parse(f"FROM a\nRUN true\n{line}\n").instructions)
    assert found is not None
    assert found.lines[0] == 3


@pytest.mark.parametrize(
    "line", ["RUN ls", "COPY --from=0 --chown=1:1 a /", "RUN echo --mount=type=cache"]
)
def test_what_the_classic_builder_can_do_is_left_alone(line: str):
    assert needs_buildkit(parse(f"FROM a\n{line}\n").instructions) is None


LINES = st.sampled_from(
    ["FROM a", "RUN x \\", "RUN <<E", "E", "\\", "# c", "", "\tARG", "COPY a b"]
)


@given(st.lists(LINES | st.text(max_size=8), max_size=8))
def test_any_text_is_read_or_refused_at_a_line_that_it_has(lines: list[str]):
    text = "\n".join(lines)
    last = text.count("\n") + 1
    read = read_or_line(text)
    if isinstance(read, int):
        assert 1 <= read <= last
        return
    places = [(0, 0), *(one.lines for one in read.instructions), (last + 1, last + 1)]
    assert all(one[0] <= one[1] < two[0] <= two[1] for one, two in pairwise(places))


def read_or_line(text: str) -> Dockerfile | int:
    try:
        return parse(text)
    except DockerfileError as error:
        return error.line

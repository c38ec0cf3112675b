"""An exercise as a teacher writes it: what is read of it, what differs, what is hidden."""

from __future__ import annotations

import re

import pytest

from container_magics.core.exercise import Exercise, Script, parse_exercise
from container_magics.core.exerciseflags import parse_file
from container_magics.core.exercisepack import packed, packed_file
from container_magics.errors import UsageError

BODY = """\
Leave `{{word}}` in the file **hello**.

It has three lines.

--- values
word = apple | pear
port = 8000..8003

--- setup
rm -f hello

--- check on other as root
grep -q {{word}} hello || fail "There is no {{word}}; {{.State}} stays."

--- hint
First.

--- hint
Second.

--- solution
%%ssh box
echo {{word}} > hello

--- solution
%check hello
"""


def test_all_parts_are_read() -> None:
    found = parse_exercise("hello", BODY)
    assert found.text == "Leave `{{word}}` in the file **hello**.\n\nIt has three lines."
    assert found.hints == ("First.", "Second.")
    assert found.solution == ("%%ssh box\necho {{word}} > hello", "%check hello")
    assert found.setup == Script("rm -f hello")
    assert (found.check.on, found.check.user, found.check.python) == ("other", "root", False)
    assert found.begins_anew_by == found.setup


def test_python_and_a_reset_of_its_own() -> None:
    found = parse_exercise("a", "do\n--- reset\nx\n--- check python\nassert 1\n--- solution\ny")
    assert found.check == Script("assert 1", python=True)
    assert found.begins_anew_by == Script("x")
    assert found.setup is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("--- check\nx\n--- solution\ny", "it has no text"),
        ("text\n--- solution\ny", "it has no check"),
        ("text\n--- check\nx", "it has no solution"),
        ("text\n--- check\n\n--- solution\ny", "its part `check` is empty"),
        ("text\n--- check\nx\n--- check\nx\n--- solution\ny", "it has two parts `check`"),
        ("text\n--- chekc\nx\n--- solution\ny", "there is no part 'chekc'"),
        ("text\n--- check as\nx\n--- solution\ny", "`--- check as` cannot be read"),
        ("text\n--- hint python\nx\n--- check\nx\n--- solution\ny", "`--- hint python` cannot"),
        ("text\n--- values\nPORT=1\n--- check\nx\n--- solution\ny", "its value 'PORT=1'"),
        ("text\n--- values\np=9..1\n--- check\nx\n--- solution\ny", "its value 'p=9..1'"),
    ],
)
def test_what_is_amiss_is_named(body: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_exercise("broken", body)
    assert says in str(caught.value)
    assert "'broken'" in str(caught.value)
    assert caught.value.hint


def test_a_rule_of_markdown_is_no_mark() -> None:
    found = parse_exercise("a", "one\n\n---\n\ntwo\n--- check\nx\n--- solution\ny")
    assert found.text == "one\n\n---\n\ntwo"


def test_values_are_the_same_for_one_student_and_differ_among_many() -> None:
    exercise = parse_exercise("hello", BODY)

    def word(seed: str) -> str:
        mine = exercise.for_student(seed)
        found = re.search(r"`(\w+)`", mine.text)
        assert found
        assert f"There is no {found[1]}; {{{{.State}}}} stays." in mine.check.code
        assert mine.solution[0].endswith(f"echo {found[1]} > hello")
        return found[1]

    assert word("anna") == word("anna")
    assert {word(f"student{n}") for n in range(40)} == {"apple", "pear"}


def test_numbers_are_drawn_from_their_whole_range() -> None:
    (port,) = [one for one in parse_exercise("hello", BODY).values if one.name == "port"]
    assert {port.drawn(str(n)) for n in range(100)} == {"8000", "8001", "8002", "8003"}


def test_what_is_packed_reads_the_same_and_shows_no_answer() -> None:
    hidden = packed(BODY)
    assert hidden.startswith("Leave `{{word}}` in the file **hello**.")
    for secret in ("grep", "rm -f", "First.", "echo", "apple"):
        assert secret not in hidden
    assert parse_exercise("hello", hidden) == parse_exercise("hello", BODY)
    assert packed(hidden) == hidden


def test_what_was_packed_and_altered_is_refused() -> None:
    hidden = packed(BODY)
    for broken in (hidden[:-9], hidden.replace("--- packed\n", "--- packed\nAAAA"), hidden + "!"):
        with pytest.raises(UsageError, match="was altered"):
            parse_exercise("hello", broken)


FILE = f"""\
# Exercises of a lesson

=== first --points 2 --box one
{BODY}
=== second --timeout 1m
Do more.
--- check
true
--- solution
true
"""


def test_a_file_has_several_with_their_settings() -> None:
    first, second = parse_file(FILE, "lesson.md")
    assert (first.name, first.settings.points, first.settings.box) == ("first", 2, "one")
    assert first.settings.timeout_s == 15
    assert (second.name, second.settings.timeout_s, second.settings.box) == ("second", 60, "box")
    assert parse_file(packed_file(FILE), "lesson.md") == (first, second)
    assert "# Exercises of a lesson" in packed_file(FILE)
    assert "grep" not in packed_file(FILE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nothing here", "has no exercise"),
        (FILE + "\n=== first\nx\n--- check\nx\n--- solution\nx", "two exercises of the name"),
        ("=== Bad_Name\nx", "no name for an exercise"),
        ("=== a --points 0\nx", "--points 0"),
        ("=== a --bx y\nx", "there is no flag --bx"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_file(text, "lesson.md")


def test_exercises_are_equal_by_what_they_hold() -> None:
    assert isinstance(parse_exercise("hello", BODY), Exercise)
    assert parse_exercise("hello", BODY) != parse_exercise("other", BODY)


def test_the_text_for_all_readers_has_nobody_s_values() -> None:
    body = (
        "Answer {{number}} at {{port}}, and leave {{this}}.\n--- values\nnumber = 3..99\n"
        "port = 1..9\n--- check\ntrue\n--- solution\ny"
    )
    found = parse_exercise("one", body)
    assert found.text_for_all == "Answer NUMBER at PORT, and leave {{this}}."

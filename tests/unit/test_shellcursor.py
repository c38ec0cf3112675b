"""What stands at the cursor of a shell cell."""

from __future__ import annotations

import pytest

from container_magics.core.shellcursor import Cursor, cursor_at, inserted, word_at


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("mkd", Cursor("command", "mkd", 0)),
        ("ls | gre", Cursor("command", "gre", 5)),
        ("if tru", Cursor("command", "tru", 3)),
        ("a && b", Cursor("command", "b", 5)),
        ("$(whoa", Cursor("command", "whoa", 2)),
        ("ls /et", Cursor("file", "/et", 3)),
        ("./scr", Cursor("file", "./scr", 0)),
        ("~/b", Cursor("file", "~/b", 0)),
        ("cat 'a b", Cursor("file", "a b", 4, "'")),
        ('cat "a b', Cursor("file", "a b", 4, '"')),
        ("cat a\\ b", Cursor("file", "a b", 4)),
        ("echo $HO", Cursor("variable", "HO", 6)),
        ("echo ${HO", Cursor("variable", "HO", 7)),
        ('echo "$HO', Cursor("variable", "HO", 7, '"')),
        ("echo '$HO", Cursor("file", "$HO", 5, "'")),
        ("cat < in", Cursor("file", "in", 6)),
        ("x=/et", Cursor("file", "/et", 2)),
        ("echo a\nmkd", Cursor("command", "mkd", 7)),
        ("", Cursor("command", "", 0)),
    ],
)
def test_the_cursor_s_word_and_its_kind(code: str, expected: Cursor) -> None:
    assert cursor_at(code, len(code)) == expected


@pytest.mark.parametrize(
    ("name", "code", "written"),
    [
        ("a b", "cat a", "a\\ b"),
        ("a b", "cat 'a", "'a b"),
        ('a"b', 'cat "a', '"a\\"b'),
        ("it's", "cat 'it", "'it'\\''s"),
        ("~/a b", "cat ~/a", "~/a\\ b"),
        ("$x", "cat a", "\\$x"),
    ],
)
def test_a_name_is_written_as_the_shell_reads_it(name: str, code: str, written: str) -> None:
    assert inserted(name, cursor_at(code, len(code))) == written


def test_the_word_around_the_cursor() -> None:
    assert word_at("ls -l | grep x", 10) == "grep"
    assert word_at("grep -n ", 8) == "grep"
    assert word_at("", 0) == ""

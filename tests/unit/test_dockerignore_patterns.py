"""Patterns of .dockerignore, as moby/patternmatcher reads them."""

from __future__ import annotations

import pytest

from container_magics.core.dockerignore import Patterns, read
from container_magics.errors import UsageError


def left_out(text: str, path: str) -> bool:
    """As a walk from the top finds it."""
    patterns, matched, above = Patterns(read(text)), False, ()
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        matched, above = patterns.check("/".join(parts[:end]), above)
    return matched


def test_a_file_is_read_line_by_line():
    text = (
        "test1\n/test2\n/a/file/here\n\nlast \n# comment\n #none\n! /inverted\n./a/../b/\r\n//c//d"
    )
    assert read("\ufeff" + text) == (
        "test1", "test2", "a/file/here", "last", "#none", "!inverted", "b", "c/d",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "matched", "not_matched"),
    [
        ("**", "a b/c .d", ""),
        ("**/", "a b/c", ""),
        ("**/**", "a b/c", ""),
        ("a**", "a ab a/b ab/c", "b ba"),
        ("a/**", "a/b a/b/c", "a b"),
        ("**/a", "a b/a b/c/a a/b", "ba ab"),
        ("**a", "a ba b/ca", "ab"),
        ("a/**/b", "a/b a/c/b a/c/d/b a/b/c", "ab a/cb"),
        ("*/*.go", "a/x.go", "x.go a/b/x.go"),
        ("**/*.go", "x.go a/x.go a/b/x.go", "x.gox"),
        ("a?c", "abc", "ac a/c abbc"),
        ("[a-c]", "a b c", "d -"),
        ("[^a-c]", "d", "a b"),
        ("[!a]", "! a", "b"),
        ("a[.]b", "a.b", "axb"),
        ("a.b", "a.b", "axb"),
        ("(a|b)+$", "(a|b)+$", "a b"),
        ("\\*", "*", "a"),
        ("a*/**", "ab/c a/b/c", "a b/a"),
        ("ab^c", "ab^c", "abc"),
    ],
)
def test_a_pattern(pattern: str, matched: str, not_matched: str):
    for path in matched.split():
        assert left_out(pattern, path), path
    for path in not_matched.split():
        assert not left_out(pattern, path), path


def test_the_last_that_matches_wins():
    text = "*.md\n!README*.md\nREADME-secret.md"
    assert not left_out(text, "README.md")
    assert left_out(text, "README-secret.md")
    assert left_out(text, "other.md")


def test_a_file_is_taken_back_from_a_folder_that_is_left_out():
    assert not left_out("a\n!a/b/c", "a/b/c")
    assert left_out("a\n!a/b/c", "a/b/d")
    assert not left_out("**\n!**/*.md", "a/b/x.md")


def test_where_nothing_can_be_taken_back_nobody_needs_to_look():
    assert not Patterns(read("a")).may_take_back("a")
    assert not Patterns(read("a\n!b/c")).may_take_back("a")
    assert Patterns(read("*\n!b/c")).may_take_back("b")
    assert Patterns(read("*\n!b/c/*")).may_take_back("b/c")
    assert not Patterns(read("*\n!b")).may_take_back("bc")
    assert Patterns(read("*\n!*/x")).may_take_back("q")


@pytest.mark.parametrize("text", ["!", "! ", "[", "a[", "[]", "[]a]", "[a-]", "a\\", "[z-a]"])
def test_what_docker_would_refuse_is_refused(text: str):
    with pytest.raises(UsageError, match="is no pattern"):
        Patterns(read(text))

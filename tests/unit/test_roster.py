"""A roster's names become short names that are safe everywhere, and one that cannot says why."""

from __future__ import annotations

import re

import pytest

from container_magics.core.roster import class_name, key_of, names_of, students
from container_magics.errors import UsageError

HOSTILE = (
    "x'; rm -rf /", "$(reboot)", "../../etc/passwd", "a b\\c", "=cmd|' /C calc'!A0", "<b>bold</b>",
    "--privileged", "Łukasz Żółć", "李小龍", "Ω", "O'Neil", "x" * 100, "gate", "class", "root",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_has_a_safe_short_name(name: str) -> None:
    (one,) = students([name])
    assert one.name == name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.key)
    assert len(one.key) <= 24


def test_three_hundred_names_have_as_many_short_names() -> None:
    names = [f"Student Number {n}" for n in range(150)] + [f"学生{n}" for n in range(150)]
    assert len({one.key for one in students(names)}) == 300


def test_a_short_name_depends_on_the_name_alone() -> None:
    alone = students(["Łukasz"])[0].key
    assert students(["Lukasz", "lukas", "Łukasz"])[2].key == alone
    assert key_of("Ada Lovelace") == "ada-lovelace"
    assert key_of("Łukasz") != key_of("Lukasz")


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "The roster is empty."),
        (["ada", "grace", "ada"], "'ada' stands twice in the roster, the second time as name 3."),
        (["Ada K", "ada-k"], "'Ada K' and 'ada-k' cannot be told apart as 'ada-k'."),
        (["ada", "   "], "'' cannot be a student's name."),
        (["two\nlines"], "'two\\nlines' cannot be a student's name."),
        (["\x1b[2J"], "'\\x1b[2J' cannot be a student's name."),
        (["x" * 101], f"'{'x' * 100}' cannot be a student's name."),
        ([f"s{n}" for n in range(1001)], "The roster has 1001 names; a class has at most 1000."),
    ],
)
def test_a_roster_that_cannot_be_is_refused_in_one_sentence(
    names: list[str], sentence: str
) -> None:
    with pytest.raises(UsageError) as refused:
        students(names)
    assert str(refused.value) == sentence


def test_names_of_a_spreadsheet() -> None:
    assert names_of("ada\n\ngrace\n") == ["ada", "grace"]
    assert names_of("\ufeffgroup,Name\r\n1,Ada\r\n2,Grace\r\n") == ["Ada", "Grace"]
    assert names_of('student,mail\n"Lovelace, Ada",a@b\n') == ["Lovelace, Ada"]
    assert names_of("") == []
    with pytest.raises(UsageError, match="line 3 has no name"):
        names_of("name,mail\nada,x\n,y\n")


@pytest.mark.parametrize("name", ["", "Unix", "a_b", "-a", "a" * 25, "a/b", "ü"])
def test_a_class_s_name_is_safe_as_it_is(name: str) -> None:
    assert class_name("unix-101") == "unix-101"
    with pytest.raises(UsageError):
        class_name(name)

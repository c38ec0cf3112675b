"""Who reads a cell: the table of languages, what users add to it, the shebang and --exec."""

from __future__ import annotations

import pytest

from container_magics.core import languages, script
from container_magics.core.flags import run_parser
from container_magics.core.languages import LANGUAGES, Language
from container_magics.errors import UsageError

LONG = "é" * 60_001
FILE = script.CELL_FILE


@pytest.mark.parametrize(
    ("cell", "name", "command", "file"),
    [
        ("echo", "", ("sh", "-c", "echo"), None),
        ("print(1)", "python", ("python3", "-u", "-c", "print(1)"), None),
        ("BEGIN {}", "awk", ("awk", "BEGIN {}"), None),
        ("{file} {cell}", "sh", ("sh", "-c", "{file} {cell}"), None),
        ("#!/bin/x\ny", "bash", (FILE,), b"#!/bin/x\ny"),
        (LONG, "", ("sh", FILE), LONG.encode()),
        (LONG, "awk", ("awk", "-f", FILE), LONG.encode()),
        (LONG, "php", ("php", FILE), LONG.encode()),
        ("select 1", "psql", (*LANGUAGES["psql"].program[:-1], FILE), b"select 1"),
        ("select 1", "mysql", ("mysql", "-e", f"source {FILE}"), b"select 1"),
    ],
)
def test_how_a_cell_reaches_its_program(
    cell: str, name: str, command: tuple[str, ...], file: bytes | None
) -> None:
    made = script.script(cell, name)
    assert (made.command, made.file, made.stdin) == (command, file, None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tclsh", "{file}"], Language(("tclsh", "{file}"), "file")),
        ("tclsh {file}", Language(("tclsh", "{file}"), "file")),
        (["x", "{cell}", "y"], Language(("x", "{cell}", "y"))),
        ("bc -q <", Language(("bc", "-q"), "stdin")),
        (["lua", "-e"], Language(("lua", "-e", "{cell}"), long=("lua", "{file}"))),
        (["jq", "-n"], Language(("jq", "-n", "{cell}"), long=("jq", "{file}"))),
        (["expr"], Language(("expr", "{cell}"))),
    ],
)
def test_users_add_languages_in_a_few_words(words: list[str] | str, expected: Language) -> None:
    assert languages.language(words) == expected


@pytest.mark.parametrize("words", ["", [], "{file}", "<", ["{cell}"], 'lua "', 5, [1, 2]])
def test_what_is_no_language_is_refused(words: object) -> None:
    with pytest.raises(UsageError, match="no language"):
        languages.language(words)  # type: ignore[arg-type]


def test_a_users_own_wins_and_is_found() -> None:
    table = languages.known({"python": "pypy -c", "bc": "bc <"})
    assert script.script("1", "python", table=table).command == ("pypy", "-c", "1")
    assert script.script("1+1", "bc", table=table) == script.Script(("bc",), stdin=b"1+1")
    assert script.script("1", "perl", table=table).command == ("perl", "-e", "1")


def test_an_unknown_one_is_told_the_nearest_and_all() -> None:
    with pytest.raises(UsageError, match="pyhton") as caught:
        script.script("x", "pyhton")
    assert "--as python?" in caught.value.hint
    assert ", ".join(LANGUAGES) in caught.value.hint


def test_a_long_cell_needs_a_way_as_a_file() -> None:
    table = languages.known({"expr": "expr"})
    with pytest.raises(UsageError, match="too long") as caught:
        script.script(LONG, "expr", table=table)
    assert "{file}" in caught.value.hint


def test_a_named_program_reads_the_cell_and_a_blank_cell_is_nothing() -> None:
    assert script.script("a\0b", program=("/x", "y")) == script.Script(("/x", "y"), stdin=b"a\0b")
    assert script.script(" \n", program=("/x",)) == script.Script(("/x",))


def test_a_nul_is_in_no_script() -> None:
    with pytest.raises(UsageError, match="NUL"):
        script.script("a\0b")


@pytest.mark.parametrize(
    ("command", "content", "programs"),
    [
        (("node", "-e", "1"), b"", ("node",)),
        ((FILE,), b"#!/usr/bin/python3 -u\nx", ("/usr/bin/python3",)),
        ((FILE,), b"#! /usr/bin/env -S node --x\ny", ("/usr/bin/env", "node")),
        ((FILE,), b"#!\n", ()),
        (("python3", FILE), b"#!/bin/x\n", ("python3",)),
        ((), b"", ()),
    ],
)
def test_which_programs_a_command_needs(
    command: tuple[str, ...], content: bytes, programs: tuple[str, ...]
) -> None:
    assert script.wanted(command, {FILE: content}) == programs


def test_the_help_of_as_follows_the_table() -> None:
    text = run_parser().help_text()
    assert all(name in text for name in LANGUAGES)

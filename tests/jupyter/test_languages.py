"""Languages, images without a shell, and what a missing interpreter says, in a real notebook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import Notebook

from container_magics.engine.client import Engine

BASE = "container-magics/base:bookworm"
MANY = "cm-test-languages"
MORE = "cm-test-more-languages"
SCRATCH = "cm-test-scratch"
BOX = "cm-test-scratch-box"
SQL = """.mode csv
create table t(a);
insert into t values (1), (2);
select sum(a), count(*) from t;
"""


@pytest.fixture(scope="module")
def images(engine: Engine, notebook: Notebook) -> Iterator[None]:
    """An image with some languages, and one with a single static program and nothing else."""
    try:
        made = notebook.run(
            f"%%image {MANY}\nFROM {BASE}\n"
            "RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends"
            " python3-minimal sqlite3 lua5.4 busybox-static bc && apt-get clean"
        )
        assert not made.error, made.told
        made = notebook.run(
            f"%%image {SCRATCH}\nFROM {MANY} AS many\n"
            "FROM scratch\nCOPY --from=many /bin/busybox /busybox"
        )
        assert not made.error, made.told
        yield
    finally:
        for container in engine.api.containers(all=True, filters={"name": BOX}):
            engine.api.remove_container(container["Id"], force=True)
        for image in (SCRATCH, MANY):
            if engine.api.images(image):
                engine.api.remove_image(image, force=True)


@pytest.mark.parametrize(
    ("language", "cell", "shown"),
    [
        ("python", "import sys\nprint(sys.stdin.read().upper())", "FED\n"),
        ("lua", 'print(io.read("a"):upper())', "FED\n"),
        ("awk", "{ print toupper($0) }", "FED\n"),
        ("perl", "print uc <>", "FED"),
        ("sqlite", SQL, "3,2\n"),
    ],
)  # fmt: skip
def test_each_language_reads_the_cell_and_its_stdin_is_free(
    images: None, notebook: Notebook, language: str, cell: str, shown: str
) -> None:
    notebook.run("word = 'fed'")
    seen = notebook.run(f"%%container {MANY} --as {language} --stdin word\n{cell}")
    assert (seen.stdout, seen.error) == (shown, ""), seen.told


def test_sql_that_fails_ends_the_cell(images: None, notebook: Notebook) -> None:
    seen = notebook.run(f"%%container {MANY} --as sqlite\nselect nonsense;\nselect 1;")
    assert (seen.error, seen.stdout) == ("ContainerFailed", "")


def test_languages_are_added_while_the_notebook_runs(images: None, notebook: Notebook) -> None:
    notebook.run("%config Workbench.languages = {'bc': 'bc -q <', 'lua54': ['lua5.4', '{file}']}")
    try:
        assert notebook.run(f"%%container {MANY} --as bc\n6 * 7").stdout == "42\n"
        assert notebook.run(f"%%container {MANY} --as lua54\nprint(_VERSION)").stdout == "Lua 5.4\n"
        notebook.run("word = '1'")
        both = notebook.run(f"%%container {MANY} --as bc --stdin word\n1")
        assert both.error == "UsageError"
    finally:
        notebook.run("%config Workbench.languages = {}")
    unknown = notebook.run(f"%%container {MANY} --as bc\n1")
    assert unknown.error == "UsageError"
    assert "python" in unknown.told


def test_a_setting_that_is_no_language_is_refused(notebook: Notebook) -> None:
    notebook.run("%config Workbench.languages = {'x': []}")
    seen = notebook.run(f"%%container {BASE} --as x\n1")
    assert "does not know 'x'" in seen.sentence


@pytest.fixture(scope="module")
def more(engine: Engine, notebook: Notebook) -> Iterator[None]:
    """An image with the larger languages, and a server for psql."""
    try:
        made = notebook.run(
            f"%%image {MORE}\nFROM {BASE}\n"
            "RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends"
            " nodejs ruby postgresql && apt-get clean"
        )
        assert not made.error, made.told
        yield
    finally:
        if engine.api.images(MORE):
            engine.api.remove_image(MORE, force=True)


@pytest.mark.parametrize(
    ("language", "cell", "shown"),
    [
        ("node", "process.stdin.on('data', d => console.log(`${d}`.toUpperCase()))", "FED\n"),
        ("ruby", "puts STDIN.read.upcase", "FED\n"),
    ],
)
@pytest.mark.parametrize("long", [False, True])
def test_node_and_ruby_read_the_cell_and_their_stdin_is_free(
    more: None, notebook: Notebook, language: str, cell: str, shown: str, long: bool
) -> None:
    """Also a cell that is longer than an argument may be."""
    comment = {"node": "// ", "ruby": "# "}[language] + "x" * 150_000 + "\n"
    notebook.run("word = 'fed'")
    seen = notebook.run(f"%%container {MORE} --as {language} --stdin word\n{comment * long}{cell}")
    assert (seen.stdout, seen.stderr, seen.error) == (shown, "", ""), seen.told
    failed = notebook.run(f"%%container {MORE} --as {language}\nnot a program at all (")
    assert failed.error == "ContainerFailed"
    assert "SyntaxError" in failed.stderr or "syntax error" in failed.stderr


def test_psql_reads_the_cell_beside_its_server(more: None, notebook: Notebook) -> None:
    notebook.run(
        f"%%container {MORE} -d --name {BOX}\nservice postgresql start; echo begun; exec sleep 600"
    )
    try:
        assert not (seen := notebook.run(f"%container wait {BOX} --for log:begun")).error, seen.told
        cell = f"%%container --in {BOX} -u postgres --as psql"
        sql = "create table t(a int);\ninsert into t values (1), (2);\n\\t on\n\\a\n"
        seen = notebook.run(f"{cell}\n{sql}select sum(a), count(*) from t;")
        assert (seen.error, seen.stdout.split()[-1]) == ("", "3|2"), seen.told
        failed = notebook.run(f"{cell}\nselect nothing;\nselect 'after';")
        assert failed.error == "ContainerFailed"
        assert "does not exist" in failed.stderr
        assert "after" not in failed.stdout, "a statement that fails ends the cell"
    finally:
        notebook.run(f"%container rm {BOX}")


@pytest.mark.parametrize("place", [BASE, f"--in {BOX}"])
@pytest.mark.parametrize(
    ("asked", "missing"),
    [("--as node\n1", "node"), ("\n#!/usr/bin/python3\n1", "/usr/bin/python3"),
     ("\n#!/usr/bin/env ruby\n1", "ruby"), ("--exec /opt/tool\n\n", "/opt/tool")],
)  # fmt: skip
def test_what_is_missing_is_named_and_what_is_there(
    images: None, engine: Engine, notebook: Notebook, place: str, asked: str, missing: str
) -> None:
    notebook.run(f"%%container {BASE} -d --name {BOX}\nsleep 1000")
    try:
        seen = notebook.run(f"%%container {place} {asked}".replace(" \n", "\n"))
        where = BOX if BOX in place else BASE
        assert seen.error == "ContainerFailed"
        assert seen.sentence == f"{where} has no {missing}; it has sh, bash, perl, awk."
    finally:
        notebook.run(f"%container rm {BOX}")


def test_a_language_of_one_s_own_is_among_what_is_there(images: None, notebook: Notebook) -> None:
    notebook.run('%config Workbench.languages = {"calc": "sed -n -e", "tcl": "tclsh {file}"}')
    notebook.run(f"%%container {BASE} -d --name {BOX}\nsleep 1000")
    try:
        for place in (f"{BASE} --as tcl", f"--in {BOX} --as tcl", f"{BASE} --as node"):
            seen = notebook.run(f"%%container {place}\n1")
            assert seen.sentence.endswith("; it has sh, bash, perl, awk, calc."), seen.told
    finally:
        notebook.run("%config Workbench.languages = {}")
        notebook.run(f"%container rm {BOX}")


def test_an_image_without_a_shell_says_so_and_runs_a_program(
    images: None, notebook: Notebook
) -> None:
    lost = notebook.run(f"%%container {SCRATCH}\necho hello")
    assert lost.sentence == f"{SCRATCH}:latest has no sh; it has no language that is known here."
    assert "--exec" in lost.told
    notebook.run("word = 'fed'")
    for line, shown in {
        f"%%container {SCRATCH} --exec /busybox echo 'two words' $HOME\n\n": "two words $HOME\n",
        f"%container {SCRATCH} --exec /busybox echo -n no cell": "no cell",
        f"%%container {SCRATCH} --exec /busybox cat\nthe cell": "the cell\n",
        f"%%container {SCRATCH} --stdin word --exec /busybox cat\n\n": "fed",
        f"%container {SCRATCH} --stdin word --exec /busybox cat": "fed",
    }.items():
        seen = notebook.run(line)
        assert (seen.stdout, seen.error) == (shown, ""), line
    both = notebook.run(f"%%container {SCRATCH} --stdin word --exec /busybox cat\ncell")
    assert both.error == "UsageError"
    failed = notebook.run(f"%container {SCRATCH} --exec /busybox false")
    assert failed.sentence == f"The program in {SCRATCH}:latest ended with exit status 1."


def test_a_running_container_without_a_shell_too(
    images: None, engine: Engine, notebook: Notebook
) -> None:
    try:
        notebook.run(f"%container {SCRATCH} -d --name {BOX} --exec /busybox sleep 1000")
        seen = notebook.run(f"%container --in {BOX} --exec /busybox echo there")
        assert (seen.stdout, seen.error) == ("there\n", ""), seen.told
        seen = notebook.run(f"%%container --in {BOX} --exec /busybox cat\nthe cell")
        assert (seen.stdout, seen.error) == ("the cell\n", ""), seen.told
        for lost in ("--as python\n1", "\necho", "--exec /none\n\n"):
            seen = notebook.run(f"%%container --in {BOX} {lost}")
            assert "it has no language that is known here" in seen.sentence, seen.told
    finally:
        notebook.run(f"%container rm {BOX}")


def test_a_programs_flags_are_its_own(notebook: Notebook) -> None:
    seen = notebook.run(f"%%container {BASE} --exec cat -n --out\n1")
    assert seen.error == "ContainerFailed"  # cat's own complaint
    assert "--out" in seen.stderr
    assert notebook.run(f"%container {BASE} --exec").error == "UsageError"
    assert notebook.run(f"%container {BASE} --as sh --exec id").error == "UsageError"
    assert notebook.run(f"%%container {BASE} -d --exec cat\nthe cell").error == "UsageError"

"""A container kernel whose cells are SQL: psql in a container, a PostgreSQL server in another."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from conftest import Notebook, wait_until
from kernelplay import BASE, ContainerNotebook

from container_magics.engine.client import Engine

IMAGE = "cm-test-sql"
SERVER = "cm-test-sql-server"
BIN = "/usr/lib/postgresql/15/bin"
BEGIN = f"""
mkdir -p /run/postgresql && chown postgres /run/postgresql
su postgres -c '{BIN}/initdb -D /tmp/data --auth=trust >/dev/null'
echo 'host all all all trust' >> /tmp/data/pg_hba.conf
exec su postgres -c "exec {BIN}/postgres -D /tmp/data -c listen_addresses='*' -c fsync=off"
"""


@pytest.fixture(scope="module")
def server(engine: Engine, base: str) -> Iterator[None]:
    """A server that answers by its name, on a network of its own."""
    maker = Notebook()
    made = maker.run(
        f"%%image {IMAGE}\nFROM {BASE}\nRUN apt-get update -qq && apt-get install -qq -y"
        " --no-install-recommends postgresql && apt-get clean"
    )
    maker.close()
    assert not made.error, made.told
    network = engine.api.create_network(IMAGE)["Id"]
    host = engine.api.create_host_config(network_mode=IMAGE)
    container = engine.api.create_container(
        IMAGE, ["bash", "-c", BEGIN], name=SERVER, host_config=host
    )["Id"]
    try:
        engine.api.start(container)
        wait_until(lambda: b"ready to accept" in engine.api.logs(container))
        yield
    finally:
        engine.api.remove_container(container, force=True, v=True)
        engine.api.remove_network(network)
        engine.api.remove_image(IMAGE, force=True)


@pytest.fixture(scope="module")
def sql(server: None) -> Iterator[ContainerNotebook]:
    opened = ContainerNotebook(
        "--language", "psql", "--network", IMAGE, "-e", f"PGHOST={SERVER}", "-e", "PGUSER=postgres",
        IMAGE,
    )  # fmt: skip
    yield opened
    opened.close()


def test_one_session_for_all_cells(sql: ContainerNotebook) -> None:
    cell = (
        "create temp table pears (kind text, grams int);\ninsert into pears values ('Abate', 210)"
    )
    assert sql.run(cell).error == ""
    seen = sql.run("select kind, grams / 10 as tens from pears")
    assert seen.stdout == " kind  | tens \n-------+------\n Abate |   21\n(1 row)\n\n"
    assert seen.error == ""
    assert sql.run("\\set fruit pear\n\\echo :fruit").stdout == "pear\n"
    assert sql.run("").stdout == ""


def test_the_first_error_ends_the_cell_and_not_the_session(sql: ContainerNotebook) -> None:
    sql.run("create temp table kept (n int)")
    seen = sql.run("select 1 as first;\nselect nope;\nselect 3 as third;")
    assert seen.error == "ContainerFailed"
    assert "first" in seen.stdout
    assert "third" not in seen.stdout
    assert ':2: ERROR:  column "nope" does not exist' in seen.stderr
    assert "(0 rows)" in sql.run("select * from kept").stdout


def test_it_can_be_stopped_and_can_ask(sql: ContainerNotebook) -> None:
    message = sql.begin("\\echo begun\nselect pg_sleep(300);")
    sql.arrivals(message, "begun")
    time.sleep(0.3)
    sql.stop_button()
    assert sql.wait(message).error == "CellStopped"
    seen, _ = sql.ask("\\prompt 'name? ' name\nselect reverse(:'name') as back", "Ada")
    assert "adA" in seen.stdout


def test_tab_help_and_what_is_whole(sql: ContainerNotebook) -> None:
    sql.run("create temp table quinces (weight int)")
    assert "quinces" in sql.asked("complete", "select * from quin", 18)["matches"]
    assert "weight" in sql.asked("complete", "select wei", 10)["matches"]
    assert "SELECT" in sql.asked("complete", "SEL", 3)["matches"]
    for code, status in (
        ("select 1;", "complete"), ("select 1", "incomplete"), ("select ';", "incomplete"),
        ("select 1; -- done", "complete"), ("\\d", "complete"),
    ):  # fmt: skip
        assert sql.asked("is_complete", code)["status"] == status, code
    assert "weight" in str(sql.asked("inspect", "quinces", 3)["data"])
    assert "SELECT" in str(sql.asked("inspect", "select 1", 3)["data"])


def test_when_psql_has_ended_the_next_cell_gets_a_fresh_one(sql: ContainerNotebook) -> None:
    assert sql.run("\\q").error == ""  # ends the file that it stands in, and not psql
    assert "fresh one" in sql.run("\\! kill -9 $PPID").text
    assert sql.run("select 1").error == ""


def test_no_server_is_one_sentence_with_what_psql_said(server: None) -> None:
    lonely = ContainerNotebook("--language", "psql", "-e", "PGHOST=127.0.0.1", IMAGE)
    try:
        seen = lonely.run("select 1")
        assert seen.sentence.startswith("psql ended as it began.")
        assert "Connection refused" in seen.told
    finally:
        lonely.close()

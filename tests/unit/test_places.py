"""Networks and volumes as tables, from facts."""

from __future__ import annotations

from container_magics.core.facts import NetworkFacts, VolumeFacts
from container_magics.view.model import Table
from container_magics.view.present import places


def network(*containers: str, mine: bool = False) -> NetworkFacts:
    return NetworkFacts(
        "0" * 64, "shop", "bridge", "local", True, ("10.0.0.0/24",), containers, {}, mine
    )


def rows(view: object) -> list[tuple[str, ...]]:
    assert isinstance(view, Table)
    assert all(len(row) == len(view.columns) for row in view.rows)
    return list(view.rows)


def test_a_network() -> None:
    (row,) = rows(places.networks([network("web", "db", mine=True)], stable=False))
    assert row == ("shop", "bridge", "local, internal", "10.0.0.0/24", "web, db", "✓")


def test_many_containers_are_counted_first_for_a_cell_may_be_cut() -> None:
    (row,) = rows(places.networks([network("a", "b", "c", "d")], stable=False))
    assert row[4] == "4 containers: a, b, c, …"


def test_stable_mode_hides_what_the_engine_chose() -> None:
    (row,) = rows(places.networks([network()], stable=True))
    assert row[3:5] == ("SUBNET", "")
    facts = VolumeFacts("data", "local", ("web",), {}, size_bytes=1_200_000)
    (row,) = rows(places.volumes([facts], stable=True, sizes=True))
    assert row == ("data", "local", "web", "SIZE", "")


def test_sizes_are_shown_when_asked_for() -> None:
    facts = [
        VolumeFacts("data", "local", (), {}, mine=True, size_bytes=1_200_000),
        VolumeFacts("far", "nfs", (), {}),
    ]
    assert [row[3] for row in rows(places.volumes(facts, stable=False, sizes=True))] == [
        "1.2 MB",
        "unknown",
    ]
    assert [len(row) for row in rows(places.volumes(facts, stable=False))] == [4, 4]


def test_nothing_is_said_in_words() -> None:
    for view in (places.networks([], stable=False), places.volumes([], stable=False)):
        assert isinstance(view, Table)
        assert view.empty.startswith("no ")

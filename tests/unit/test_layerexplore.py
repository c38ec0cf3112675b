"""The explorer's logic: the file system after a step, folder by folder, narrowed, with ghosts."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from typing import Any

import pytest
from ipywidgets import embed
from test_layers import e, tree

from container_magics.core.layerexplore import Step
from container_magics.core.layertree import LayerTree
from container_magics.jupyter import longlist
from container_magics.jupyter.explorer import Explorer
from container_magics.view.present.layerexplore import label, remark, standing

SHOP = tree(
    [e("srv", "dir"), e("srv/prices", size=900), e("srv/log", size=50), e("etc/motd", size=7)],
    [e("srv/prices", size=900, mode=0o600), e("srv/new", size=3)],
    [e("srv/log", "whiteout"), e("etc", "opaque")],
)


def told(step: Step, folder: bytes = b"") -> dict[str, str]:
    return {label(item): remark(item, SHOP) for item in step.items(folder)}


def test_each_step_has_the_files_of_then() -> None:
    assert told(Step(SHOP, 0), b"srv") == {
        "+ prices": "900 B, layer 1", "+ log": "50 B, layer 1",
    }  # fmt: skip
    assert told(Step(SHOP, 1), b"srv") == {
        "~ prices": "900 B, layer 2", "log": "50 B, layer 1", "+ new": "3 B, layer 2",
    }  # fmt: skip
    assert Step(SHOP, 1).items(b"no/such") == ()


def test_what_a_layer_hid_stands_as_a_ghost_where_it_was() -> None:
    last = Step(SHOP, 2)
    assert told(last, b"srv")["− log"] == "whiteout hides 50 B of layer 1, still shipped"
    assert told(last, b"etc") == {"− motd": "opaque hides 7 B of layer 1, still shipped"}
    assert "log" not in " ".join(told(Step(SHOP, 2, "changed"), b"srv"))


def test_a_folder_has_the_bytes_that_are_seen_and_those_hidden_apart() -> None:
    assert told(Step(SHOP, 2)) == {
        "srv/": "903 B, 4 entries, and 50 B hidden", "etc/": "0 B, 1 entry, and 7 B hidden",
    }  # fmt: skip
    assert told(Step(SHOP, 2, "hidden"))["srv/"] == "50 B, 1 entry"


def test_a_choice_and_a_text_narrow_it() -> None:
    assert set(told(Step(SHOP, 1, "added"), b"srv")) == {"+ new"}
    assert set(told(Step(SHOP, 1, "changed"), b"srv")) == {"~ prices"}
    assert set(told(Step(SHOP, 2, "hidden"), b"srv")) == {"− log"}
    found = Step(SHOP, 0, text="PRIC")
    assert (found.count, set(told(found))) == (1, {"srv/"})
    assert standing(SHOP, 1, 4) == "after layer 2 of 3: RUN step 1 (+1 ~1 -0); 4 names"


def test_a_row_knows_its_place_among_its_siblings() -> None:
    """What a screen reader says of it: "2 of 3", in its own folder."""
    made = Explorer(SHOP, "shop:1")
    try:
        made._slider.value = 2
        made.press("srv")
        rows = made.rows(0, 99)
        assert [(row.cells[0], row.level, row.place, row.siblings) for row in rows] == [
            ("srv/", 1, 1, 2), ("~ prices", 2, 1, 3), ("log", 2, 2, 3), ("+ new", 2, 3, 3),
            ("etc/", 1, 2, 2),
        ]  # fmt: skip
    finally:
        made.close()


def test_rows_that_are_left_out_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(longlist, "MOST_ROWS", 4)
    made = Explorer(SHOP, "shop:1")
    try:
        made._slider.value = 2
        assert made._standing.value.endswith("names")
        made.press("srv")
        assert made._tree.count == 4
        assert made._standing.value.endswith("; the first 4 rows are shown")
        made.press("srv")
        assert made._standing.value.endswith("names")
    finally:
        made.close()


def names_of(explorer: Explorer) -> list[str]:
    """What the tree shows: an arrow before a folder, two spaces for each level."""
    arrows = {None: "", True: "▾ ", False: "▸ "}
    return [
        "  " * (row.level - 1) + arrows[row.open] + row.cells[0]
        for row in explorer.rows(0, len(explorer._lines))
    ]


@pytest.fixture
def big() -> Generator[Explorer, None, None]:
    entries = [e(f"d{n % 300:03}/f{n:06}", size=n) for n in range(100_000)]
    made = Explorer(tree(entries), "big:1")
    yield made
    made.close()


def test_the_browser_gets_only_what_is_in_sight(big: Explorer) -> None:
    sent: list[Any] = []
    big._tree.send = sent.append
    big.press("d099")
    assert big._tree.count == 300 + 334
    big._tree._heard(None, {"ask": [300, 400], "version": big._tree.version}, [])
    (answer,) = sent
    assert (answer["begin"], len(answer["rows"])) == (300, 100)
    now = {"version": big._tree.version}
    for wrong in ({"ask": [0, 10**9]}, {"ask": [-5, 5]}, {"ask": ["0", 1]}, {"press": 5}):
        big._tree._heard(None, {**now, **wrong}, [])
    big._tree._heard(None, None, [])
    assert len(sent) == 1, "nothing of that is answered"
    states = embed.dependency_state(big).values()
    assert max(len(json.dumps(state)) for state in states) < 50_000, "of 100,000 names"
    big.press("d099")
    assert big._tree.count == 300
    assert "/d099" in big._owner.value


def test_a_folder_stays_open_when_the_slider_moves_and_searches_find() -> None:
    made = Explorer(SHOP, "shop:1")
    try:
        made.press("srv")
        made._slider.value = 1
        assert names_of(made) == ["▾ srv/", "  + prices", "  + log", "▸ etc/"]
        made._search.value = "log"
        assert names_of(made) == ["▾ srv/", "  + log"]
        made._search.value, made._slider.value, made._choice.value = "", 3, "hidden"
        assert names_of(made) == ["▾ srv/", "  − log", "▸ etc/"]
        made.press("srv/log")
        assert "whiteout at /srv/log" in made._owner.value
        made.press("no/such")
        made.press("\u20ac")
        assert "whiteout at /srv/log" in made._owner.value
        assert made._tabs.titles == ("tree", "map")
        made._tabs.selected_index = 1
        assert "/srv/" in made._map.value
        assert made._repr_mimebundle_()[0]["text/plain"].startswith("Layers of shop:1")
    finally:
        made.close()


def test_later_trees_are_drawn_and_closing_ends_the_thread() -> None:
    grown = threading.Event()

    def growing(over: threading.Event) -> Generator[LayerTree, None, None]:
        yield tree([e("srv/late", size=5)])
        grown.set()
        over.wait(30)

    made = Explorer(tree([e("srv/early", size=5)]), "box", growing)
    try:
        assert grown.wait(10)
        made.press("srv")
        assert names_of(made) == ["▾ srv/", "  + late"]
        (thread,) = [one for one in threading.enumerate() if one.name == "container-magics layers"]
    finally:
        made.close()
    thread.join(10)
    assert not thread.is_alive()

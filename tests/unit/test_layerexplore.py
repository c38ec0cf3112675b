"""The explorer's logic: the file system after a step, folder by folder, narrowed, with ghosts."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator

import pytest
from ipywidgets import embed
from test_layers import e, tree

from container_magics.core.layerexplore import Step
from container_magics.core.layertree import LayerTree
from container_magics.jupyter.explorer import PART, Explorer, Name, Names
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


def test_a_choice_and_a_text_narrow_it() -> None:
    assert set(told(Step(SHOP, 1, "added"), b"srv")) == {"+ new"}
    assert set(told(Step(SHOP, 1, "changed"), b"srv")) == {"~ prices"}
    assert set(told(Step(SHOP, 2, "hidden"), b"srv")) == {"− log"}
    found = Step(SHOP, 0, text="PRIC")
    assert (found.count, set(told(found))) == (1, {"srv/"})
    assert standing(SHOP, 1, 4) == "after layer 2 of 3: RUN step 1 (+1 ~1 -0); 4 names"


def names_of(box: Names) -> list[str]:
    return [row._button.description for row in box.children if isinstance(row, Name)]


def row_of(box: Names, name: str) -> Name:
    return next(
        row for row in box.children if isinstance(row, Name) and name in row._button.description
    )


@pytest.fixture
def big() -> Generator[Explorer, None, None]:
    entries = [e(f"d{n % 300:03}/f{n:06}", size=n) for n in range(100_000)]
    made = Explorer(tree(entries), "big:1")
    yield made
    made.close()


def test_the_browser_gets_only_what_is_open(big: Explorer) -> None:
    assert big._names is not None
    assert len(names_of(big._names)) == PART
    first = row_of(big._names, "d099/")
    first.press()
    assert first._names is not None
    assert len(names_of(first._names)) == PART
    assert "294 more" in first._names._more.description
    first._names.grow()
    assert len(names_of(first._names)) == 2 * PART
    state = json.dumps(embed.dependency_state(big))
    assert len(state) < 600_000, "of 100,000 names"
    first.press()
    assert first._names is None
    assert "/d099" in big._owner.value


def test_a_folder_stays_open_when_the_slider_moves_and_searches_find() -> None:
    made = Explorer(SHOP, "shop:1")
    try:
        assert made._names is not None
        srv_row = row_of(made._names, "srv/")
        srv_row.press()
        made._slider.value = 1
        assert row_of(made._names, "srv/") is srv_row, "the focus stays where it was"
        srv = row_of(made._names, "srv/")._names
        assert srv is not None
        assert names_of(srv) == ["+ prices", "+ log"]
        made._search.value = "log"
        assert names_of(made._names) == ["▾ srv/"]
        made._search.value, made._slider.value, made._choice.value = "", 3, "hidden"
        srv = row_of(made._names, "srv/")._names
        assert srv is not None
        assert names_of(srv) == ["− log"]
        row_of(srv, "log").press()
        assert "whiteout at /srv/log" in made._owner.value
        assert made._tabs.titles == ("tree", "map")
        made._tabs.selected_index = 1
        assert "/srv/" in made._map.value
        assert made._repr_mimebundle_()["text/plain"].startswith("Layers of shop:1")
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
        assert made._names is not None
        row_of(made._names, "srv/").press()
        srv = row_of(made._names, "srv/")._names
        assert srv is not None
        assert names_of(srv) == ["+ late"]
        (thread,) = [one for one in threading.enumerate() if one.name == "container-magics layers"]
    finally:
        made.close()
    thread.join(10)
    assert not thread.is_alive()

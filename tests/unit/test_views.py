"""Golden views, and what every door promises whatever the view holds."""

import json
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_magics.view.bundle import MIME, bundle, from_json, to_json
from container_magics.view.html import html
from container_magics.view.model import (
    Column,
    Group,
    Meter,
    Node,
    Note,
    Stack,
    StackRow,
    Step,
    Steps,
    Table,
    Tree,
)
from container_magics.view.plain import WIDTH, plain, visible

GOLDENS = sorted((Path(__file__).parents[1] / "views").glob("*.json"))
TAGS = {
    *("caption", "code", "details", "div", "em", "label", "li", "meter", "pre", "progress"),
    *("span", "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {"class", "style", "title", "scope", "colspan", "open", "min", "max", "value"}


class Page(HTMLParser):
    """The tags, attributes and words of some HTML; ``open`` are the tags not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(params=GOLDENS, ids=lambda path: path.stem)
def golden(request):
    return json.loads(request.param.read_text())


def test_every_kind_has_a_golden_view():
    kinds = {json.loads(path.read_text())["view"]["kind"] for path in GOLDENS}
    assert kinds == {"note", "table", "tree", "steps", "meter", "stack", "treemap", "group"}


def test_golden_views_are_drawn_as_they_were(golden):
    view = from_json(golden["view"])
    assert plain(view) == golden["plain"]
    assert html(view) == golden["html"]
    assert to_json(view) == golden["view"]


def test_golden_html_is_well_formed_and_of_our_tags_alone(golden):
    page = Page(golden["html"])
    assert page.open == []
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES


texts = st.text(st.characters(), max_size=12)
fractions = st.floats(-1, 2)
notes = st.builds(
    Note, texts, st.sampled_from(["info", "ok", "warning", "error"]), texts, st.tuples(texts)
)
nodes = st.recursive(
    st.builds(Node, texts, texts, st.sampled_from(["", "added", "changed", "hidden"])),
    lambda inner: st.builds(
        Node,
        texts,
        texts,
        st.just(""),
        st.lists(inner, max_size=3).map(tuple),
        st.integers(0, 9999),
    ),
    max_leaves=8,
)
tables = st.integers(1, 4).flatmap(
    lambda width: st.builds(
        Table,
        st.tuples(
            *[st.builds(Column, texts, st.sampled_from(["left", "right"])) for _ in range(width)]
        ),
        st.lists(st.tuples(*[texts] * width), max_size=3).map(tuple),
        texts,
        texts,
    )
)
step_states = st.sampled_from(["waiting", "running", "done", "cached", "failed", "cancelled"])
steps = st.builds(
    Steps,
    st.lists(
        st.builds(
            Step,
            texts,
            step_states,
            texts,
            st.tuples(texts),
            texts,
            st.tuples(texts),
            fractions,
            fractions,
            st.booleans(),
        )
    ).map(tuple),
)
rows = st.builds(
    StackRow,
    texts,
    texts,
    fractions,
    fractions,
    st.sampled_from(["layer", "empty", "writable"]),
    texts,
    st.tuples(nodes),
)
leaves = (
    notes
    | tables
    | steps
    | st.builds(Tree, st.lists(nodes, max_size=3).map(tuple), texts)
    | st.builds(Meter, texts, st.none() | fractions, texts)
    | st.builds(Stack, st.lists(rows, max_size=3).map(tuple), texts)
)
views = leaves | st.builds(Group, st.lists(leaves, max_size=3).map(tuple), texts)


@given(views)
def test_no_text_becomes_markup_or_a_control_character(view):
    page = Page(html(view))
    assert page.open == []
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    for text in (plain(view), page.words):
        assert not [
            character
            for character in text.replace("\n", "")
            if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
            or unicodedata.bidirectional(character) in ("LRO", "RLO", "LRE", "RLE", "LRI", "RLI")
        ]


@given(views)
def test_json_gives_the_view_back_and_can_be_sent(view):
    sent = json.dumps(to_json(view), ensure_ascii=False).encode()
    again = from_json(json.loads(sent))
    assert to_json(again) == to_json(view)
    assert plain(again) == plain(view)
    assert bundle(view) == bundle(view)


def test_a_bundle_has_the_three_saved_doors():
    note = Note("Built.", "ok")
    assert bundle(note) == {
        "text/plain": "✓ Built.",
        "text/html": html(note),
        MIME: {"kind": "note", "text": "Built.", "level": "ok", "hint": "", "facts": []},
    }


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "view: expected an object with a kind"),
        ({"kind": "hologram"}, "unknown kind 'hologram'"),
        ({"kind": ["note"]}, "expected an object with a kind"),
        ({"kind": "note"}, "view: text missing"),
        ({"kind": "note", "text": 3}, "view.text: expected str, not 3"),
        ({"kind": "note", "text": "", "level": "loud"}, "view.level: expected one of"),
        ({"kind": "note", "text": "", "onclick": ""}, "view: unknown 'onclick'"),
        ({"kind": "note", "text": "", "facts": "abc"}, "view.facts: expected a list"),
        ({"kind": "meter", "label": "", "fraction": float("nan")}, "view.fraction: expected float"),
        ({"kind": "meter", "label": "", "fraction": True}, "view.fraction: expected float"),
        ({"kind": "tree", "nodes": [{"label": "a", "omitted": 1.5}]}, r"nodes\[0\].omitted"),
        (
            {"kind": "table", "columns": [{"name": "a"}], "rows": [["1"], ["1", "2"]]},
            r"view.rows\[1\]: 2 cells under 1 columns",
        ),
    ],
)
def test_what_is_no_view_is_refused_with_its_place(data, said):
    with pytest.raises(ValueError, match=said):
        from_json(data)


def test_json_nested_without_end_is_refused():
    data = {"kind": "note", "text": ""}
    for _ in range(400):
        data = {"kind": "group", "views": [data]}
    with pytest.raises(ValueError, match="nested too deep"):
        from_json(data)


def test_a_tree_a_thousand_folders_deep_is_drawn_and_what_is_left_out_counted():
    node = Node("bottom")
    for _ in range(1000):
        node = Node("folder", children=(node,))
    tree = Tree((node,))
    assert plain(tree).endswith("└─ … 1 more")
    assert html(tree).count("<details>") == 41
    assert from_json(to_json(tree))


def test_visible_shows_what_would_act():
    assert visible("\x1b[2Ja\r\n\tb\x7f\x9b\u202e\ud800") == "␛[2Ja␍␊    b␡[U+009B][U+202E]\ufffd"
    assert visible("日本 👩‍💻 é") == "日本 👩‍💻 é"


def test_a_table_too_wide_is_cut_at_its_widest_column():
    columns = (Column("id"), Column("command"), Column("size", "right"))
    lines = plain(Table(columns, (("4f2a90c1d7e3", "x" * 300, "61.2 MB"),))).splitlines()
    assert {len(line) for line in lines} == {WIDTH}
    assert lines[-1].startswith("4f2a90c1d7e3  xxx")
    assert lines[-1].endswith("x…  61.2 MB")


def test_wide_characters_keep_columns_aligned():
    table = Table((Column("name"), Column("n", "right")), (("日本", "1"), ("abcd", "22")))
    assert plain(table).splitlines()[-2:] == ["日本   1", "abcd  22"]


def test_a_stack_is_drawn_newest_on_top_with_bars_in_proportion():
    stack = Stack((StackRow("base", "10 MB", 1.0), StackRow("app", "5 MB", 0.5, hidden=0.5)))
    top, bottom = plain(stack).splitlines()
    assert "app" in top
    assert (top.count("█"), top.count("░")) == (5, 5)
    assert (bottom.count("█"), bottom.count("░")) == (20, 0)


def test_more_than_nothing_is_seen_and_all_hidden_has_nothing_full():
    stack = Stack((StackRow("a", "1 B", 1e-9), StackRow("b", "1 B", 0.4, hidden=1.0)))
    all_hidden, tiny = plain(stack).splitlines()
    assert tiny.count("█") == 1
    assert (all_hidden.count("█"), all_hidden.count("░")) == (0, 8)


def test_a_step_says_its_state_in_words_and_opens_what_failed():
    steps = Steps((Step("RUN false", "failed", "0.1 s", ("no",)), Step("COPY . .", "cancelled")))
    assert "✗ RUN false  failed 0.1 s" in plain(steps)
    assert '<details open="open">' in html(steps)
    assert "cancelled" in Page(html(steps)).words


def test_a_meter_is_clamped_and_named_by_its_label():
    drawn = html(Meter("memory", 7.5, "too much"))
    assert 'value="1"' in drawn
    assert drawn.startswith('<div class="container-magics')
    assert "<label><span>memory</span>" in drawn

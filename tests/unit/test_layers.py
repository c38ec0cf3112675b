"""Layers laid over one another: what is seen, what is hidden, by whom, and that it adds up."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from container_magics.core import pathtree
from container_magics.core.layerrules import check
from container_magics.core.layers import (
    Entry,
    ImageLayers,
    Kind,
    Layer,
    Way,
    clean,
    entry_of,
    shown,
)
from container_magics.core.layersteps import ghost_entry, ghosts_after, merged, seen_after
from container_magics.core.layertree import LayerTree, merge
from container_magics.core.layerwaste import dive, wastes
from container_magics.core.pathtree import Folder, largest, tree_of, tree_of_nodes
from container_magics.core.tarmember import Member
from container_magics.errors import BadArchive, UsageError
from container_magics.view.bundle import from_json, to_json
from container_magics.view.html import html
from container_magics.view.model import Group, Note, Stack, Table
from container_magics.view.plain import plain
from container_magics.view.present import layers as present


def e(path: str, kind: Kind = "file", size: int = 0, link: str = "", mode: int = 0o644) -> Entry:
    return Entry(path.encode(), size, mode, kind, link.encode(), 0, 0, 0)


def tree(*layers: Iterable[Entry]) -> LayerTree:
    stacked = []
    for number, entries in enumerate(layers):
        held = tuple(entries)
        size = sum(entry.size_bytes for entry in held)
        stacked.append(Layer(f"sha256:{number}", "", f"RUN step {number}", None, size, held))
    return merge(ImageLayers("sha256:image", tuple(stacked)))


def seen(found: LayerTree, step: int = 99) -> dict[str, tuple[int, int]]:
    return {v.entry.path.decode(): (v.layer, v.size_bytes) for v in found.after(step)}


def lost(found: LayerTree) -> list[tuple[str, int, int, int, str]]:
    return [(h.entry.path.decode(), h.size_bytes, h.owner, h.hider, h.cause) for h in found.hidden]


def test_a_file_that_is_overwritten() -> None:
    found = tree([e("etc", "dir"), e("etc/a", size=10)], [e("etc", "dir"), e("etc/a", size=3)])
    assert seen(found) == {"etc": (1, 0), "etc/a": (1, 3)}
    assert seen(found, 0)["etc/a"] == (0, 10)
    assert lost(found) == [("etc/a", 10, 0, 1, "overwritten")]
    assert (found.changes[1].added.count, found.changes[1].changed.count) == (0, 1)
    assert found.efficiency == 3 / 13


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (e("a", size=9)._replace(crc=5), e("a", size=9, mode=0o600)._replace(crc=5), True),
        (e("a", size=9)._replace(crc=5), e("a", size=9)._replace(crc=6), False),
        (e("a", size=9)._replace(crc=5), e("a", size=8)._replace(crc=5), False),
        (e("a", size=9), e("a", size=8), False),
        (e("a", size=9)._replace(crc=5), e("a", size=9), None),
        (e("a", size=9), e("a", size=9), None),
        (e("a"), e("a"), True),
        (e("a"), e("a", "symlink"), None),
        (e("a", "symlink", link="x"), e("a", "symlink", link="x"), None),
        (e("a", size=9)._replace(crc=5), e("a", "whiteout"), None),
        (e("a/b", size=9)._replace(crc=5), e("a", size=9)._replace(crc=5), None),
    ],
)
def test_whether_a_file_was_overwritten_by_the_same_content(
    old: Entry, new: Entry, same: bool | None
) -> None:
    found = tree([old], [new])
    assert [hidden.same_content for hidden in found.hidden] == [same]
    assert found.hidden_bytes == sum(hidden.size_bytes for hidden in found.hidden)


def test_a_whiteout_hides_a_folder_and_all_below() -> None:
    found = tree([e("a", "dir"), e("a/b", "dir"), e("a/b/c", size=7)], [e("a", "whiteout")])
    assert seen(found) == {}
    assert max(lost(found)) == ("a/b/c", 7, 0, 1, "whiteout")
    assert found.changes[1].hid.count == 3


def test_an_opaque_folder_hides_only_lower_layers_wherever_its_mark_stands() -> None:
    upper = [e("a", "dir"), e("a/new", size=2), e("a/kept", size=5), e("a", "opaque")]
    found = tree([e("a", "dir"), e("a/old", size=7), e("a/kept", size=5)], upper)
    assert seen(found) == {"a": (1, 0), "a/new": (1, 2), "a/kept": (1, 5)}
    assert found.hidden_bytes == 12
    change = found.changes[1]
    assert (change.added.count, change.changed.count, change.hid.count) == (1, 1, 1)


def test_a_file_in_place_of_a_folder_and_back() -> None:
    found = tree([e("a", "dir"), e("a/b", size=4)], [e("a", size=1)], [e("a/c", size=2)])
    assert seen(found, 1) == {"a": (1, 1)}
    assert seen(found) == {"a/c": (2, 2)}
    assert [cause for *_, cause in lost(found)] == ["type change"] * 3


def test_hard_links_count_once_and_a_survivor_is_promoted() -> None:
    found = tree(
        [e("one", size=100), e("two", "hardlink", link="one"), e("six", "hardlink", link="two")],
        [e("one", "whiteout")],
        [e("two", "whiteout"), e("six", "whiteout")],
    )
    assert found.total_bytes == 100
    assert seen(found, 0) == {"one": (0, 100), "two": (0, 0), "six": (0, 0)}
    assert seen(found, 1) == {"two": (0, 100), "six": (0, 0)}
    assert [(path, size) for path, size, *_ in lost(found)] == [
        ("one", 0),
        ("two", 0),
        ("six", 100),
    ]


def test_a_ring_of_hard_links_has_no_bytes() -> None:
    found = tree([e("a", "hardlink", link="b"), e("b", "hardlink", link="a")], [e("a", "whiteout")])
    assert found.total_bytes == found.hidden_bytes == 0


def test_a_long_chain_of_hard_links_is_not_quadratic() -> None:
    links = [e(f"l{n}", "hardlink", link=f"l{n + 1}") for n in range(50_000)]
    start = time.perf_counter()
    found = tree([*links, e("l50000", size=7)])
    assert time.perf_counter() - start < 5
    assert found.visible_bytes == 7
    assert sum(size for _, size in seen(found).values()) == 7


def test_owner_tells_each_layer_that_touched_a_path() -> None:
    found = tree(
        [e("etc", "dir"), e("etc/passwd", size=10)],
        [e("etc/passwd", size=20)],
        [e("etc", "opaque"), e("etc", "dir")],
        [e("etc/passwd", size=5)],
    )
    owned = found.owner(b"etc/passwd")
    assert [(t.layer, t.action) for t in owned.touches] == [
        (0, "added"), (1, "changed"), (2, "hid"), (3, "added"),
    ]  # fmt: skip
    assert owned.winner == 3
    assert owned.touches[2].by == b"etc"
    assert found.owner(b"etc/none").touches == ()


NAMES = st.sampled_from(["a", "b", "a/b", "a/b/c", "a/c", "b/c", "c/d/e", "c/d", "c"])
KINDS = st.sampled_from(["file", "dir", "symlink", "hardlink", "whiteout", "opaque"])


@st.composite
def layer_entries(draw: st.DrawFn) -> list[Entry]:
    chosen: dict[object, Entry] = {}
    for path, kind in draw(st.lists(st.tuples(NAMES, KINDS), max_size=8)):
        size = draw(st.integers(0, 50)) if kind == "file" else 0
        entry = e(path, kind, size, draw(NAMES) if kind == "hardlink" else "")
        chosen[(path, kind) if kind in ("whiteout", "opaque") else path] = entry
    return list(chosen.values())


@settings(max_examples=600, deadline=None)
@given(st.lists(layer_entries(), min_size=1, max_size=5))
def test_every_byte_is_seen_or_hidden_once(layers: list[list[Entry]]) -> None:
    found = tree(*layers)
    visible = list(found.after(99))
    assert sum(v.size_bytes for v in visible) == found.visible_bytes
    assert sum(h.size_bytes for h in found.hidden) == found.total_bytes - found.visible_bytes
    assert sum(w.size_bytes for w in wastes(found)) == found.hidden_bytes
    assert sum(c.hides_bytes for c in found.changes) == found.hidden_bytes
    assert 0 <= found.efficiency <= 1
    winners = {v.entry.path: v.layer for v in visible}
    for path in {entry.path for layer in layers for entry in layer}:
        ownership = found.owner(path)
        if path in winners:
            assert ownership.winner == winners[path]


def naive(layers: list[list[Entry]]) -> dict[bytes, Entry]:
    """The file system by the letter of the specification, without any cleverness."""
    state: dict[bytes, Entry] = {}
    for layer in layers:
        for mark in (x for x in layer if x.kind in ("whiteout", "opaque")):
            inside = [p for p in state if p.startswith(mark.path + b"/")]
            for path in inside + ([mark.path] if mark.kind == "whiteout" else []):
                state.pop(path, None)
        for entry in (x for x in layer if x.kind not in ("whiteout", "opaque")):
            parts = entry.path.split(b"/")
            for above in (b"/".join(parts[:n]) for n in range(1, len(parts))):
                if above in state and state[above].kind != "dir":
                    del state[above]
            if entry.kind != "dir":
                for path in [p for p in state if p.startswith(entry.path + b"/")]:
                    del state[path]
            state[entry.path] = entry
    return state


@settings(max_examples=600, deadline=None)
@given(st.lists(layer_entries(), min_size=1, max_size=5))
def test_the_merged_tree_is_that_of_the_specification(layers: list[list[Entry]]) -> None:
    assert {v.entry.path: v.entry for v in tree(*layers).after(99)} == naive(layers)


def timed(whiteouts: int) -> float:
    files = 40_000
    base = [e(f"d{n % 400}/f{n}", size=1) for n in range(files)]
    top = [e(f"d{n % 400}/f{n}", "whiteout") for n in range(whiteouts)]
    best = 9e9
    for _ in range(3):
        start = time.process_time()
        tree(base, top)
        best = min(best, time.process_time() - start)
    return best


def test_many_whiteouts_are_not_quadratic() -> None:
    assert timed(16_000) < 2.5 * timed(1_000)


def member(name: str, kind: bytes = b"0", size: int = 0, link: str = "") -> Member:
    return Member(name.encode(), kind, size, 0o644, 0, 0, 0, link.encode())


@pytest.mark.parametrize(
    ("name", "path", "kind"),
    [
        ("./etc/passwd", b"etc/passwd", "file"),
        ("/etc//x/./y", b"etc/x/y", "file"),
        ("../../etc/shadow", b"etc/shadow", "file"),
        ("a/../../b", b"b", "file"),
        ("a///", b"a", "file"),
        ("a/.wh.b", b"a/b", "whiteout"),
        (".wh..wh..opq", b"", "opaque"),
        ("a/.wh..wh..opq", b"a", "opaque"),
    ],
)
def test_names_of_members(name: str, path: bytes, kind: str) -> None:
    found = entry_of(member(name))
    assert found is not None
    assert (found.path, found.kind) == (path, kind)


@pytest.mark.parametrize("name", [".wh..wh.plnk", "a/.wh..wh.aufs", ".wh.", ".wh...", "a/.wh..."])
def test_marks_of_builders_are_passed_over(name: str) -> None:
    assert entry_of(member(name)) is None


def test_a_whiteout_has_no_bytes_and_no_link() -> None:
    found = entry_of(member(".wh.x", b"0", 100, "stale"))
    assert found is not None
    assert (found.size_bytes, found.link) == (0, b"")


PIECES = st.lists(st.sampled_from([b"a", b"/", b".", b"..", b".wh.x", b"\xff"]), max_size=12)


@given(PIECES.map(b"".join))
@example(b"a//")
@example(b"//")
def test_no_name_leads_out_of_the_root(name: bytes) -> None:
    path = clean(name)
    if path:
        assert not {b"", b".", b".."} & set(path.split(b"/"))
    assert clean(path) == path


def test_a_name_that_no_system_takes() -> None:
    found = entry_of(member("a/" * 4095 + "b"))
    assert found is not None
    assert len(found.path) == 8191
    assert seen(tree([found]))[found.path.decode()] == (0, 0)
    with pytest.raises(BadArchive, match="8,193"):
        entry_of(member("a/" * 4096 + "b"))


def test_names_are_shown_without_controls() -> None:
    assert shown(b"caf\xe9\n\x1b[31m") == "caf\\xe9\\n\\x1b[31m"
    assert shown("\u202etxt.exe".encode()) == "\\u202etxt.exe"


def test_dives_score_counts_all_copies() -> None:
    # dive: /a seen twice: least 3 of 13; the removed folder of 7 counts again at its whiteout.
    found = tree(
        [e("a", size=10), e("d", "dir"), e("d/f", size=7)], [e("a", size=3), e("d", "whiteout")]
    )
    assert found.efficiency == 3 / 20
    assert dive(found).score == (3 + 7 + 7) / (10 + 3 + 7 + 7)
    assert dive(found).wasted_bytes == 13


@settings(max_examples=300, deadline=None)
@given(st.lists(layer_entries(), min_size=1, max_size=5))
def test_dives_numbers_are_those_of_its_rule(layers: list[list[Entry]]) -> None:
    """By the letter of the rule, over all paths."""
    found = tree(*layers)
    removed: dict[tuple[int, bytes], int] = {}
    for hidden in found.hidden:
        if hidden.cause == "whiteout" and hidden.by != hidden.entry.path:
            key = (hidden.hider, hidden.by)
            removed[key] = removed.get(key, 0) + hidden.entry.size_bytes
    sizes: dict[bytes, list[int]] = {}
    for index, layer in enumerate(found.layers):
        folders = {entry.path.rpartition(b"/")[0] for entry in layer.entries}
        for entry in layer.entries:
            if entry.kind != "opaque" and entry.path not in folders:
                mark = entry.kind == "whiteout"
                size = removed.get((index, entry.path), 0) if mark else entry.size_bytes
                sizes.setdefault(entry.path, []).append(size)
    everything = sum(map(sum, sizes.values()))
    ours = dive(found)
    assert ours.score == (sum(map(min, sizes.values())) / everything if everything else 1.0)
    assert ours.wasted_bytes == sum(sum(each) for each in sizes.values() if len(each) > 1)


def test_check() -> None:
    found = tree([e("a", size=10_000_000)], [e("a", size=30_000_000)])
    assert check(found, "efficiency>=0.75, wasted_bytes<=10MB")[0]
    holds, sentence = check(found, "wasted_percent<10")
    assert not holds
    assert sentence == "wasted_percent is 25, but asked for was (< 10)."


@pytest.mark.parametrize("rule", ["", "efficiency", "speed>1", "efficiency>high", "efficiency=>1"])
def test_rules_that_cannot_be_read(rule: str) -> None:
    with pytest.raises(UsageError):
        check(tree([e("a", size=1)]), rule)


def test_the_view_says_who_wasted_what() -> None:
    found = tree(
        [e("var", "dir"), e("var/cache", size=40_000_000), e("var/kept", size=60_000_000)],
        [e("var/cache", "whiteout")],
    )
    view = present.layers(found, "box:1", stable=True)
    text = plain(view)
    assert "40 MB are shipped, though a later layer hides them." in text
    assert "layer 2 (RUN step 1) removed 1 file of layer 1: 40 MB" in text
    assert "60.0 %" in text
    assert "visible bytes / all layers' bytes" in text
    assert isinstance(view, Group)
    stack = view.views[0]
    assert isinstance(stack, Stack)
    assert [row.hidden for row in stack.rows] == [0.4, 0.0]
    assert stack.rows[1].nodes[0].children[0].children[0].mark == "hidden"


def test_a_way_that_gave_nothing_is_not_told() -> None:
    found = replace(tree([e("a", size=1)]), ways=(Way("memory", 1, 0.0), Way("records", 0, 0.0)))
    text = plain(present.layers(found, "a"))
    assert "1 layer from memory (0.00 s)" in text
    assert "records" not in text


def test_what_the_reader_has_not_made_is_not_counted() -> None:
    """The same words as in stable mode, of which the course's texts speak."""
    base = [e("etc/motd", size=286), e("usr", size=138_000_000)]
    found = tree(base, [e("etc/motd", size=17)])
    text = plain(present.layers(found, "greeter:1", base_rows=1))
    assert "2 layers, 17 B above the base image, of which 17 B can be seen" in text
    assert "1  the base image" in text
    assert "138 MB" in text
    assert "✓ No layer hides bytes of another" in text
    assert "100.0 % (visible bytes / all layers' bytes above the base image)" in text
    assert "SIZE" in plain(present.layers(found, "greeter:1", base_rows=1, stable=True))
    heavy = tree(base, [e("scratch", size=20)], [e("scratch", "whiteout")])
    assert "0.0 %" in plain(present.layers(heavy, "heavy:1", base_rows=1))
    alone = plain(present.layers(tree(base), "base", base_rows=1))
    assert "1 layer, 138 MB, of which 138 MB can be seen" in alone


def test_what_a_container_alone_hides_is_no_fault_of_the_image() -> None:
    found = tree([e("etc/motd", size=286)], [e("etc/motd", "whiteout")])
    layers = (found.layers[0], replace(found.layers[1], writable=True))
    text = plain(present.layers(replace(found, layers=layers), "diary"))
    assert "286 B of the image cannot be seen in this container." in text
    assert "RUN" not in text.split("cannot be seen")[1]


def test_the_view_of_an_owner() -> None:
    found = tree([e("etc/passwd", size=10)], [e("etc/passwd", size=12)])
    view = present.owner(found, "/etc/passwd")
    assert isinstance(view, Table)
    assert [row[2] for row in view.rows] == ["added", "changed"]
    assert [row[-1] for row in view.rows] == ["", "✓"]
    assert isinstance(present.owner(found, "/nowhere"), Note)


def test_a_hundred_thousand_entries_stay_a_small_page() -> None:
    long = "n" * 200
    layers = [
        [e(f"usr/{i % 50}/<{long}>{i}&", size=i, mode=0o755) for i in range(start, start + 10_000)]
        for start in range(0, 100_000, 10_000)
    ]
    page = html(present.layers(tree(*layers), "big"))
    assert len(page.encode()) < 300_000
    assert "more" in page
    assert "<n" not in page


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("/bin/sh -c #(nop) COPY file:1 in / ", "COPY file:1 in /"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
        ("", "(no instruction is known)"),
    ],
)
def test_instructions_read_as_in_a_dockerfile(raw: str, said: str) -> None:
    assert present.instruction(Layer("", "", raw, None, 0, ())) == said


@settings(max_examples=400, deadline=None)
@given(st.lists(layer_entries(), min_size=1, max_size=5))
def test_the_tree_of_files_has_the_bytes_that_are_seen(layers: list[list[Entry]]) -> None:
    """After each layer, and by either way: the merge's own nodes, or what is not hidden."""
    found = tree(*layers)
    for step in range(len(layers)):
        shown = {v.entry.path: v.size_bytes for v in found.after(step)}
        seen = seen_after(found, step)
        assert {path: entry.size_bytes for path, (_, entry) in seen.items()} == shown
        ghosts = ghosts_after(found, step, seen.get)
        root = tree_of((entry for _, entry in seen.values()), map(ghost_entry, ghosts.values()))
        assert root.size_bytes == sum(shown.values())
        assert root.hidden_bytes == sum(ghost.size_bytes for ghost in ghosts.values())
        state = merged(found, step)
        if state is not None:
            assert {path: state.layer_of(path) for path in seen} == {
                p: n for p, (n, _) in seen.items()
            }
            assert ghosts_after(found, step, state.layer_of) == ghosts
            drawn = tree_of_nodes(state.root, map(ghost_entry, ghosts.values()))
            assert outline(drawn) == outline(root)
            assert drawn.size_bytes == root.size_bytes
            mine = (entry for index, entry in seen.values() if index == step)
            assert outline(tree_of_nodes(state.root, (), step)) == outline(tree_of(mine))
    assert merged(found, len(layers) - 1) is not None


def outline(folder: Folder) -> tuple[object, ...]:
    """All of a folder, but for which of some hard links has their bytes."""
    inside = sorted(map(outline, folder.children.values()), key=repr)
    paths = [(entry.path, entry.kind) for entry in folder.entries]
    return folder.name, folder.count, folder.hidden_bytes, paths, inside


PATHS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3).map("/".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(PATHS, st.booleans(), st.integers(0, 4)), max_size=60), st.integers(0, 9))
def test_the_largest_names_of_wide_folders_are_those_of_all(
    drawn: list[tuple[str, bool, int]], limit: int
) -> None:
    unique = {path: (folder, size) for path, folder, size in drawn}
    entries = [
        e(path, "dir") if folder else e(path, size=size) for path, (folder, size) in unique.items()
    ]

    def chosen(folder: Folder, found: dict[int, list[Folder]]) -> list[object]:
        inside = found.get(id(folder), [])
        return [folder.name, folder.width, [chosen(child, found) for child in inside]]

    root = tree_of(entries)
    all_made = chosen(root, largest(root, limit))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pathtree, "WIDE", 1)
        wide = tree_of(entries)
        assert chosen(wide, largest(wide, limit)) == all_made
    assert outline(wide) == outline(tree_of(entries))  # the rest is made when it is asked for


def test_a_large_folder_opens_by_pages_that_count() -> None:
    found = tree([e(f"srv/f{n}", size=n) for n in range(12_345)])
    view = present.layers(found, "large")
    page = html(view)
    pages = [int(n) for n in re.findall(r"the next ([0-9]+) of 12,345<", page)]
    (omitted,) = re.findall(r"… ([0-9,]+) more<", page)
    names = re.findall(r"<code>(f[0-9]+)</code>", page)
    assert pages[0] == 200
    assert len(names) + int(omitted.replace(",", "")) == 12_345
    assert names == [f"f{n}" for n in range(12_344, 12_344 - len(names), -1)], "each once, by size"
    assert len(page.encode()) < 300_000
    assert "the next" not in plain(view), "text cannot be folded"
    assert from_json(to_json(view)) == view


def test_a_page_of_many_layers_and_of_long_names_stays_small() -> None:
    many = tree(*([e(f"l{k}/f{n}", size=n) for n in range(100)] for k in range(120)))
    assert len(html(present.layers(many, "many")).encode()) < 300_000
    hostile = tree([e(f"d/{'&' * 200}{n}", size=n) for n in range(20_000)])
    assert len(html(present.layers(hostile, "hostile")).encode()) < 300_000


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(PATHS, st.integers(0, 4)), max_size=60), st.integers(0, 9),
       st.integers(0, 3000))  # fmt: skip
def test_further_names_are_the_next_largest(
    drawn: list[tuple[str, int]], limit: int, room_bytes: int
) -> None:
    root = tree_of([e(path, size=size) for path, size in dict(drawn).items()])
    found = pathtree.chosen(root, limit, room_bytes)
    first, least = largest(root, limit), largest(root, limit + len(drawn) * 3)

    def walk(folder: Folder, *, shown: bool) -> None:
        children, further = found.of(folder)
        mine = first.get(id(folder), []) if shown else []
        assert not shown or list(children) == mine
        assert shown or not further
        together = [*children, *further]
        assert together == least.get(id(folder), [])[: len(together)]
        for child in children:
            walk(child, shown=shown)
        for child in further:
            walk(child, shown=False)

    walk(root, shown=True)


def test_a_folder_of_very_many_names_is_drawn_in_a_moment() -> None:
    found = tree([e(f"data/f{n}", size=n) for n in range(100_000)])
    root = tree_of(found.layers[0].entries)
    (data,) = largest(root, 20)[id(root)]
    assert (data.width, len(data._children or ())) == (100_000, 19)
    text = plain(present.layers(found, "wide"))
    assert "more" in text
    assert "f99999" in text

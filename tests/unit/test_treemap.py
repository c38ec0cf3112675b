"""Sizes as areas: nothing is lost, and boxes have good shapes."""

from hypothesis import given
from hypothesis import strategies as st

from container_magics.core.layers import Entry
from container_magics.core.pathtree import tree_of
from container_magics.core.treemap import parts_of, strips
from container_magics.view.present.treemap import ASPECT, treemap

names = st.sampled_from([b"a", b"b", b"c", b"d"])
paths = st.lists(names, min_size=1, max_size=4).map(b"/".join)
trees = st.dictionaries(paths, st.integers(0, 10**12), max_size=40)


def root_of(sizes):
    return tree_of(
        Entry(path, count, 0o644, "file", b"", 0, 0, 0.0) for path, count in sizes.items()
    )


@given(trees, st.integers(1, 30))
def test_parts_hold_every_byte_and_are_no_more_than_asked_for(sizes, limit):
    parts = parts_of(root_of(sizes), limit)
    assert sum(part.size_bytes for part in parts) == sum(sizes.values())
    assert len(parts) <= limit
    assert len({part.path for part in parts}) == len(parts)


@given(st.lists(st.integers(1, 10**15), min_size=1, max_size=60))
def test_strips_hold_every_part_once_in_order(sizes):
    found = strips(sizes, ASPECT)
    assert [at for strip in found for at in strip] == list(range(len(sizes)))


def test_equal_parts_lie_in_a_grid_and_no_row_of_slivers():
    assert [len(strip) for strip in strips([1] * 40, 2.5)] == [10, 10, 10, 10]


@given(trees)
def test_areas_are_shares_of_the_whole(sizes):
    parts = parts_of(root_of(sizes), 20)
    view = treemap(parts, "all")
    areas = [tile.width * strip.height for strip in view.strips for tile in strip.tiles]
    total = sum(sizes.values())
    for part, area in zip(parts, areas, strict=True):
        assert abs(area - part.size_bytes / total) < 1e-9


def test_a_large_folder_is_opened_and_the_rest_of_it_counted():
    sizes = {b"usr/lib/%d" % number: 100 - number for number in range(10)} | {b"etc/x": 5}
    parts = parts_of(root_of(sizes), 12)
    rest = next(part for part in parts if part.rest)
    assert (rest.path, rest.rest, rest.size_bytes) == (b"usr/lib", 4, 94 + 93 + 92 + 91)
    words = [tile.label for strip in treemap(parts, "").strips for tile in strip.tiles]
    assert "/usr/lib/ and 4 more in it" in words
    assert "/usr/lib/0" in words

"""The text after %image and %images, as docker's own words have it."""

from __future__ import annotations

import pytest

from container_magics.core.completion import wanted
from container_magics.core.imageflags import age_s, gathered, image_parser, images_parser
from container_magics.errors import UsageError


def test_names_and_flags_in_any_order() -> None:
    words = image_parser().parse("rm a -f b")
    assert (words.names, words.force) == (["a", "b"], True)
    words = image_parser().parse("save -o all.tar a b")
    assert (words.output, words.names) == ("all.tar", ["a", "b"])
    assert image_parser().parse("load -i x.tar").input == "x.tar"


@pytest.mark.parametrize(
    "line",
    [
        "history a -f",
        "push a --all",
        "load --stdin 3x",
        "prune --filter dangling=false",
        "prune --filter until=soon",
        "pull a --platform arm",
        "prune --filter until",
    ],
)
def test_what_does_not_go_together_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        image_parser().parse(line)


def test_filters_are_gathered_by_their_name() -> None:
    words = images_parser().parse("--filter label=a -f label=b=c --filter dangling=true")
    assert gathered(words.filter) == {"label": ["a", "b=c"], "dangling": ["true"]}
    pruned = image_parser().parse("prune --filter until=24h --filter until=1h --filter label=a")
    assert age_s(pruned.filter) == 24 * 3600
    assert age_s([]) == 0


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("push ", ("image",)),
        ("save a ", ("image", "file")),
        ("load ", ("file",)),
        ("load --stdin ", ("variable",)),
        ("save -o ", ("file",)),
        ("prune ", ()),
        ("rm a ", ("image",)),
    ],
)
def test_tab_knows_what_may_follow(line: str, kinds: tuple[str, ...]) -> None:
    assert wanted(image_parser(), line).kinds == kinds


def test_tab_offers_a_verb_its_own_flags() -> None:
    assert "--force" in wanted(image_parser(), "rm --").words
    assert "--format" not in wanted(image_parser(), "rm --").words

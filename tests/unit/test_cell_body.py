"""What Tab offers in the body of a cell that is not Python."""

from __future__ import annotations

import pytest

from container_magics.core.cellbody import in_body
from container_magics.core.completion import Wanted

STAGES = "%%image app\nFROM debian AS build\nFROM --platform=linux/amd64 debian as bare\n"


def at_end(text: str) -> Wanted | None:
    lines = text.split("\n")
    return in_body(text, len(lines) - 1, len(lines[-1]))


@pytest.mark.parametrize(
    ("text", "typed", "words", "kinds"),
    [
        ("%%image app\nFR", "FR", ("FROM",), ()),
        ("\n\n%%image app\n\n# a comment\n  r", "r", ("RUN",), ()),
        ("%%image app\nFROM deb", "deb", (), ("image",)),
        (STAGES + "FROM b", "b", ("build", "bare"), ("image",)),
        (STAGES + "COPY --from=b", "b", ("build", "bare"), ()),
        (STAGES + "RUN --mount=type=bind,from=bu", "bu", ("build",), ()),
        (STAGES + "RUN true \\\n  --mount=from=ba", "ba", ("bare",), ()),
        (STAGES + "COPY FR", "", (), ()),
        (STAGES + "RUN apt-get \\\nFR", "", (), ()),
        ("%%container debian\nls ", "", (), ()),
        ("%%ssh box\nls ", "", (), ()),
        ("%%compose\nservices:\n  ", "", (), ()),
    ],
)
def test_what_is_offered(
    text: str, typed: str, words: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    found = at_end(text)
    assert found is not None
    assert (found.typed, found.words, found.kinds) == (typed, words, kinds)
    assert found.fragment == typed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1\nF",
        "%%time\nF",
        "%%image app",
        "%%imagery app\nF",
        "%%container debian --as python\nF",
        "%%container --as=python3 debian\nF",
        "%%container debian\n#!/usr/bin/env python3\nF",
        "%image app\nF",
    ],
)
def test_where_python_reads_it_we_say_nothing(text: str) -> None:
    assert at_end(text) is None

"""Where a class's gateway listens, as the teacher says it."""

from __future__ import annotations

import pytest

from container_magics.classroom.gate import Door, door
from container_magics.errors import UsageError


@pytest.mark.parametrize(
    ("publish", "reached", "found"),
    [
        ("", "", Door("127.0.0.1", None, "", None)),
        ("0.0.0.0:2222", "", Door("0.0.0.0", 2222, "", None)),
        ("10.0.0.5", "", Door("10.0.0.5", None, "", None)),
        ("", "class.example.org", Door("127.0.0.1", None, "class.example.org", None)),
        ("0.0.0.0:2222", "h:65535", Door("0.0.0.0", 2222, "h", 65535)),
    ],
)
def test_what_is_said_is_where_it_listens(publish: str, reached: str, found: Door) -> None:
    assert door(publish, reached) == found


@pytest.mark.parametrize("words", ["h:0", "h:x", ":1", "h:", "h:65536", "h:-1", "h:22:23"])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_no_address_is_refused_with_an_example(words: str, which: int) -> None:
    with pytest.raises(UsageError, match="is not ADDRESS or ADDRESS:PORT") as caught:
        door(*[("", words), (words, "")][which])
    assert caught.value.hint == "Such as 0.0.0.0:2222."

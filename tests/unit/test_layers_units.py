"""Sizes, durations and counts read as people write them."""

import pytest

from container_magics.core import units
from container_magics.errors import UsageError


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (12_840_000, "12.8 MB"),
        (999_600, "1 MB"),
        (127_600_000, "128 MB"),
        (1_780_000_000, "1.78 GB"),
        (10**25, "10000000 EB"),
    ],
)
def test_size(size_bytes: int, text: str) -> None:
    assert units.size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.035, "35 ms"), (1.24, "1.2 s"), (59.99, "1 min 0 s"), (3840, "1 h 4 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


def test_count() -> None:
    assert units.count(2907) == "2,907"
    assert units.count(1, "file") == "1 file"
    assert units.count(2907, "file") == "2,907 files"
    assert units.count(0, "entry", "entries") == "0 entries"


def test_percent_never_rounds_up_to_the_whole() -> None:
    assert units.percent(0.942) == "94.2 %"
    assert units.percent(0.99999) == "> 99.9 %"
    assert units.percent(1.0) == "100.0 %"
    assert units.percent(0.00001) == "< 0.1 %"


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("20MB", 20_000_000), ("1.5 GB", 1_500_000_000), ("512", 512), ("20MiB", 20 << 20)],
)
def test_parse_size(text: str, size_bytes: int) -> None:
    assert units.parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "MB", "-1", "20 parsecs", "1e9"])
def test_what_is_not_a_size(text: str) -> None:
    with pytest.raises(UsageError, match="not a size"):
        units.parse_size(text)

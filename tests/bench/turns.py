"""Measure two ways in turns, and put what was found into rows of a table."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Costs:
    """Where there are ``count`` of a thing: what one more has cost."""

    count: int
    seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table, as text. ``met`` is None where the issue sets no target; ``costs`` are
    the figures of which a picture is drawn, None for none."""

    what: str
    ours: str
    against: str
    theirs: str
    result: str
    target: str = ""
    met: bool | None = None
    costs: Costs | None = None


def in_turns(ways: Mapping[str, Callable[[], T]], repeats: int) -> dict[str, list[T]]:
    """``repeats`` samples of each way. All ways go once before any goes again, and the first
    to go changes each time, so that the machine's drift meets them alike. One turn more, the
    very first, is dropped: it fills the caches."""
    samples: dict[str, list[T]] = {way: [] for way in ways}
    for turn in range(repeats + 1):
        for way in list(ways)[:: 1 if turn % 2 else -1]:
            sample = ways[way]()
            if turn:
                samples[way].append(sample)
        say(".", end="" if turn < repeats else "\n")
    return samples


def quotient(
    what: str,
    ours: Sequence[float],
    against: str,
    theirs: Sequence[float],
    at_most: float | None = None,
) -> Row:
    """Seconds of ours and theirs, and the ratio of their medians."""
    ratio = statistics.median(ours) / statistics.median(theirs)
    target = "" if at_most is None else f"≤ {at_most:.2f}"
    met = None if at_most is None else ratio <= at_most
    return Row(what, spread(ours), against, spread(theirs), f"× {ratio:.3f}", target, met)


def difference(
    what: str,
    ours: Sequence[float],
    against: str,
    theirs: Sequence[float],
    at_most_s: float | None = None,
) -> Row:
    """Seconds of ours and theirs, and the difference of their medians."""
    more_s = statistics.median(ours) - statistics.median(theirs)
    target = "" if at_most_s is None else f"≤ {at_most_s * 1e3:+.0f} ms"
    met = None if at_most_s is None else more_s <= at_most_s
    result = f"{more_s * 1e3:+.0f} ms"
    return Row(what, spread(ours), against, spread(theirs), result, target, met)


def within(
    what: str, ours: Sequence[float], against: str, theirs: Sequence[float], at_most_s: float
) -> Row:
    """Seconds of ours and theirs, and the median of ours, which has a limit of its own."""
    median_s = statistics.median(ours)
    target, met = f"≤ {at_most_s * 1e3:.0f} ms", median_s <= at_most_s
    return Row(what, spread(ours), against, spread(theirs), f"{median_s * 1e3:.0f} ms", target, met)


def peak(what: str, samples_bytes: Sequence[int], limit_bytes: int) -> Row:
    """Memory: the greatest of all samples, for that is what a machine must have."""
    result = f"{max(samples_bytes) / 1e6:.0f} MB"
    target = f"< {limit_bytes / 1e6:.0f} MB"
    return Row(what, result, "", "", result, target, max(samples_bytes) < limit_bytes)


def spread(samples_s: Sequence[float]) -> str:
    """The median and, in brackets, the quartiles; two samples are needed for them."""
    low, middle, high = statistics.quantiles(samples_s, n=4, method="inclusive")
    if middle >= 10:
        return f"{middle:.2f} s ({low:.2f}–{high:.2f})"
    return f"{middle * 1e3:.0f} ms ({low * 1e3:.0f}–{high * 1e3:.0f})"


def say(text: str, end: str = "\n") -> None:
    """Progress goes to stderr: stdout has the table alone."""
    print(text, end=end, file=sys.stderr, flush=True)

"""A container's log, line by line: its engine's stamps, what was seen, what a pattern matches.

With ``timestamps=1`` the engine puts before each line the moment when it read it, as RFC 3339
with nine decimals, and a space (Engine API, "Get container logs").
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from container_magics.core.events import Output, Stream

STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ")
SECOND_NS = 1_000_000_000
OVERLAP_NS = SECOND_NS
"""How far lines of the log may stand out of their order, and so how far back it is read again.

stdout and stderr are read by two threads of the engine: of two lines of the same moment the
earlier may be written later.
"""
LONGEST_LINE = 1 << 20
"""Of a longer line only so many characters are compared with a pattern."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """What the engine wrote at once: a line with its end, or a piece of a very long one.

    ``stamp_ns`` is in nanoseconds since the Unix epoch, 0 where the engine gave no stamp.
    """

    stamp_ns: int
    output: Output


def stamped(output: Output) -> LogLine:
    """A frame of a log that was asked for with its timestamps."""
    match = STAMP.match(output.data)
    if match is None:
        return LogLine(0, output)
    return LogLine(stamp_ns(match), Output(output.stream, output.data[match.end() :]))


def stamp_ns(match: re.Match[bytes]) -> int:
    """Nanoseconds since the Unix epoch; a float would lose the last figures."""
    second, fraction, zone = (part.decode() if part else "" for part in match.groups())
    return whole_second(second + zone) * SECOND_NS + int(fraction.ljust(9, "0") or 0)


@lru_cache(maxsize=8)
def whole_second(text: str) -> int:
    """Seconds since the Unix epoch; many lines have the same one."""
    return int(datetime.fromisoformat(text).timestamp())


class Seen:
    """Which lines were seen of late, so that a log that is read again repeats none."""

    def __init__(self) -> None:
        self.newest_ns = 0
        self._first_ns = 0
        self._recent: deque[LogLine] = deque()
        self._count: Counter[LogLine] = Counter()
        self._repeated: Counter[LogLine] = Counter()

    @property
    def since_ns(self) -> int:
        """From when the log has to be read again to lose nothing, and never from before the
        first line that was seen; 0 before the first line."""
        return max(self._first_ns, self.newest_ns - OVERLAP_NS)

    def again(self) -> None:
        """The log is read again, from ``since_ns`` on."""
        self._repeated = self._count.copy()

    def is_new(self, line: LogLine) -> bool:
        """Whether this line was not seen before; it counts as seen from now on."""
        if self._repeated[line]:
            self._repeated[line] -= 1
            return False
        self.newest_ns = max(self.newest_ns, line.stamp_ns)
        self._first_ns = self._first_ns or line.stamp_ns
        self._recent.append(line)
        self._count[line] += 1
        while self._recent[0].stamp_ns < self.since_ns:
            self._forget(self._recent.popleft())
        return True

    def _forget(self, line: LogLine) -> None:
        self._count[line] -= 1
        if not self._count[line]:
            del self._count[line]


class Matcher:
    """Looks for a pattern in each line of output, however it was cut into pieces."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self._begun: defaultdict[Stream, bytes] = defaultdict(bytes)

    def found(self, output: Output) -> str | None:
        """The first line that matches and ends in this output, without its end; None for none."""
        *lines, rest = (self._begun[output.stream] + output.data).split(b"\n")
        self._begun[output.stream] = rest[:LONGEST_LINE]
        for line in lines:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            if self._pattern.search(text[:LONGEST_LINE]):
                return text
        return None

    def left(self) -> str | None:
        """A last line without an end that matches; None for none."""
        return next(
            (line for stream in list(self._begun) if (line := self.found(Output(stream, b"\n")))),
            None,
        )

"""Secret values in what a program prints: replaced before anybody sees them."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = b"***"
SHORTEST = 4
"""A shorter value would be found everywhere, and hide what it has nothing to do with."""


class Redaction:
    """Replaces secrets in a stream of bytes that may cut them anywhere.

    A value of several lines is also looked for line by line, for so it is printed.
    """

    def __init__(self, values: Iterable[bytes]) -> None:
        """Take the secret values; those of less than four bytes are not looked for."""
        found = {part.strip() for value in values for part in (value, *value.splitlines())}
        self._values = sorted((one for one in found if len(one) >= SHORTEST), key=len, reverse=True)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What can be shown: all but an end that may be the beginning of a secret."""
        text = self.whole(self._held + data)
        kept = self._unsure(text)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def rest(self) -> bytes:
        """What was held back; for the end of the stream."""
        held, self._held = self._held, b""
        return held

    def whole(self, data: bytes) -> bytes:
        """The same with every secret in it replaced; for what comes in one piece."""
        for value in self._values:
            data = data.replace(value, SHOWN)
        return data

    def text(self, text: str) -> str:
        """The same of a text."""
        return self.whole(text.encode("utf-8", "surrogateescape")).decode(
            "utf-8", "surrogateescape"
        )

    def _unsure(self, text: bytes) -> int:
        """How many bytes at the end are the beginning of a secret."""
        longest = max(map(len, self._values), default=1) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(value.startswith(text[-size:]) for value in self._values):
                return size
        return 0

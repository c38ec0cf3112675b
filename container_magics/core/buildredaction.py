"""A build's events without the values of its secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from container_magics.core.events import BuildEvent, BuildOutput, BuildRefused, BuildStep, Stream
from container_magics.core.redaction import Redaction


class BuildRedaction:
    """Hides values in what the steps print and in the builder's own words. A step prints in
    pieces, so the end of one is held back while it may be the beginning of a secret."""

    def __init__(self, values: Iterable[bytes]) -> None:
        """Take the secret values; with none, everything passes as it is."""
        self._values = tuple(values)
        self._words = Redaction(self._values)
        self._printed: dict[tuple[str, Stream], Redaction] = {}

    def feed(self, event: BuildEvent) -> Iterator[BuildEvent]:
        """The events to tell in this one's place."""
        match event:
            case _ if not self._values:
                yield event
            case BuildOutput():
                source = (event.digest, event.stream)
                printed = self._printed.setdefault(source, Redaction(self._values))
                if shown := printed.feed(event.data):
                    yield replace(event, data=shown)
            case BuildStep():
                if event.completed_s is not None:
                    yield from self._rest(event.digest)
                yield replace(event, error=self._words.text(event.error))
            case BuildRefused():
                yield replace(event, message=self._words.text(event.message))
            case _:
                yield event

    def _rest(self, digest: str) -> Iterator[BuildEvent]:
        """What a step that has ended still had to say."""
        for (known, stream), printed in self._printed.items():
            if known == digest and (held := printed.rest()):
                yield BuildOutput(digest, stream, held)

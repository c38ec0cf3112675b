"""What a place can do, feature by feature, as its engine's own answers have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FEATURES = {
    "run": "run containers",
    "build": "build images",
    "layers": "show the layers of an image",
    "diff": "show what a container has changed",
    "exec": "run a program in a container that runs",
    "terminal": "open a terminal in a container",
    "stats": "measure what a container uses",
    "limits": "limit memory, processors and processes",
    "volumes": "keep files in volumes",
    "class": "spread a class over a swarm",
}
"""Feature -> what it is, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One feature. ``words`` say by what it is done ("BuildKit"), or why it is not; "" where
    there is nothing to say. ``hint`` is what to do where it is missing."""

    feature: str
    can: bool
    words: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """All of FEATURES, in its order, for one engine."""

    features: tuple[Capability, ...]

    def __getitem__(self, feature: str) -> Capability:
        """The one of that name; KeyError for another name than those of FEATURES."""
        return {each.feature: each for each in self}[feature]

    def __iter__(self) -> Iterator[Capability]:
        """In the order of FEATURES."""
        return iter(self.features)

    def can(self, feature: str) -> bool:
        """Whether the place has it; KeyError as above."""
        return self[feature].can

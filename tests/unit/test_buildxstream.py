"""docker buildx's words on stderr, in pieces of any length."""

from __future__ import annotations

import base64
import json

import pytest

from container_magics.core.buildxstream import BuildxStream
from container_magics.core.events import (
    BuildEvent,
    BuildOutput,
    BuildProgress,
    BuildStep,
    BuildWarning,
)


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


STAMP = "2026-11-25T22:42:50.084908272Z"
RESPONSES: list[dict[str, object]] = [
    {"vertexes": [{"digest": "a", "name": "[1/2] FROM x", "started": STAMP}]},
    {"statuses": [{"id": "up", "vertex": "a", "current": 1}]},
    {"logs": [{"vertex": "a", "stream": 2, "data": coded("{ä\n"), "timestamp": STAMP}]},
    {"warnings": [{"vertex": "a", "level": 1, "short": coded("old"), "url": "u"}]},
    {
        "warnings": [
            {
                "vertex": "a",
                "short": coded("odd"),
                "detail": [coded("ä"), coded("b")],
                "range": [{"start": {"line": 4}, "end": {"line": 5}}],
            }
        ]
    },
    {"vertexes": [{"digest": "b", "name": "n", "inputs": ["a"], "cached": True, "error": "no"}]},
]
EVENTS: list[BuildEvent] = [
    BuildStep("a", "[1/2] FROM x", started_s=1795646570.084908),
    BuildProgress("a", "up", 1),
    BuildOutput("a", "stderr", "{ä\n".encode()),
    BuildWarning("a", "old", "u"),
    BuildWarning("a", "odd", line=4, detail=("ä", "b")),
    BuildStep("b", "n", ("a",), cached=True, error="no"),
]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_objects_and_plain_lines_are_told_apart(indent: int | None, size: int) -> None:
    lines = [json.dumps(one, indent=indent) for one in RESPONSES]
    text = "\n".join(["WARNING: first", *lines, "ERROR: failed to solve:", " {because", ""])
    stream = BuildxStream()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert [event for piece in pieces for event in stream.feed(piece)] == EVENTS
    assert stream.failure == "failed to solve:\n{because"


def test_what_buildx_says_without_the_word_error_is_its_failure_too() -> None:
    stream = BuildxStream()
    assert list(stream.feed("no such plugin")) == []
    assert stream.failure == "no such plugin"

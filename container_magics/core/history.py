"""An image's history: its lines as a Dockerfile has them, and each layer by its instruction."""

from __future__ import annotations

import re
from collections.abc import Sequence

from container_magics.core.buildsteps import external
from container_magics.core.dockerfile import Dockerfile, Instruction, Stage
from container_magics.core.events import BuiltLayer
from container_magics.core.facts import HistoryLine

IMPORTED = "Imported from "  # what the engine writes for `docker import`
NOP = re.compile(r"^/bin/sh -c #\(nop\)\s+")
SHELL = re.compile(r"^(RUN )?(\|\d+ .*?)?/bin/sh -c ", re.DOTALL)  # |N: so many ARGs before
BUILDKIT = re.compile(r"\s*# buildkit$")
MAKE_LAYERS = {"ADD", "COPY", "RUN", "WORKDIR"}
"""The others change an image's configuration alone."""


def as_written(line: str) -> str:
    """A line of an image's history as its Dockerfile has it, or in words where it came by none."""
    if line.startswith(IMPORTED):
        return "an imported file system"
    text = BUILDKIT.sub("", line.strip())
    if NOP.match(text):
        return NOP.sub("", text)
    return SHELL.sub("RUN ", text) or "(no instruction is known)"


def built_layers(
    dockerfile: Dockerfile, target: str, history: Sequence[HistoryLine], layers: int
) -> tuple[BuiltLayer, ...]:
    """The image's ``layers`` layers, oldest first, each with the instruction that made it.

    ``history`` is the image's, oldest first. The base image's layers are one, with how many they
    are, and so is the whole image where history and Dockerfile do not agree.
    """
    chain = chain_of(dockerfile, target)
    writing = [one for one in chain if one.keyword in MAKE_LAYERS]
    pairs = pairs_of(writing, history)
    made = [BuiltLayer(one, line.size_bytes) for one, line in pairs if is_layer(line)]
    below = layers - len(made)
    if below < 0 or len(pairs) != len(writing):
        return (BuiltLayer(None, sum(line.size_bytes for line in history), layers),)
    rest = sum(line.size_bytes for line in history) - sum(one.size_bytes for one in made)
    base = [BuiltLayer(chain[0], rest, below)] if below else []
    return (*base, *made)


def pairs_of(
    writing: Sequence[Instruction], history: Sequence[HistoryLine]
) -> list[tuple[Instruction, HistoryLine]]:
    """Each instruction with its line, oldest first: they agree from the newest on. Fewer where
    a line is of another keyword."""
    lines = [line for line in history if keyword_of(line) in MAKE_LAYERS]
    newest = list(zip(reversed(writing), reversed(lines), strict=False))
    return [pair for pair in reversed(newest) if pair[0].keyword == keyword_of(pair[1])]


def is_layer(line: HistoryLine) -> bool:
    """Whether there is a layer of it. BuildKit makes one also where nothing was written, but for
    WORKDIR / (frontend/dockerfile/dockerfile2llb, dispatchWorkdir); the classic builder, which
    begins its lines with the shell, does not."""
    if line.instruction.startswith("/bin/sh -c"):
        return line.size_bytes > 0
    return as_written(line.instruction) != "WORKDIR /"


def keyword_of(line: HistoryLine) -> str:
    """The instruction's keyword in a line of the history."""
    return as_written(line.instruction).partition(" ")[0].upper()


def chain_of(dockerfile: Dockerfile, target: str) -> tuple[Instruction, ...]:
    """The instructions of the stage that is built, and before them those of the stages that it
    is built on, beginning with the FROM of the image under them all."""
    stage: Stage | None = wanted_stage(dockerfile, target)
    chain: tuple[Instruction, ...] = ()
    while stage is not None:
        index = stage.index
        chain = tuple(one for one in dockerfile.instructions if one.stage == index) + chain
        below = stage.base.lower()
        stage = (
            None
            if external(dockerfile, stage)
            else next((one for one in dockerfile.stages[:index] if one.name == below), None)
        )
    return chain


def wanted_stage(dockerfile: Dockerfile, target: str) -> Stage:
    """The stage of that name or number; the last one for ""."""
    named = [one for one in dockerfile.stages if target.lower() in (one.name, str(one.index))]
    return named[0] if target and named else dockerfile.stages[-1]

"""Why a step of a build is run again, in a short line."""

from __future__ import annotations

from container_magics.core.buildstate import BuildState, StepRecord
from container_magics.core.dockerfile import Instruction
from container_magics.core.events import BuildReason, ReasonKind
from container_magics.core.terminal import plain
from container_magics.view.model import StepState
from container_magics.view.present.buildlive import place

MOST_FILES = 3
QUOTED_CHARACTERS = 60
RAN: set[StepState] = {"running", "done", "failed"}
# What the Dockerfile and the files decide, and not what the engine has kept.
STABLE: set[ReasonKind] = {
    "new", "instruction", "removed", "files", "settings", "argument", "base", "earlier", "no_cache",
}  # fmt: skip


def why(state: BuildState, record: StepRecord, how: StepState, *, stable: bool) -> tuple[str, ...]:
    """One line for a step that ran although it was in the tag's last build, else none.

    In stable mode what has changed since that build, whether the step ran or not: the engine may
    know the new form from a run of the notebook before this.
    """
    reason = record.reason
    if reason is None or (reason.kind not in STABLE if stable else how not in RAN):
        return ()
    if reason.kind == "new":
        return ("new since the last build",)
    before = "since the last build" if stable else "runs again"
    return (f"{before}: {told(state, record.instruction, reason)}",)


def told(state: BuildState, own: Instruction | None, reason: BuildReason) -> str:
    """The reason in words."""
    first = quoted(reason.details[0]) if reason.details else ""
    match reason.kind:
        case "files":
            return files(reason.details)
        case "instruction":
            return f"changed, it was {first}"
        case "removed":
            return f"{first} before it is gone"
        case "settings":
            return f"{first} ({at(state, own, reason)}) changed"
        case "argument":
            return f"the build argument {first} changed"
        case "base":
            return "the base image is another one"
        case "earlier":
            return f"{at(state, own, reason)} changed"
        case "ran":
            return f"{at(state, own, reason)} ran again"
        case "no_cache":
            return "--no-cache"
        case _:
            return "nothing changed; the engine's cache no longer had it"


def at(state: BuildState, own: Instruction | None, reason: BuildReason) -> str:
    """The place of the cause: "line 4 of build"."""
    found = state.dockerfile.instructions if state.dockerfile else ()
    cause = next((one for one in found if one.lines[0] == reason.line), None)
    return place(state, cause, own) if cause else f"line {reason.line}"


def files(details: tuple[str, ...]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(plain(one) for one in details[:MOST_FILES])
    rest = len(details) - MOST_FILES
    return f"{shown}, and {rest} more" if rest > 0 else shown


def quoted(text: str) -> str:
    """A harmless line, cut where it is long."""
    line = plain(" ".join(text.split()))
    if len(line) <= QUOTED_CHARACTERS:
        return line
    return line[: QUOTED_CHARACTERS - 1].rstrip() + "…"

"""A container at the place where a build failed: what it is, and how to go in."""

from __future__ import annotations

from container_magics.core.buildplan import DebugPlan
from container_magics.core.terminal import plain
from container_magics.view.model import Note


def debug(plan: DebugPlan) -> Note:
    """One sentence, how to go in, and the line that failed."""
    line, name = plan.instruction.lines[0], plan.name
    where = f" in stage {plan.stage}" if plan.stage else ""
    facts = [f"{line:>4} │ {plain(plan.instruction.text)}"]
    if plan.environment:
        facts.append(f"build arguments: {', '.join(plain(one) for one, _ in plan.environment)}")
    if plan.mounted:
        facts.append(f"not here, for only a build mounts it: {', '.join(map(plain, plan.mounted))}")
    return Note(
        f"{name} runs as line {line} of the Dockerfile{where} found it.",
        level="ok",
        hint=f"`%%container --in {name}` runs a cell in it; `%container rm {name}` removes it.",
        facts=tuple(facts),
    )

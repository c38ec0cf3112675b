"""An exercise's scripts, run in its box: the setup, and the check with its one sentence."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from container_magics.core.boxes import BOX_USER
from container_magics.core.events import Exited, Output
from container_magics.core.exercise import Exercise, Script
from container_magics.core.layersecrets import masked
from container_magics.core.spec import ContainerSpec
from container_magics.core.terminal import plain
from container_magics.engine.client import Engine
from container_magics.engine.ownership import PURPOSE, Owner
from container_magics.errors import CheckFailed, Conflict, ContainerMagicsError, NotFound, TimedOut
from container_magics.practice.boxfind import container_name, named_box
from container_magics.session.run import run_inside
from container_magics.session.stopper import Stopper

PRELUDE = 'exec 2>&1\nfail() { printf "%s\\n" "$*"; exit 1; }\ncd ~ 2>/dev/null || cd /\n'
"""What stands before each script. Its two streams are one: neither an engine nor sshd keeps the
order of what is written to two, and the last line is the sentence."""
TAIL_BYTES = 8192
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. ``sentence`` is what is missing, "" when nothing is; ``hint`` what to do
    where the exercise did not even get so far."""

    passed: bool
    sentence: str = ""
    hint: str = ""


def check(
    engine: Engine,
    owner: Owner,
    exercise: Exercise,
    script: Script,
    stopper: Stopper | None = None,
) -> Verdict:
    """Look whether it is done, by a script that is no Python. ``stopper`` is how to end it sooner
    than by its time; KeyboardInterrupt then."""
    try:
        status, said = _run(engine, owner, exercise, script, stopper)
    except ContainerMagicsError as error:
        # where the boxes themselves are the exercise, how to start them is for its hints to say
        boxes = any("%sshbox" in cell for cell in exercise.solution)
        return Verdict(passed=False, sentence=str(error), hint="" if boxes else error.hint)
    return Verdict(passed=True) if status == 0 else Verdict(False, sentence(said, status))


def prepare(
    engine: Engine,
    owner: Owner,
    exercise: Exercise,
    script: Script,
    stopper: Stopper | None = None,
) -> None:
    """Make a clean start, by a script that is no Python. CheckFailed when the script fails,
    NotFound or Conflict without a running box, TimedOut."""
    status, said = _run(engine, owner, exercise, script, stopper)
    if status:
        raise CheckFailed(
            f"The start of the exercise {exercise.name} could not be made.",
            hint="Tell your teacher, or begin with a fresh box: "
            f"`%sshbox reset {exercise.settings.box}`.",
            facts=(sentence(said, status),),
        )


def box_id(engine: Engine, owner: Owner, exercise: Exercise) -> str:
    """The ID of the container in which the exercise takes place; "" when there is none."""
    _, facts = named_box(engine, owner, exercise.settings.box)
    return str(facts["Id"]) if facts else ""


def container_of(engine: Engine, owner: Owner, exercise: Exercise) -> str:
    """The engine's name for the container in which the exercise takes place: this student's own,
    where several have a box so called."""
    return container_name(engine, owner, exercise.settings.box)


def program(script: Script) -> tuple[str, ...]:
    """The words by which a script is run."""
    return ("sh", "-c", PRELUDE + script.code)


def sentence(said: str, status: int) -> str:
    """The last line of what a script has said, with no secret in it; what to think without one."""
    lines = [line.strip() for line in plain(said).splitlines() if line.strip()]
    if not lines:
        return f"It is not done yet: the check ended with status {status}, and says no more."
    last = masked(lines[-1])
    return last if len(last) <= LONGEST else last[: LONGEST - 1] + "…"


def _run(
    engine: Engine,
    owner: Owner,
    exercise: Exercise,
    script: Script,
    stopper: Stopper | None,
) -> tuple[int, str]:
    """The status, and the end of what was written."""
    place = _place(engine, owner, script.on or exercise.settings.box)
    spec = ContainerSpec("", program(script), user=script.user or _student(place))
    stopper = stopper or Stopper(exercise.settings.timeout_s)
    tail, status = b"", 0
    with closing(run_inside(engine, place["Id"], spec, stopper=stopper)) as events:
        for event in events:
            if isinstance(event, Output):
                tail = (tail + event.data)[-TAIL_BYTES:]
            elif isinstance(event, Exited):
                status = event.exit_status
    if stopper.why == "interrupt":
        raise KeyboardInterrupt
    if stopper.why == "timeout":
        raise TimedOut(
            f"The check was stopped: it ran longer than {exercise.settings.timeout_s:g} s.",
            hint="See that nothing in the box waits for input or hangs; `%sshbox reset` mends it.",
        )
    return status, tail.decode("utf-8", "replace")


def _place(engine: Engine, owner: Owner, name: str) -> dict[str, Any]:
    """What is known of the container, this student's own where several have a box so called."""
    _, facts = named_box(engine, owner, name)
    if facts is None:
        raise NotFound(f"There is no box {name!r} yet.", hint=f"Start it: %sshbox {name}")
    if not facts["State"]["Running"]:
        raise Conflict(f"The box {name!r} does not run.", hint=f"Start it: %sshbox {name}")
    return facts


def _student(facts: dict[str, Any]) -> str:
    labels = facts["Config"]["Labels"] or {}
    return BOX_USER if labels.get(PURPOSE) == "sshbox" else ""

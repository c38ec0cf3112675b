"""The exercises of one kernel: those that were defined, and what was done of them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container_magics.core.exercise import Exercise, Script
from container_magics.core.exerciseflags import parse_file
from container_magics.engine.ownership import user_name
from container_magics.engine.progressfile import ProgressFile, progress_path
from container_magics.engine.userfile import reading
from container_magics.errors import UsageError
from container_magics.jupyter import pythonscript
from container_magics.jupyter.stop import stop_button
from container_magics.practice import exercises as practice
from container_magics.practice import joined as over_ssh
from container_magics.practice.exercises import Verdict
from container_magics.session.stopper import Stopper

if TYPE_CHECKING:
    from container_magics.core.progress import Record
    from container_magics.jupyter.workbench import Workbench

SEED_VARIABLE = "CONTAINER_MAGICS_SEED"
STABLE_SEED = "stable"
OURS = ("engine", "box_container", "fail", "__builtins__")
"""Names that a script finds, and the notebook does not."""


class Exercises:
    """What %%exercise, %check and the others share."""

    def __init__(self, bench: Workbench, report: Callable[[str], None]) -> None:
        """``report`` gets a sentence when the file of the progress was damaged. In stable mode
        the progress is this kernel's alone: a notebook's second run finds what its first found."""
        self._bench = bench
        where = None if bench.stable else progress_path(bench.owner.notebook, Path.cwd())
        self.file = ProgressFile(where, report)
        self._known: dict[str, Exercise] = {}
        self._of_file: dict[Path, dict[str, Exercise]] = {}
        self._last_file: Path | None = None
        self._last = ""
        self._begun: dict[str, str] = {}  # exercise -> the box in which its start was made

    @property
    def seed(self) -> str:
        """What the values are drawn from: CONTAINER_MAGICS_SEED, else who one is in the class that
        was joined, as its teacher grades by that, else the user's name."""
        joined = [one.student for one in self._bench.joined.values() if one.student]
        mine = STABLE_SEED if self._bench.stable else user_name()
        usual = joined[-1] if joined else mine
        return os.environ.get(SEED_VARIABLE) or usual

    def knows(self, name: str) -> bool:
        """Whether an exercise of that name was shown."""
        return name in self._known

    def from_file(self, name: str, file: str) -> Exercise:
        """The exercise of that name in a file, that of the last time for "". UsageError."""
        path = Path(file) if file else self._last_file
        if path is None:
            raise UsageError(
                "From which file? None was named yet.", hint=f"%exercise {name} --file FILE.md"
            )
        with reading(path) as opened:
            text = opened.read().decode("utf-8", "replace")
        found = {one.name: one for one in parse_file(text, str(path))}
        self._last_file = path
        if name not in found:
            raise UsageError(
                f"{path} has no exercise {name!r}.", hint=nearest(name, found) or "It has others."
            )
        return found[name]

    def begin(self, exercise: Exercise) -> tuple[Exercise, Record]:
        """Take an exercise as this student's, and make its start where its box has none yet."""
        mine = exercise.for_student(self.seed)
        self._known[mine.name], self._last = mine, mine.name
        where = self._place_of(mine) if in_box(mine.setup) else "kernel"
        if mine.setup and self._begun.get(mine.name) != where:
            self._prepare(mine, mine.setup)
            self._begun[mine.name] = where
        points = mine.settings.points
        return mine, self.file.change(mine.name, lambda one: with_points(one, points))

    def _place_of(self, exercise: Exercise) -> str:
        """What tells one box from the next of its name."""
        joined = self._bench.joined.get(exercise.settings.box)
        if joined:
            return f"{joined.box.address.host} of {joined.student}"
        return practice.box_id(self._bench.engine, self._bench.owner, exercise)

    def named(self, name: str) -> Exercise:
        """The exercise of that name, the last one for ""; UsageError when there is none."""
        if not name and not self._last:
            raise UsageError("No exercise was begun yet.", hint="Run its `%exercise` cell first.")
        if (name or self._last) not in self._known:
            raise UsageError(
                f"The exercise {name!r} was not begun since the kernel started.",
                hint=_near(name, self._known)
                or f"First run the cell that shows it: `%exercise {name}`.",
            )
        self._last = name or self._last
        return self._known[self._last]

    def check(self, exercise: Exercise) -> tuple[Verdict, Record]:
        """Look whether it is done, and keep that."""
        script = exercise.check
        joined = self._bench.joined.get(exercise.settings.box)
        if script.python:
            verdict = pythonscript.check(script, exercise, self._names(exercise))
        elif joined:
            verdict = over_ssh.check(joined.box, exercise, script)
        else:
            stopper = Stopper(exercise.settings.timeout_s)
            engine, owner = self._bench.engine, self._bench.owner
            with stop_button(stopper):
                verdict = practice.check(engine, owner, exercise, script, stopper)
        now, passed = datetime.now(UTC), verdict.passed
        record = self.file.change(exercise.name, lambda one: one.checked(passed=passed, at=now))
        return verdict, record

    def reset(self, exercise: Exercise) -> None:
        """Make its start anew; what was done of it stays in the progress."""
        script = exercise.begins_anew_by
        if script is None:
            raise UsageError(
                f"{exercise.name} has nothing to reset.",
                hint=f"A fresh box has: %sshbox reset {exercise.settings.box}",
            )
        self._prepare(exercise, script)

    def _prepare(self, exercise: Exercise, script: Script) -> None:
        joined = self._bench.joined.get(exercise.settings.box)
        if joined and not script.python:
            over_ssh.prepare(joined.box, exercise, script)
            return
        if not script.python:
            stopper = Stopper(exercise.settings.timeout_s)
            engine, owner = self._bench.engine, self._bench.owner
            with stop_button(stopper):
                practice.prepare(engine, owner, exercise, script, stopper)
            return
        names = self._names(exercise)
        before = dict(names)
        pythonscript.prepare(script, exercise, names)
        for name in before.keys() - names.keys():
            self._bench.shell.user_ns.pop(name, None)
        changed = {k: v for k, v in names.items() if k not in before or before[k] is not v}
        self._bench.shell.user_ns.update({k: v for k, v in changed.items() if k not in OURS})

    def _names(self, exercise: Exercise) -> dict[str, Any]:
        """What a script in Python sees: the notebook's variables, the engine, and what the
        exercise's box is called there: others may have one of the same name."""
        engine = self._bench.engine
        container = practice.container_of(engine, self._bench.owner, exercise)
        return {**self._bench.shell.user_ns, "engine": engine, "box_container": container}


def in_box(script: Script | None) -> bool:
    """Whether a script runs in a container."""
    return script is not None and not script.python


def with_points(record: Record, points: float) -> Record:
    """The record of an exercise that is worth so much now."""
    return replace(record, max_points=points)


def nearest(name: str, known: dict[str, Exercise]) -> str:
    """ "Did you mean ...?", or which there are; "" for none."""
    return _near(name, known) or (f"There is: {', '.join(known)}." if known else "")


def _near(name: str, known: dict[str, Exercise]) -> str:
    """ "Did you mean ...?"; "" where none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}?" if near else ""

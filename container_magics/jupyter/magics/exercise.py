"""%%exercise: what to do, and a check of it; %check, %hint, %solve, %reset, %progress."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import line_cell_magic, line_magic, magics_class
from IPython.display import display

from container_magics.core import exerciseflags as flags
from container_magics.errors import CheckFailed
from container_magics.jupyter.magics.common import BenchMagics, told

if TYPE_CHECKING:
    from container_magics.core.exercise import Exercise
    from container_magics.jupyter.exercises import Exercises
    from container_magics.jupyter.workbench import Workbench


OF_IPYTHON = ("in", "out", "dhist", "array")
"""What IPython's own %reset takes beside its flags (`IPython/core/magics/namespace.py`)."""


@magics_class
class ExerciseMagics(BenchMagics):
    """The magics of exercises."""

    def __init__(self, bench: Workbench) -> None:
        """Take the shell's workbench; its own %reset still resets the namespace."""
        super().__init__(bench)
        self._usual_reset = bench.shell.find_line_magic("reset")

    @cached_property
    def exercises(self) -> Exercises:
        """Those of this kernel."""
        from container_magics.jupyter.exercises import Exercises
        from container_magics.jupyter.publish import show
        from container_magics.view.model import Note

        return Exercises(self.bench, lambda text: show(Note(text, "warning")))

    @line_cell_magic
    @told(flags.exercise_parser, flags.from_file_parser)
    def exercise(self, line: str, cell: str | None = None) -> None:
        """Show the exercise that the cell holds, or that of a file, and make its start."""
        from container_magics.core.exercise import parse_exercise

        if cell is None:
            words = flags.from_file_parser().parse(line)
            self._begin(self.exercises.from_file(words.name, words.file))
        else:
            words = flags.exercise_parser().parse(line)
            self._begin(parse_exercise(words.name, cell, flags.settings(words)))

    def _begin(self, exercise: Exercise) -> None:
        from container_magics.jupyter.exercises import STABLE_SEED
        from container_magics.jupyter.publish import show
        from container_magics.view.present import exercise as present

        seed = self.exercises.seed
        nobody_s = seed == STABLE_SEED  # others read what is saved, and have values of their own
        show_markdown(exercise.text_for_all if nobody_s else exercise.for_student(seed).text)
        mine, record = self.exercises.begin(exercise)
        show(present.standing(mine.name, record, len(mine.hints)))

    @line_magic
    @told(flags.check_parser)
    def check(self, line: str) -> Any:
        """Look whether an exercise is done."""
        from container_magics.jupyter.publish import show
        from container_magics.view.present import exercise as present

        words = flags.check_parser().parse(line)
        exercise = self.exercises.named(words.name)
        verdict, record = self.exercises.check(exercise)
        if not verdict.passed and (words.strict or words.grade):
            raise CheckFailed(f"{exercise.name}: {verdict.sentence}", hint=verdict.hint)
        if words.grade and record.points:
            return record.points
        if words.grade:
            raise CheckFailed(f"{exercise.name}: the solution was shown before it was done.")
        hints = len(exercise.hints)
        show(present.verdict(exercise.name, verdict.sentence, record, hints, hint=verdict.hint))
        return None

    @line_magic
    @told(flags.hint_parser)
    def hint(self, line: str) -> None:
        """Show the next hint of an exercise."""
        from container_magics.jupyter.publish import show
        from container_magics.view.present import exercise as present

        exercise = self.exercises.named(flags.hint_parser().parse(line).name)
        hints = exercise.hints
        before = self.exercises.file.read().get(exercise.name)
        record = self.exercises.file.change(exercise.name, lambda one: one.hinted(len(hints)))
        again = before is not None and before.hints == record.hints
        show(present.hinted(exercise.name, hints, record.hints, again=again))

    @line_magic
    @told(flags.solve_parser)
    def solve(self, line: str) -> None:
        """Show how an exercise is done."""
        from container_magics.jupyter.publish import show
        from container_magics.view.present import exercise as present

        words = flags.solve_parser().parse(line)
        exercise = self.exercises.named(words.name)
        record = self.exercises.file.change(exercise.name, lambda one: one.solution_shown())
        show(present.solved(exercise.name, record))
        for cell in exercise.solution:
            show_markdown(fenced(cell))
            if words.run:
                self.bench.shell.run_cell(cell).raise_error()

    @line_magic
    @told(flags.reset_parser)
    def reset(self, line: str) -> None:
        """Make a clean start of an exercise; IPython's own %reset where no exercise is named."""
        from container_magics.jupyter.publish import show
        from container_magics.view.present import exercise as present

        named = [word for word in line.split() if not word.startswith("-")]
        unknown = [word for word in named if not self.exercises.knows(word)]
        if unknown == named and all(word in OF_IPYTHON for word in named):
            self._usual_reset(line)
            return
        for word in unknown:
            self.exercises.named(word)  # UsageError: what it says comes before what a flag is
        exercise = self.exercises.named(flags.reset_parser().parse(line).name)
        self.exercises.reset(exercise)
        show(present.begun_anew(exercise.name))

    @line_magic
    @told(flags.progress_parser)
    def progress(self, line: str) -> None:
        """Show what was done of the exercises, or write it."""
        from container_magics.core.progress import as_csv, as_nbgrader
        from container_magics.jupyter.publish import show
        from container_magics.view.present import exercise as present

        words = flags.progress_parser().parse(line)
        records = self.exercises.file.read()
        if words.csv:
            write(words.csv, as_csv(records))
        if words.nbgrader:
            notebook = Path(self.bench.owner.notebook).stem or "exercises"
            write(words.nbgrader, as_nbgrader(records, notebook, self.bench.owner.user))
        show(present.progress(records, stable=self.bench.stable))


def show_markdown(text: str) -> None:
    """A teacher's text, as it is and as Jupyter draws it."""
    display({"text/markdown": text, "text/plain": text}, raw=True)


def fenced(cell: str) -> str:
    """A cell as a block of code in Markdown, whatever backticks it holds."""
    fence = "```"
    while fence in cell:
        fence += "`"
    return f"{fence}\n{cell}\n{fence}"


def write(path: str, text: str) -> None:
    """Write a file, whole, and say so. UsageError when it cannot be written."""
    from container_magics.engine.userfile import replacing
    from container_magics.jupyter.publish import show
    from container_magics.view.model import Note

    with replacing(Path(path).expanduser()) as file:
        file.write(text.encode())
    show(Note(f"Written: {path}", "ok"))

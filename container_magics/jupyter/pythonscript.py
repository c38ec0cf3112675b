"""The Python of an exercise, run in the notebook's kernel: a setup, or a check."""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import FrameType
from typing import Any, NoReturn

from container_magics.core.exercise import Exercise, Script
from container_magics.core.terminal import plain
from container_magics.errors import CheckFailed, ContainerMagicsError, TimedOut
from container_magics.practice.exercises import Verdict, sentence

AGAIN_S = 0.5
"""So long after its time a script that has caught the end of it is ended once more."""


class _Missing(Exception):
    """What ``fail`` raises: a check's way to say what is missing."""


class _Over(BaseException):
    """The time is over; no Exception, for a script may catch those, and go on."""


def check(script: Script, exercise: Exercise, names: Mapping[str, Any]) -> Verdict:
    """Whether it is done, as Python tells it: by an assertion or ``fail`` that says what is
    missing. The script sees ``names``, and changes none of them."""
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            run(script, exercise, dict(names))
    except (_Missing, AssertionError) as missing:
        return Verdict(passed=False, sentence=sentence(str(missing), 1))
    except ContainerMagicsError as error:
        return Verdict(passed=False, sentence=str(error), hint=error.hint)
    except Exception as error:  # noqa: BLE001 - the teacher's code may raise anything
        said = f"{type(error).__name__}: {plain(str(error))}"
        return Verdict(passed=False, sentence=sentence(f"The check could not look: {said}", 1))
    return Verdict(passed=True)


def prepare(script: Script, exercise: Exercise, names: dict[str, Any]) -> None:
    """Make a clean start in Python, which may change ``names``. CheckFailed when it raises
    anything but an error of ours."""
    try:
        run(script, exercise, names)
    except ContainerMagicsError:
        raise
    except Exception as error:
        raise CheckFailed(
            f"The start of the exercise {exercise.name} could not be made.",
            hint="Tell your teacher.",
            facts=(f"{type(error).__name__}: {sentence(str(error), 1)}",),
        ) from error


def run(script: Script, exercise: Exercise, names: dict[str, Any]) -> None:
    """Run the script to its end, with ``names`` as its globals; what it raises comes out, and
    TimedOut."""
    code = compile(script.code, f"<the exercise {exercise.name}>", "exec")
    names["fail"] = _fail
    with limit(exercise.settings.timeout_s):
        exec(code, names)  # noqa: S102 - the teacher's own cell


def _fail(text: str) -> NoReturn:
    raise _Missing(text)


@contextmanager
def limit(timeout_s: float) -> Iterator[None]:
    """TimedOut when the block takes longer; in the main thread alone, where cells run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise _Over

    before = signal.signal(signal.SIGALRM, over)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, timeout_s, AGAIN_S)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Over:
        raise TimedOut(f"The check was stopped: it ran longer than {timeout_s:g} s.") from None
    finally:
        signal.signal(signal.SIGALRM, before)

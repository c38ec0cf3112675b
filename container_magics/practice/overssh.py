"""An exercise's scripts, run over SSH: for a box whose engine is not ours to ask."""

from __future__ import annotations

import secrets
import shlex

from container_magics.core.boxes import BOX_USER
from container_magics.core.exercise import Exercise, Script
from container_magics.engine.deadline import at_most
from container_magics.engine.sshclient import Login
from container_magics.practice.exercises import TAIL_BYTES, Verdict, program, sentence

TIMED_OUT = 124
"""The status of timeout(1) when the time has passed."""
UNDONE = -1
SHELL_S = 20.0
"""So long the student's shell may take to begin and to end."""


def refusal(exercise: Exercise, script: Script) -> str:
    """Why a script cannot run over SSH as the student; "" where it can."""
    if script.python:
        return "it runs in the notebook's Python, not in the box"
    if script.on not in ("", exercise.settings.box):
        return f"it looks into another container, {script.on}"
    if script.user not in ("", BOX_USER):
        return f"it runs as {script.user}, and a box lets nobody in but {BOX_USER}"
    return ""


def check(made: Login, exercise: Exercise, script: Script) -> Verdict:
    """Look whether it is done, over a login as the student. SshFailed when the login breaks."""
    if why := refusal(exercise, script):
        return Verdict(passed=False, sentence=f"This check cannot be run here: {why}.")
    status, said = run(made, exercise, script)
    return (
        Verdict(passed=True) if status == 0 else Verdict(False, _sentence(exercise, said, status))
    )


def run(made: Login, exercise: Exercise, script: Script) -> tuple[int, str]:
    """(exit status, the end of what was written); the status is TIMED_OUT after its time, UNDONE
    when the student's shell ended before the script did. SshFailed when that shell hangs."""
    limit_s, word = exercise.settings.timeout_s, secrets.token_hex(16)
    command = shlex.join(("timeout", "-k", "1", f"{limit_s:g}", *program(script)))
    # a shell that says `exit 0` in its ~/.bashrc does not come so far
    ending = f'; s=$?; printf \'\\n%s %s\\n\' {word} "$s"; exit "$s"'
    said, out = b"", b""
    with at_most(made, limit_s + SHELL_S):
        remote = made.start(shlex.join(("sh", "-c", command + ending)))
        remote.feed(b"")
        for event in remote.output():
            said = (said + event.data)[-TAIL_BYTES:]
            out = (out + event.data)[-TAIL_BYTES:] if event.stream == "stdout" else out
        status = remote.exited().exit_status
    mark = f"{word} {status}"
    whole = out.endswith(f"\n{mark}\n".encode())
    return (status if whole else UNDONE), said.decode("utf-8", "replace").replace(mark, "")


def _sentence(exercise: Exercise, said: str, status: int) -> str:
    if status == TIMED_OUT:
        return f"The check was stopped: it ran longer than {exercise.settings.timeout_s:g} s."
    if status == UNDONE:
        return "The shell ended before the check did: see what ~/.bashrc does."
    return sentence(said, status)

"""A box that somebody else runs: reached with what was handed out, and nothing but SSH."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from container_magics.core.exercise import Exercise, Script
from container_magics.core.sshconfig import parse_ticket
from container_magics.engine.sshclient import login
from container_magics.engine.statedir import state_dir
from container_magics.engine.ticketkeys import TicketKeys, fingerprint
from container_magics.engine.userfile import reading
from container_magics.errors import CheckFailed, SshFailed
from container_magics.practice import overssh
from container_magics.practice.box import Box
from container_magics.practice.exercises import Verdict, sentence


@dataclass(frozen=True, slots=True)
class Joined:
    """A box of a class, and the short name of the student who has it."""

    box: Box
    student: str


def join(file: Path, name: str) -> Joined:
    """Take a box by its ssh_config file, or the folder with it, and log in once. UsageError for a
    file that cannot be read, SshFailed when nobody answers or the key is refused."""
    path = file.expanduser()
    path = path / "config" if path.is_dir() else path
    with reading(path) as opened:
        ticket = parse_ticket(opened.read(65536).decode("utf-8", "replace"), str(path))
    try:
        with kept().keeping(ticket, path.parent, name) as address, login(address):
            return Joined(Box(name, "", address, fingerprint(address)), ticket.student)
    except SshFailed as error:
        raise SshFailed(
            str(error), hint="Ask your teacher whether the class is open.", facts=error.facts
        ) from error


def kept() -> TicketKeys:
    """Where the keys of joined boxes are."""
    return TicketKeys(state_dir(os.environ) / "ssh" / "joined")


def check(box: Box, exercise: Exercise, script: Script) -> Verdict:
    """Look whether an exercise is done; a box that does not answer is what is missing."""
    try:
        with login(box.address) as made:
            return overssh.check(made, exercise, script)
    except SshFailed as error:
        return Verdict(passed=False, sentence=str(error), hint=error.hint)


def prepare(box: Box, exercise: Exercise, script: Script) -> None:
    """Make an exercise's clean start. CheckFailed when that cannot be done."""
    why = overssh.refusal(exercise, script)
    if not why:
        with login(box.address) as made:
            status, said = overssh.run(made, exercise, script)
        why = sentence(said, status) if status else ""
    if why:
        raise CheckFailed(
            f"The start of the exercise {exercise.name} could not be made.",
            hint="Tell your teacher.",
            facts=(why,),
        )

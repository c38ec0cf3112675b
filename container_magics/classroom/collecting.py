"""Collect: every student's home as a folder of this machine, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from container_magics.classroom.bulk import Outcome, Report
from container_magics.classroom.room import Room
from container_magics.classroom.within import LOOK_S, door_of, within
from container_magics.core.events import Output
from container_magics.core.roster import Student
from container_magics.core.terminal import plain
from container_magics.core.units import count
from container_magics.engine.deadline import at_most
from container_magics.engine.folders import Unpacking, beside, unpack
from container_magics.engine.sshclient import Login
from container_magics.errors import BadArchive, SshFailed, TooLarge

LARGEST_BYTES = 256 * 1024**2
"""So much of one student's files is taken; a disk that was filled is not the teacher's as well."""
LIMIT_S = 600.0
MOST_ENTRIES = 100_000
WORDS_BYTES = 4096
LONGEST_WORDS = 200
NAMED = 3


def collect(room: Room, folder: Path, names: Sequence[str] = (), *, again: bool = False) -> Report:
    """Copy every student's home to ``folder``/KEY, whole or not at all. What is there already is
    left, so that one that was broken off goes on; ``again`` takes everything anew. What could not
    be read in the box, or has no place here, is named in the outcome's remark."""
    folder.mkdir(parents=True, exist_ok=True)
    door = door_of(room)

    def one(student: Student) -> str | Outcome:
        target = folder / student.key
        if target.exists() and not again:
            return "there already"
        with within(room, door, student, LOOK_S) as made, beside(target) as part:
            home = part / "home"
            home.mkdir()
            with at_most(made, LIMIT_S):
                remark = fetched(made, home)
            if target.exists():
                target.rename(part / "old")
            home.rename(target)
        return Outcome(student.name, "collected", remark=remark)

    return room.each("collect", room.chosen(names), one)


def fetched(made: Login, home: Path) -> str:
    """Unpack the home of a login into an empty folder; what did not come of it, in words, "" for
    nothing. SshFailed, TooLarge when it is not whole."""
    remote, said = made.start("tar -C ~ -cf - ."), bytearray()
    remote.feed(b"")
    data, last = limited(remote.output(), said), Unpacking()
    try:
        with closing(unpack(data, home, topless=True, most=MOST_ENTRIES)) as steps:
            for step in steps:
                last = step
    except BadArchive as error:
        _drain(data)
        remote.exited()  # where the connection broke, that is what is to be said
        raise SshFailed(f"The home did not come whole: {_words(said) or error}") from error
    _drain(data)
    failed = remote.exited().exit_status != 0
    return "; ".join(filter(None, (left_out(last.left_out), _words(said) if failed else "")))


def _drain(data: Iterator[bytes]) -> None:
    for _ in data:
        pass


def _words(said: bytes | bytearray) -> str:
    """The first line that tar said, such as of a file that it may not read; its last says no more
    than that there was one."""
    lines = plain(said.decode("utf-8", "replace")).splitlines()
    return next((line for line in lines if line.startswith("tar: ")), "")[:LONGEST_WORDS]


def left_out(names: Sequence[str]) -> str:
    """What has no place here, such as links out of the home, in words; "" for none."""
    if not names:
        return ""
    shown = ", ".join(plain(name) for name in names[:NAMED])
    more = ", …" if len(names) > NAMED else ""
    return f"{count(len(names), 'entry', 'entries')} left out: {shown}{more}"


def limited(events: Iterator[Output], said: bytearray) -> Iterator[bytes]:
    """The bytes of stdout, and into ``said`` how stderr begins; TooLarge above the limit."""
    taken = 0
    for event in events:
        if event.stream == "stderr":
            said += event.data[: WORDS_BYTES - len(said)]
            continue
        taken += len(event.data)
        if taken > LARGEST_BYTES:
            raise TooLarge(f"The home has more than {LARGEST_BYTES // 1024**2} MB.")
        yield event.data

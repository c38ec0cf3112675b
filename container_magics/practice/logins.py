"""Logins that are kept from cell to cell: one for each box, made anew when it broke."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from signal import SIGKILL

from container_magics.core.events import Exited, RunEvent
from container_magics.engine.keys import Address
from container_magics.engine.sshclient import Login, Remote, connect_patiently
from container_magics.errors import SshFailed
from container_magics.practice.sshbox import Box
from container_magics.session.run import told_stop
from container_magics.session.stopper import Stopper

KEPT_S = 60.0
"""A login that no cell uses ends after so long: a box that nobody uses may stop by itself."""
KILLED = 128 + SIGKILL
"""The exit status by which a shell says that."""
MOST = 8
"""So many are kept; the one that was not used for the longest time goes."""


class Logins:
    """Connections to boxes by where they lead. Close them in the end."""

    def __init__(self) -> None:
        self._kept: dict[Address, Login] = {}
        self._lock = threading.Lock()

    @contextmanager
    def program(self, box: Box, command: str) -> Iterator[Remote]:
        """A program on the box, over the kept login, or over a new one where that is broken. An
        exception in the block, and a broken connection, end the login."""
        login, remote = self._begun(box, command)
        whole = False
        try:
            yield remote
            whole = True
        finally:
            self._put_back(box, login, keep=whole and login.lives)

    def _begun(self, box: Box, command: str) -> tuple[Login, Remote]:
        """The program, over the kept login or over a new one; nothing is open where it fails."""
        login = self._taken(box)
        try:
            return login, begun(login, command)
        except SshFailed:
            pass  # it was broken, and nobody had told us
        login = made(box.address)
        return login, begun(login, command)

    def _taken(self, box: Box) -> Login:
        """A login that nobody else uses meanwhile."""
        with self._lock:
            login = self._kept.pop(box.address, None)
        if login is not None:
            login.end_after(None)
        if login is not None and login.lives:
            return login
        if login is not None:
            login.close()
        return made(box.address)

    def _put_back(self, box: Box, login: Login, *, keep: bool) -> None:
        gone = []
        if keep:
            login.end_after(KEPT_S)
        with self._lock:
            if keep and box.address not in self._kept:
                self._kept[box.address] = login
            else:
                gone.append(login)
            while len(self._kept) > MOST:
                gone.append(self._kept.pop(next(iter(self._kept))))
        for each in gone:
            each.close()

    def forget(self, name: str) -> None:
        """Log out of the box of that name, which is made anew or goes."""
        with self._lock:
            gone = [self._kept.pop(each) for each in list(self._kept) if leads_to(each, name)]
        for login in gone:
            login.close()

    def close(self) -> None:
        """Log out everywhere."""
        with self._lock:
            kept, self._kept = list(self._kept.values()), {}
        for login in kept:
            login.close()


def begun(login: Login, command: str) -> Remote:
    """Start a program over a login, which is closed where that fails."""
    try:
        return login.start(command)
    except BaseException:
        login.close()
        raise


@contextmanager
def kept(logins: Logins | None) -> Iterator[Logins]:
    """These; or new ones, closed at the end of the block."""
    if logins is not None:
        yield logins
        return
    passing = Logins()
    try:
        yield passing
    finally:
        passing.close()


def made(address: Address) -> Login:
    """A new login; SshFailed says what was wrong."""
    login = Login()
    try:
        connect_patiently(login, address, 0.0)
    except BaseException:
        login.close()
        raise
    return login


def leads_to(address: Address, name: str) -> bool:
    """Whether the box of that name is there, or on the way."""
    return address.box == name or (address.via is not None and leads_to(address.via, name))


def run_on(
    box: Box,
    cell: str,
    *,
    stdin: bytes | None = None,
    stopper: Stopper | None = None,
    logins: Logins | None = None,
) -> Generator[RunEvent, None, None]:
    """Run ``cell`` in the student's login shell on the box; output and then its exit. Over one of
    ``logins``, None for one that ends with it."""
    stopper = stopper or Stopper()
    with kept(logins) as ours, ours.program(box, cell) as program:
        program.feed(stdin or b"")
        with (
            stopper.guard(program.signal, program.abandon),
            closing(told_stop(program.output(), stopper)) as story,
        ):
            yield from story
            exited = _end(program, stopper)
        yield exited


def _end(program: Remote, stopper: Stopper) -> Exited:
    """How it has ended. A box may be too busy, or its disk, to tell the end of what was killed:
    then the connection was given up, and it counts as killed. Else SshFailed where it broke."""
    try:
        return program.exited()
    except SshFailed:
        if not stopper.why:
            raise
        return Exited(KILLED)

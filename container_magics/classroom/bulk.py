"""The same work for every student at once: some tries each, and each failure told on its own."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from container_magics.core.roster import Student
from container_magics.engine.sshclient import Login
from container_magics.errors import ClassFailed, ContainerMagicsError, EngineLost, EngineRefused

T = TypeVar("T")
AT_ONCE = 12
TRIES = 7
FIRST_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one student: ``what`` was done, in a word or two; ``failure`` "" for none;
    ``remark``, of what went well, is what the teacher should know all the same, "" for nothing."""

    student: str
    what: str = ""
    failure: str = ""
    remark: str = ""


class Report(list[Outcome]):
    """Outcomes in the roster's order."""

    def __init__(self, verb: str, outcomes: Iterable[Outcome]) -> None:
        """``verb`` is what was to be done: "start"."""
        super().__init__(outcomes)
        self.verb = verb

    @property
    def failed(self) -> list[Outcome]:
        """Those that did not go well."""
        return [one for one in self if one.failure]

    def expect(self) -> Report:
        """The report itself; ClassFailed, with a line for each, when something did not go well."""
        if not self.failed:
            return self
        raise ClassFailed(
            f"{self.verb} did not succeed for {len(self.failed)} of {len(self)}.",
            hint="The others are as they should be. Mend the cause, and run it again.",
            facts=tuple(f"{one.student}: {one.failure}" for one in self.failed),
        )


class Calls:
    """The logins that are open for one verb: an interrupt ends them all."""

    def __init__(self) -> None:
        """None is open yet."""
        self._open = set[Login]()
        self._lock = threading.Lock()
        self.over = False

    @contextmanager
    def holding(self, login: Login) -> Iterator[None]:
        """Count a login as open until the block ends."""
        with self._lock:
            self._open.add(login)
            if self.over:
                login.abort()
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(login)

    def end(self) -> None:
        """Break each, and whatever is opened from now on; from any thread."""
        with self._lock:
            self.over = True
            for login in self._open:
                login.abort()


def each(
    verb: str,
    students: Sequence[Student],
    work: Callable[[Student], str | Outcome],
    calls: Calls,
) -> Report:
    """Do ``work``, which says what it did, for every student; it may be done again, so it has to
    bear that. What cannot succeed by waiting is not tried again. An interrupt ends ``calls``, so
    that what has begun comes to its end."""

    def one(student: Student) -> Outcome:
        try:
            done = patiently(lambda: work(student))
            return done if isinstance(done, Outcome) else Outcome(student.name, done)
        except ContainerMagicsError as error:
            return Outcome(student.name, failure=" ".join((str(error), error.hint)).strip())

    pool = ThreadPoolExecutor(AT_ONCE, "container-magics class")
    try:
        return Report(verb, pool.map(one, students))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        calls.end()
        raise
    finally:
        pool.shutdown()


def patiently(work: Callable[[], T]) -> T:
    """Try some times while the engine is too busy, with longer pauses each time; the last error
    is raised. Two who change a service at once are told so with a status of 500 as well."""
    for number in range(TRIES - 1):
        try:
            return work()
        except (EngineRefused, EngineLost) as error:
            if not isinstance(error, EngineLost) and error.status < 500:
                raise
            # not all at the same moment again
            time.sleep(FIRST_PAUSE_S * 2**number * random.uniform(0.5, 1.5))  # noqa: S311
    return work()

"""Play a story many times through a way that fails, a fault at a time, and count how each ends."""

from __future__ import annotations

import random
import sys
import threading
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from faultproxy import Fault, FaultProxy, How, through

from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import SESSION, Owner
from container_magics.engine.process import place
from container_magics.errors import ContainerMagicsError
from container_magics.session.sweep import sweep

WORKERS = 8
# What one story may take on a machine that is busy with other things: the longest that the
# product promises for a stall is some 20 s.
STORY_S = 90.0
SETTLE_S = 60.0
SDK_S = 4.0
"""The docker SDK's own limit, shorter than users have it: so that a stall ends in time."""
NO_PROCESS = 4_194_305
"""A number that Linux gives to no process."""
CUTS = 200
OTHERS: dict[How, int] = {"delay": 6, "refuse": 6, "stall": 4}


@dataclass(frozen=True)
class Story:
    """``play(engine, number)`` goes through the fault, and returns what it told.

    ``expected`` is what it tells undisturbed: an end that is no error has told just that.
    ``paths`` are the requests that faults hit, "" for all; one that is named twice is hit
    twice as often. ``kinds`` is how many kinds of it there are, told apart by the number; of
    those in ``believed`` nobody can tell an answer that was made to end early, so they are cut.
    """

    name: str
    play: Callable[[Engine, int], object]
    expected: object
    paths: tuple[str, ...]
    kinds: int = 1
    believed: tuple[int, ...] = ()
    cuts: int = CUTS


@dataclass
class Counts:
    """How the stories of one kind have ended; ``wrong`` says what must not be, in full."""

    story: str
    faults: Counter[str] = field(default_factory=Counter)
    struck: int = 0
    whole: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    longest_s: float = 0.0
    took_s: float = 0.0
    swept: int = 0

    def line(self) -> str:
        """One row of the table that docs/benchmarks.md has."""
        faults = ", ".join(f"{number} {how}" for how, number in self.faults.items())
        errors = ", ".join(f"{number} {kind}" for kind, number in self.errors.most_common())
        return (
            f"| {self.story} | {faults} | {self.whole} | {errors or 'none'} | {self.swept} "
            f"| {self.longest_s:.1f} s | {self.took_s:.0f} s |"
        )


def an_owner() -> Owner:
    """Who made what such a test makes: a session that is dead, of a user that nobody is."""
    once = uuid.uuid4().hex[:12]
    return Owner(f"{place()} {NO_PROCESS} {once}", "", f"cm-test-faults-{once}")


Sizes = dict[tuple[int, str], int]
"""Of each kind and path: how many bytes of answers there are, undisturbed."""


def plan(story: Story, sizes: Sizes, seed: int, number: int) -> Fault:
    """The fault for one playing; cuts first, then the others."""
    chance = random.Random(f"{story.name} {seed} {number}")
    kinds = [how for how, times in OTHERS.items() for _ in range(times)]
    path = chance.choice(story.paths)
    at = chance.randint(0, sizes[number % story.kinds, path])
    if number < story.cuts:
        how: How = chance.choice(["cut", "cut", "cut", "truncate"])
        how = "cut" if number % story.kinds in story.believed else how
        return Fault(how, at, path, for_good=how == "cut" and chance.random() < 0.3)
    how = kinds[number - story.cuts]
    if how == "refuse":
        return Fault(how, chance.randint(0, 1), path)
    if how == "delay":
        return Fault(how, at, path, pause_s=chance.uniform(0.01, 0.1))
    return Fault(how, at, path, pause_s=chance.uniform(1, 3), for_good=chance.random() < 0.5)


def measure(engine: Engine, story: Story) -> Sizes:
    """How many bytes the answers have, undisturbed; and that all is told then."""
    sizes = {}
    for kind in range(story.kinds):
        for path in set(story.paths):
            with through(engine, Fault(path=path)) as (whole, proxy):
                assert story.play(whole, kind) == story.expected
                assert proxy.answered_bytes, f"{story.name}, kind {kind}, asks for no {path}"
                sizes[kind, path] = proxy.answered_bytes
    return sizes


def play_all(engine: Engine, story: Story, seed: int) -> Counts:
    """Play it with every fault of the seed; several at once, for each is a story of its own."""
    sizes = measure(engine, story)
    counts, lock = Counts(story.name), threading.Lock()
    began_s = time.monotonic()

    def one(number: int) -> None:
        fault = plan(story, sizes, seed, number)
        outcome = play_one(engine, story, fault, number)
        with lock:
            note(
                counts,
                story,
                fault,
                outcome,
                f"{story.name}, seed {seed}, number {number}, {fault}",
            )

    numbers = range(story.cuts + sum(OTHERS.values()))
    with ThreadPoolExecutor(WORKERS) as pool:
        # stalls first: they take the longest, and no work
        futures = [pool.submit(one, number) for number in reversed(numbers)]
        finish(futures)
    counts.took_s = time.monotonic() - began_s
    return counts


def finish(futures: list[Future[None]]) -> None:
    """Wait for all; an error in the test itself is raised here."""
    wait(futures)
    for future in futures:
        future.result()


@dataclass
class Outcome:
    """One playing: what it told or raised, and how long it took."""

    told: object = None
    error: BaseException | None = None
    took_s: float = 0.0
    hung: str = ""
    left: tuple[int, int] = (0, 0)
    struck: bool = False


def play_one(engine: Engine, story: Story, fault: Fault, number: int) -> Outcome:
    """Play it once. One that hangs is brought to an end by force, and says where it hung."""
    outcome, began_s = Outcome(), time.monotonic()
    with through(engine, fault, limit_s=SDK_S) as (broken, proxy):
        with watchdog(proxy, outcome):
            try:
                outcome.told = story.play(broken, number)
            except Exception as error:  # noqa: BLE001 - which one it is, is what is tested
                outcome.error = error
        outcome.struck = proxy.struck
    outcome.left = proxy.left()
    outcome.took_s = time.monotonic() - began_s
    return outcome


@contextmanager
def watchdog(proxy: FaultProxy, outcome: Outcome) -> Iterator[None]:
    """After STORY_S, write down where the story is, and end its connections."""
    thread = threading.get_ident()

    def bark() -> None:
        frame = sys._current_frames().get(thread)
        outcome.hung = "".join(traceback.format_stack(frame)) if frame else "?"
        proxy.close()

    timer = threading.Timer(STORY_S, bark)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def note(counts: Counts, story: Story, fault: Fault, outcome: Outcome, what: str) -> None:
    """Count an outcome, and judge it."""
    counts.faults[fault.how] += 1
    counts.struck += outcome.struck
    counts.longest_s = max(counts.longest_s, outcome.took_s)
    error = outcome.error
    if outcome.hung:
        counts.wrong.append(f"{what}: hung at\n{outcome.hung}")
    elif isinstance(error, ContainerMagicsError):
        counts.errors[type(error).__name__] += 1
        if not error.hint:
            counts.wrong.append(f"{what}: no hint in {error.told()}")
    elif error is not None:
        counts.wrong.append(f"{what}:\n{''.join(traceback.format_exception(error))}")
    elif outcome.told != story.expected:
        counts.wrong.append(f"{what}: no error, and it told {outcome.told!r}")
    else:
        counts.whole += 1
    if outcome.left != (0, 0):
        counts.wrong.append(f"{what}: the proxy left {outcome.left}")


def sweep_all(engine: Engine, owner: Owner) -> int:
    """Sweep until nothing of the owner is left; returns how many that removed.

    The engine may still be working at a request whose answer nobody waits for, so nothing must
    be left for a second.
    """
    removed, quiet, end_s = 0, 0, time.monotonic() + SETTLE_S
    while quiet < 3:
        found = verbs.containers(engine, f"{SESSION}={owner.session}")
        quiet = 0 if found else quiet + 1
        assert time.monotonic() < end_s, found
        with suppress(ContainerMagicsError):
            removed += sweep(engine, owner)
        time.sleep(0.4)
    return removed


def sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


@contextmanager
def no_thread_or_socket_left(engine: Engine) -> Iterator[None]:
    """Fail when the block leaves a thread or a socket; idle connections of ``engine`` aside."""
    engine.close()
    threads, before = set(threading.enumerate()), sockets()
    yield
    end_s = time.monotonic() + SETTLE_S
    engine.close()
    while (new := set(threading.enumerate()) - threads) or sockets() > before:
        assert time.monotonic() < end_s, f"{new}, {sockets() - before} sockets"
        time.sleep(0.1)

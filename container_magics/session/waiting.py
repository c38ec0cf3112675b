"""The story of a wait: until a container is healthy, runs, listens, answers, writes or ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from container_magics.core.terminal import plain
from container_magics.core.waits import EXIT, Condition, regex
from container_magics.engine import run
from container_magics.engine.client import Engine
from container_magics.engine.reach import (
    http_answer,
    http_ports,
    own_addresses,
    published_addresses,
)
from container_magics.engine.waiting import exit_status, listens, seconds
from container_magics.errors import Conflict, NotFound, TimedOut, UsageError
from container_magics.session.ending import ended_early, too_late
from container_magics.session.following import follow

TIMEOUT_S = 60.0
"""How long a wait lasts that was given no time."""
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.5
ENDED = ("exited", "dead", "removing")
NEVER = "0001-01-01T00:00:00Z"
"""What the engine writes for a container that has never ended."""

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Met:
    """A condition that holds. ``exit_status`` is for exit, None else; ``line`` for log."""

    condition: Condition
    exit_status: int | None = None
    line: str = ""


def wait(
    engine: Engine,
    name: str,
    conditions: Sequence[Condition] = (EXIT,),
    *,
    timeout_s: float = TIMEOUT_S,
) -> list[Met]:
    """Wait for one condition after the other, all within ``timeout_s``; returns them as met.

    TimedOut when the time passes and ContainerFailed as soon as the container ends before,
    both with the last lines of its log. Of a log the lines of the run that is, or comes, count.
    NotFound when there is no such container. A KeyboardInterrupt ends the wait at once, and
    the container runs on.
    """
    return [met for _, met in wait_each(engine, (name,), conditions, timeout_s=timeout_s)]


def wait_each(
    engine: Engine, names: Sequence[str], conditions: Sequence[Condition], *, timeout_s: float
) -> Iterator[tuple[str, Met]]:
    """The same of one container after the other, all within the time: (name, what is met)."""
    limit = Limit(timeout_s)
    for name in names:
        facts = run.inspect(engine, name)
        for condition in conditions:
            yield name, one(engine, name, facts, condition, limit)


class Limit:
    """The time of one wait."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s

    @property
    def left_s(self) -> float:
        """0.0 when it has passed."""
        return max(0.0, self._end_s - time.monotonic())


def one(engine: Engine, name: str, facts: Facts, condition: Condition, limit: Limit) -> Met:
    """Wait for one condition of a container that was inspected before."""
    if condition.kind == "exit":
        status = exit_status(engine, facts["Id"], limit.left_s)
        if status is None:
            raise too_late(engine, name, "did not end", limit.timeout_s)
        return Met(condition, exit_status=status)
    if condition.kind == "log":
        return Met(condition, line=logged(engine, name, facts, condition, limit))
    polled(engine, name, facts, condition, limit)
    return Met(condition)


def logged(engine: Engine, name: str, facts: Facts, condition: Condition, limit: Limit) -> str:
    """The line that matches. The end of the run before is where this run's log begins: its own
    start is known to the engine only a moment after its first line."""
    state = begun(engine, facts, limit)["State"]
    before = NEVER if state["Status"] in ENDED else state["FinishedAt"]
    since_ns = max(0, round(seconds(before) * 1e9))
    pattern = regex(condition.pattern)
    story = follow(engine, name, since_ns=since_ns, until=pattern, timeout_s=limit.left_s)
    try:
        return told_to_its_end(story) or ""
    except TimedOut:
        still = STILL["log"](condition)
        raise too_late(engine, name, still, limit.timeout_s) from None


def begun(engine: Engine, facts: Facts, limit: Limit) -> Facts:
    """The container as soon as it was started for the first time, or when the time has passed."""
    while facts["State"]["Status"] == "created" and limit.left_s:
        time.sleep(min(FIRST_PAUSE_S, limit.left_s))
        facts = run.inspect(engine, facts["Id"])
    return facts


def told_to_its_end(story: Generator[object, None, str | None]) -> str | None:
    """What a story returns."""
    while True:
        try:
            next(story)
        except StopIteration as end:
            value: str | None = end.value
            return value


def polled(engine: Engine, name: str, facts: Facts, condition: Condition, limit: Limit) -> None:
    """Ask again and again, at first soon, until the condition holds."""
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            facts = run.inspect(engine, facts["Id"])
        except NotFound:
            raise ended_early(engine, name, facts, AWAITED[condition.kind](condition)) from None
        status = facts["State"]["Status"]
        if status in ENDED:
            raise ended_early(engine, name, facts, AWAITED[condition.kind](condition))
        holds, seen = False, f"its state is {status}"
        if status == "running":
            with suppress(Conflict):  # it has ended, or was paused, in this very moment
                holds, seen = look(engine, facts, condition)
        if holds:
            return
        if not limit.left_s:
            raise too_late(engine, name, STILL[condition.kind](condition), limit.timeout_s, seen)
        time.sleep(min(pause_s, limit.left_s))
        pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)


def look(engine: Engine, facts: Facts, condition: Condition) -> tuple[bool, str]:
    """(whether the condition holds, what was seen) of a container that runs."""
    match condition.kind:
        case "healthy":
            return is_healthy(facts)
        case "port":
            return listens(engine, facts, condition.port or 0), ""
        case "http":
            return answers(engine, facts, condition)
    return True, ""  # it runs, or it would not be looked at


def is_healthy(facts: Facts) -> tuple[bool, str]:
    """The last word of its health check; UsageError where it has none."""
    health = facts["State"].get("Health") or {}
    if health.get("Status", "none") in ("none", ""):
        raise UsageError(
            f"{facts['Name'].lstrip('/')} has no health check, so it never gets healthy.",
            hint="Wait for port:, log: or http:, or write HEALTHCHECK into its Dockerfile.",
        )
    said = [plain(str(each.get("Output", ""))).strip() for each in health.get("Log") or ()][-1:]
    seen = f"its health is {health['Status']}" + "".join(f": {word}" for word in said if word)
    return health["Status"] == "healthy", seen


def answers(engine: Engine, facts: Facts, condition: Condition) -> tuple[bool, str]:
    """Its page answers, at its published port or at its own address; UsageError where neither
    is reached from here."""
    port = condition.port or the_port(facts)
    reached = [*published_addresses(engine, facts, port), *own_addresses(engine, facts, port)]
    if not reached:
        raise UsageError(
            f"Port {port} of {facts['Name'].lstrip('/')} cannot be reached from here.",
            hint=f"Publish it when you start the container: -p {port}.",
        )
    holds, seen = http_answer(reached[0], condition.path)
    return holds, f"the last try: {seen}"


def the_port(facts: Facts) -> int:
    """The one port that can be meant; UsageError when there are more or none."""
    ports = http_ports(facts)
    if len(ports) != 1:
        raise UsageError(
            f"{facts['Name'].lstrip('/')} has {len(ports) or 'no'} ports: which is to answer?",
            hint="Write it down: --for http:8000/path.",
        )
    return ports[0]


AWAITED: dict[str, Callable[[Condition], str]] = {
    "running": lambda _: "it was seen running",
    "healthy": lambda _: "it was healthy",
    "port": lambda condition: f"it listened on port {condition.port}",
    "http": lambda condition: f"{condition} answered",
}
STILL: dict[str, Callable[[Condition], str]] = {
    "running": lambda _: "did not run",
    "healthy": lambda _: "was not healthy",
    "port": lambda condition: f"did not listen on port {condition.port}",
    "log": lambda condition: f"wrote no line that matches {condition.pattern!r}",
    "http": lambda condition: f"gave no good answer to {condition}",
}

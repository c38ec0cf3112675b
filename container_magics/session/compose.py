"""The story of a Compose project: read the file, start it, wait until it stands, or take it down.

Compose starts; we wait. Version 1 cannot wait, and version 2 takes a service that has done its
work and ended with 0 for one that failed (docs/decisions/0011-compose.md).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from container_magics.core import compose as pure
from container_magics.core import composefile, composestate
from container_magics.core.compose import ServiceFacts
from container_magics.core.composeevents import (
    ComposeEvent,
    ComposeRead,
    ComposeSeen,
    ComposeTakenDown,
    ComposeUp,
)
from container_magics.core.composeflags import ComposeRequest
from container_magics.core.composestate import failed, standing
from container_magics.core.rewriting import lines_of
from container_magics.core.spec import Port
from container_magics.core.terminal import plain
from container_magics.engine import compose as program
from container_magics.engine import composeproject as verbs
from container_magics.engine import policyfile
from container_magics.engine.client import Engine
from container_magics.engine.ownership import MADE, Owner
from container_magics.errors import (
    ComposeFailed,
    ContainerMagicsError,
    NameTaken,
    NotFound,
    TimedOut,
)
from container_magics.session.stopper import Stopper

PURPOSE = "compose"
LOOK_S = 0.2
"""How often the project is looked at."""
SETTLED_S = 0.5
"""How long a program without a health check has to run before it counts as running."""
LAST_LINES = 20
LEAVING_S = 10.0
"""How long what Compose had begun may still appear after Compose was ended."""


def up(
    engine: Engine,
    owner: Owner,
    request: ComposeRequest,
    text: str,
    *,
    stopper: Stopper | None = None,
    compose: program.Compose | None = None,
) -> Generator[ComposeEvent, None, None]:
    """Bring the project to what ``text`` says: ComposeRead, ComposeSeen*, ComposeUp.

    Whatever keeps it from coming up (a service, the stop button, the time limit, the generator
    closed) takes all of it down again, unless ``request.keep``; volumes that were there before
    stay. Then ComposeTakenDown is the last event, where one can still be told.
    Raises ComposeFileError, NameTaken and PortTaken before anything is begun; ComposeFailed,
    TimedOut, KeyboardInterrupt and EngineError.
    """
    stopper = stopper or Stopper()
    composefile.check(text)
    compose = compose or program.find(os.environ, Path.home(), Path.cwd())
    environ = program.environment(os.environ, engine.endpoint, request.environment)
    config, warnings = program.config(compose, request, text, environ)
    allowed = policyfile.allowed_services(engine, request.project, config)
    ours = pure.ours(allowed, Labels(owner, request.project))
    kept = make_room(engine, owner, request.project)
    ports = pure.wanted_ports(config)
    verbs.free_ports(engine, owner, ports, request.project)
    names = pure.service_names(config)
    yield ComposeRead(names, warnings)
    stopper.check()
    with stopper.shield():
        try:
            with program.up(compose, request, ours, environ) as running:
                yield from watched(engine, request, running, stopper, names)
                refuse_unstarted(engine, request, running, ports)
                for one in verbs.services(engine, request.project):
                    policyfile.keep_lifetime(engine, one.container_id)
        except BaseException as error:
            if not request.keep:
                take_down(engine, owner, request.project, kept)
                if not isinstance(error, GeneratorExit):
                    yield ComposeTakenDown()
            raise
    yield ComposeUp()


class Labels:
    """The labels of one thing of a project, the same for it in the whole session: Compose makes
    anew what has other labels."""

    def __init__(self, owner: Owner, project: str) -> None:
        """In whose name, and for which project."""
        self._owner = owner
        self._project = project

    def __call__(self, thing: str) -> Mapping[str, str]:
        """Those of ``thing``, such as "service web"."""
        identity = f"{self._owner.session} {self._project} {thing}"
        made = hashlib.sha256(identity.encode()).hexdigest()[:32]
        return {**self._owner.labels(PURPOSE), MADE: made}


def make_room(engine: Engine, owner: Owner, project: str) -> frozenset[str]:
    """The names of the volumes that the project has already. What an earlier session of ours
    left is removed, volumes too, as the sweep does; NameTaken when another made any of it."""
    found = verbs.things(engine, project)
    name = verbs.stranger(engine, owner, found, whose="notebook")
    if name:
        raise NameTaken(
            f"There is a Compose project {project!r} that this notebook did not make.",
            hint="Choose another name. `%compose list` shows them all.",
            facts=(name,),
        )
    if verbs.leftover(owner, found):
        verbs.remove(engine, found)
        return frozenset()
    return frozenset(one["Name"] for one in found.volumes)


def watched(
    engine: Engine,
    request: ComposeRequest,
    running: program.Running,
    stopper: Stopper,
    names: tuple[str, ...],
) -> Generator[ComposeEvent, None, None]:
    """Look until every service is ready, or Compose has ended with another status than 0."""
    began_s = time.monotonic()
    since: dict[str, float] = {}  # container ID -> when it was first seen to run
    while True:
        status = running.status  # asked first: what it has begun is then seen whole
        found = verbs.services(engine, request.project)
        at_s = time.monotonic() - began_s
        for one in found:
            if standing(one) == "ready":
                since.setdefault(one.container_id, at_s)
            else:
                since.pop(one.container_id, None)
        waiting = {one.service for one in found if not settled(one, since, at_s)}
        ready = frozenset(one.service for one in found) - waiting
        yield ComposeSeen(at_s, found, running.lines(5), status is None, ready)
        if stopper.why:
            raise KeyboardInterrupt
        if status is not None:
            refuse_failure(engine, request, found)
            if status != 0 or not waiting:
                return
        if request.timeout_s is not None and at_s > request.timeout_s:
            raise too_slow(request, [name for name in names if name not in ready])
        time.sleep(LOOK_S)


def settled(one: ServiceFacts, since: Mapping[str, float], at_s: float) -> bool:
    """Whether a container needs no more waiting for; a program that fails does so at once."""
    if one.container_id not in since:
        return False
    checked = one.health or one.state != "running"
    return bool(checked) or at_s - since[one.container_id] >= SETTLED_S


def too_slow(request: ComposeRequest, waiting: Sequence[str]) -> TimedOut:
    """The error of the time limit."""
    return TimedOut(
        f"{request.project} was not up after {request.timeout_s:g} s.",
        hint=hint(request),
        facts=(f"still waiting for {', '.join(waiting)}",),
    )


def refuse_failure(
    engine: Engine, request: ComposeRequest, found: tuple[ServiceFacts, ...]
) -> None:
    """ComposeFailed when a service has failed; else nothing."""
    one = failed(found)
    if one is not None:
        raise ComposeFailed(
            f"The service {one.service!r} of {request.project} {how(one)}.",
            exit_status=one.exit_status,
            hint=hint(request),
            facts=last_lines(engine, one),
        )


def refuse_unstarted(
    engine: Engine, request: ComposeRequest, running: program.Running, ports: Sequence[Port]
) -> None:
    """PortTaken or ComposeFailed when no service failed, but Compose itself; else nothing."""
    if running.status == 0:
        return
    verbs.explain_ports(engine, ports, request.project)
    raise ComposeFailed(
        f"Compose could not start {request.project} (exit status {running.status}).",
        hint=hint(request),
        facts=running.lines(LAST_LINES),
    )


def how(one: ServiceFacts) -> str:
    """How a container failed, in words."""
    if one.exit_status is not None:
        return f"ended with exit status {one.exit_status}"
    if one.state == "restarting":
        return f"was started {composestate.MOST_RESTARTS} times and more, and ended each time"
    return "is unhealthy: its health check fails"


def hint(request: ComposeRequest) -> str:
    """What to do after a failure."""
    if request.keep:
        return f"It was left as it is: `%compose status {request.project}`, then `logs`, `down`."
    return "What was begun is removed again. --keep leaves it, to look into."


def last_lines(engine: Engine, one: ServiceFacts) -> tuple[str, ...]:
    """The last lines of a container; none when it is gone."""
    with suppress(ContainerMagicsError):
        written = verbs.logs(engine, one.container_id, tail=LAST_LINES)
        return tuple(plain(line).rstrip() for line in lines_of(written))
    return ()


def take_down(engine: Engine, owner: Owner, project: str, kept: frozenset[str]) -> None:
    """Remove what there is of the project but ``kept`` volumes, and what still comes.

    The engine may be at work on the last thing that Compose has asked for: look until two
    looks in a row find nothing.
    """
    end_s, quiet = time.monotonic() + LEAVING_S, 0
    while quiet < 2 and time.monotonic() < end_s:
        found = verbs.things(engine, project)
        rest = [one for one in found.volumes if one["Name"] not in kept]
        if found.containers or found.networks or rest:
            quiet = 0
            refuse_strangers(engine, owner, project, found)
            verbs.remove(engine, found, kept_volumes=kept)
        else:
            quiet += 1
            time.sleep(LOOK_S)


def down(engine: Engine, owner: Owner, project: str, *, volumes: bool = False) -> verbs.Things:
    """Stop and remove a project of this user's notebooks; returns what was there.

    Raises NotFound when there is no such project, NameTaken when another made any of it.
    """
    found = verbs.things(engine, project)
    if not found:
        raise no_project(project)
    refuse_strangers(engine, owner, project, found)
    kept = () if volumes else [one["Name"] for one in found.volumes]
    verbs.remove(engine, found, kept_volumes=kept)
    return found


def refuse_strangers(engine: Engine, owner: Owner, project: str, found: verbs.Things) -> None:
    """NameTaken when something of the project was not made by this user's notebooks."""
    name = verbs.stranger(engine, owner, found, whose="user")
    if name:
        raise NameTaken(
            f"The Compose project {project!r} was not made in a notebook of yours.",
            hint=f"Who made it takes it down: `docker compose -p {project} down`.",
            facts=(name,),
        )


def services(engine: Engine, project: str, *names: str) -> tuple[ServiceFacts, ...]:
    """The containers of a project, or of these services of it; NotFound when there are none."""
    found = verbs.services(engine, project)
    if not found:
        raise no_project(project)
    there = {one.service for one in found}
    for name in names:
        if name not in there:
            raise NotFound(
                f"{project} has no service {name!r}.", hint=f"It has {', '.join(sorted(there))}."
            )
    return tuple(one for one in found if not names or one.service in names)


def no_project(project: str) -> NotFound:
    """The error for a project without containers."""
    return NotFound(f"There is no Compose project {project!r}.", hint="`%compose list` lists them.")

"""The story of a run: pull when missing, create, start, output, exit, removal; always cleaned."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial

from container_magics.core.events import (
    Created,
    Exited,
    Output,
    Removed,
    RunEvent,
    Started,
    Stopping,
)
from container_magics.core.spec import ContainerSpec
from container_magics.core.transfer import NOTHING, Transfer
from container_magics.engine import inside, limits, networks, policyfile, ports
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import Owner
from container_magics.engine.spare import Spare
from container_magics.engine.streams import Hijacked
from container_magics.errors import (
    ContainerFailed,
    EngineRefused,
    NotFound,
)
from container_magics.session.carry import bring, fetch
from container_magics.session.making import (
    created_from,
    removal_unless_done,
    replace_ours,
    with_name,
)
from container_magics.session.missing import (
    NOT_FOUND,
    explain_inside,
    explain_start,
    explained_inside,
)
from container_magics.session.spares import Spares
from container_magics.session.stopper import Stopper


def run(
    engine: Engine,
    spec: ContainerSpec,
    owner: Owner,
    *,
    purpose: str = "cell",
    stdin: bytes | None = None,
    stopper: Stopper | None = None,
    spares: Spares | None = None,
    transfer: Transfer = NOTHING,
) -> Generator[RunEvent, None, None]:
    """Run a container to its end and yield what happens, in order; it is removed in any case.

    Pull events come only when the image is missing. The engine itself removes the container
    once it has ended; ``Removed`` is waited for only where the next run could collide with
    it, by its name or its ports. With ``spares`` it is one of them if there is one that fits.
    What ``transfer`` asks for is put in before the start, and Got after the end. NotSupported for
    a limit that the engine does not set.
    """
    limits.expect(engine, spec.limits)
    stopper = stopper or Stopper()
    spares = None if transfer.put or transfer.get else spares
    with stopper.shield():  # a press must not lose what was just taken
        spare = taken(spares, engine, spec, stdin, stopper) if spares else None
        if spares and spare:
            yield from in_spare(engine, spare, stopper)
            spares.renew(engine, owner, spec)
            return
    yield from replace_ours(engine, spec, owner, stopper)
    named = with_name(spec)
    labels = owner.labels(purpose)
    fed, stays = stdin is not None, bool(transfer.get)
    make = partial(verbs.create, engine, named, labels, stdin=fed, auto_remove=not stays)
    with removal_unless_done(engine, named.name, owner, stopper) as done:
        created = yield from created_from(engine, spec, make, stopper)
        yield from bring(engine, created.container_id, spec, transfer)
        with (
            stopper.shield(),
            verbs.attach(engine, created.container_id, stdin=fed) as streams,
            verbs.exit_watch(engine, created.container_id) as watch,
        ):
            stopper.check()
            yield from started(engine, spec, created)
            if stdin is not None:
                streams.feed(stdin)
            exited = yield from ended(engine, created, streams, watch, stopper)
            done.extend([] if stays else [created.container_id])
            yield exited
            if stays:
                yield from fetch(engine, created.container_id, spec, transfer)
            elif spec.name or spec.ports:
                watch.removed()
                yield Removed(created.container_id)
    if spares:
        spares.renew(engine, owner, spec)


def taken(
    spares: Spares, engine: Engine, spec: ContainerSpec, stdin: bytes | None, stopper: Stopper
) -> Spare | None:
    """A spare that has become the spec's program already; None when the program did not start
    and has to be run the other way."""
    policyfile.allowed(engine, spec, {})  # its own making was, but now it counts as running
    spare = spares.take(engine, spec)
    if spare is None:
        return None
    words = (*spec.entrypoint, *spec.command)
    if not stopper.why and spare.hand_over(words, stdin):
        return spare
    spare.remove()
    stopper.check()
    return None


def in_spare(engine: Engine, spare: Spare, stopper: Stopper) -> Generator[RunEvent, None, None]:
    """The story of a program that a spare has become: the same words, without the waiting."""
    created, exited = spare.created, None
    try:
        yield created
        yield Started(created.container_id)
        exited = yield from ended(engine, created, spare.streams, spare.watch, stopper)
    finally:
        spare.close() if exited else spare.remove()
    yield exited


def ended(
    engine: Engine,
    created: Created,
    streams: Hijacked,
    watch: verbs.ExitWatch,
    stopper: Stopper,
) -> Generator[RunEvent, None, Exited]:
    """Output until the program's end, which the stopper may bring about; returns the end."""
    send = partial(verbs.signal, engine, created.container_id)
    with stopper.guard(send, partial(abandon, streams, watch)):
        yield from told_stop(streams.output(), stopper)
        return watch.exited()


def run_inside(
    engine: Engine,
    container: str,
    spec: ContainerSpec,
    *,
    stdin: bytes | None = None,
    stopper: Stopper | None = None,
    transfer: Transfer = NOTHING,
) -> Generator[RunEvent, None, None]:
    """Run the spec's command in a running container and yield output and exit.

    What ``transfer`` asks for is put in before, and Got after. ContainerFailed when the
    container does not have the program.
    """
    stopper = stopper or Stopper()
    yield from bring(engine, container, spec, transfer)
    with (
        stopper.shield(),
        inside.run_inside(engine, container, spec, stdin=stdin is not None) as program,
    ):
        if stdin is not None:
            program.feed(stdin)
        with (
            stopper.guard(program.signal, program.abandon),
            explained_inside(engine, container, spec, program),
        ):
            yield from told_stop(program.output(), stopper)
            exited = program.exited()
        if exited.exit_status == NOT_FOUND:
            explain_inside(engine, container, spec)
        yield exited
        yield from fetch(engine, container, spec, transfer)


def abandon(streams: Hijacked, watch: verbs.ExitWatch) -> None:
    """Listen no longer to an engine that does not tell the end of what it was told to kill."""
    streams.abandon()
    watch.abandon()


def started(engine: Engine, spec: ContainerSpec, created: Created) -> Iterator[RunEvent]:
    """Start, and explain a refusal by what can be seen, not by the engine's words."""
    try:
        yield verbs.start(engine, created, ports=bool(spec.ports))
    except NotFound:
        networks.see(engine, spec.network)
        raise
    except EngineRefused as refusal:
        ports.explain(engine, spec.ports)
        explain_start(engine, spec)
        if refusal.status == 400 and spec.command:
            raise ContainerFailed(
                f"{spec.image} could not start the program {spec.command[0]!r}.",
                exit_status=127,
                hint="The image has it. The engine's own words:",
                facts=(str(refusal),),
            ) from refusal
        if refusal.status >= 500 and not all(port.host_port for port in spec.ports):
            refusal.hint = ports.CHOSEN_BY_ENGINE
        raise


def told_stop(output: Iterator[Output], stopper: Stopper) -> Generator[RunEvent, None, None]:
    """The output, and between it, once, that the program is being stopped."""
    said = False
    for event in output:
        if stopper.why and not said:
            said = True
            yield Stopping(stopper.why)
        yield event
    if stopper.why and not said:
        yield Stopping(stopper.why)

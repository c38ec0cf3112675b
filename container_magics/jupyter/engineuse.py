"""%engine use: the session goes to another engine, and says what it leaves on the one before."""

from __future__ import annotations

from collections.abc import Mapping

from container_magics.core.units import count
from container_magics.engine.client import Engine, connect
from container_magics.errors import ContainerMagicsError, EngineRefused
from container_magics.jupyter.workbench import Workbench
from container_magics.session.sweep import left_by
from container_magics.view.model import Note


def use(bench: Workbench, place: str) -> Note:
    """Go there, and say so. When nothing answers there the session stays where it is."""
    found = connect(place)
    try:
        name = named(found)
    except BaseException:
        found.close()
        raise
    before = bench.engines.now
    if before is not None and before.endpoint.url == found.endpoint.url:
        bench.move_to(found, place, leave=False)
        return Note(f"The engine in use: {name}. It was so before.", "ok")
    left = left_on(bench, before) if before else {}
    bench.move_to(found, place, leave=left is None or any(left.values()))
    facts = left_words(left, before.endpoint.word) if before else ()
    return Note(f"The engine in use from here on: {name}.", "ok", facts=facts)


def named(engine: Engine) -> str:
    """Which it is, and where."""
    try:
        facts = engine.facts()
    except EngineRefused:  # what stands before it lets nobody ask
        return f"one at {engine.endpoint.url} that does not say which it is"
    return f"{facts.name} {facts.version} at {facts.url}"


def left_on(bench: Workbench, engine: Engine) -> dict[str, int] | None:
    """How many things of this session stand there, by what they are; None where that is not
    seen."""
    bench.drop_spares(wait=True)
    try:
        return left_by(engine, bench.owner)
    except ContainerMagicsError:
        return None


def left_words(left: Mapping[str, int] | None, back: str) -> tuple[str, ...]:
    """What stays where it was, and for how long; ``back`` is the word that leads there."""
    leads = f"`%engine use {back}` leads back."
    if left is None:
        return (f"What stays at {back} is not seen. It goes when the session ends; {leads}",)
    there = [count(number, noun) for noun, number in left.items() if number]
    if not there:
        return ()
    goes = "It goes" if sum(left.values()) == 1 else "They go"
    things = " and ".join(filter(None, (", ".join(there[:-1]), there[-1])))
    return (f"{things} of this session stay at {back}. {goes} when the session ends; {leads}",)

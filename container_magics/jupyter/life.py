"""%container VERB NAME: words to an engine's verb, and its answer shown."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from container_magics.core.facts import Change, Process, PublishedPort
from container_magics.core.names import ImageRef, container_name
from container_magics.core.template import filled
from container_magics.core.units import count
from container_magics.engine import containers as engine_containers
from container_magics.engine import run as engine_run
from container_magics.errors import Conflict
from container_magics.jupyter import watching
from container_magics.jupyter.copying import copy
from container_magics.jupyter.listing import Listing
from container_magics.jupyter.named import exactly
from container_magics.jupyter.publish import show
from container_magics.jupyter.workbench import Workbench
from container_magics.session.sweep import sweep, sweep_strays
from container_magics.view.model import Note, View
from container_magics.view.present import life, lists


def container(bench: Workbench, words: Namespace) -> Any:
    """Do one verb of %container; returns what wait, stats and those that list give, None else."""
    words.names = [own(bench, name, words.verb) for name in words.names]
    match words.verb:
        case "sweep":
            swept(bench)
        case "cp":
            copy(bench, *exactly(2, words, "%container"))
        case "commit":
            commit(bench, *exactly(2, words, "%container"))
        case "rename":
            rename(bench, *exactly(2, words, "%container"))
        case "logs":
            watching.logs(bench, container_name(exactly(1, words, "%container")[0]), words)
        case "stats":
            names = list(map(container_name, words.names))
            return watching.stats(bench, names, watch=words.watch)
        case "wait":
            return watching.wait(bench, some(words), words)
        case "port":
            return ports(bench, words)
        case "top" | "changes" if len(words.names) == 1:
            return LISTS[words.verb](bench, some(words)[0])
        case _:
            act(bench, some(words), words)
    return None


def own(bench: Workbench, name: str, verb: str) -> str:
    """The engine's name for this notebook's box of that name, which is another one where several
    users have such a box; else the name itself. What cp has without a colon is a file's name."""
    container, colon, path = name.partition(":")
    if verb == "cp" and not colon:
        return name
    return bench.box_containers.get(container, container) + colon + path


def swept(bench: Workbench) -> None:
    """Remove what dead sessions left, and what a broken connection left of this one's cells."""
    bench.drop_spares(wait=True)
    removed = sweep(bench.engine, bench.owner)
    removed += sweep_strays(bench.engine, bench.owner, bench.departing)
    show(Note(f"Removed {count(removed, 'thing')} that nobody uses any more.", "ok"))


def act(bench: Workbench, names: list[str], words: Namespace) -> None:
    """The verbs with one line, or one view, for each container."""
    for name in names:
        if words.format:
            facts = engine_run.inspect(bench.engine, name)
            sys.stdout.write(filled(words.format, facts) + "\n")
            continue
        if words.verb not in ACTIONS:
            show(look(bench, words.verb, name))
            continue
        do, done = ACTIONS[words.verb]
        if words.force:
            engine_containers.remove(bench.engine, name, force=True)
        else:
            do(bench.engine, name)
        show(Note(f"{name} {done}.", "ok"))


ACTIONS: dict[str, tuple[Callable[[Any, str], None], str]] = {
    "start": (engine_containers.start, "is running"),
    "stop": (engine_containers.stop, "has stopped; its writable layer is kept"),
    "restart": (engine_containers.restart, "has stopped and is running again"),
    "pause": (engine_containers.pause, "is paused: its processes keep all they have, and wait"),
    "unpause": (engine_containers.unpause, "goes on where it was"),
    "rm": (engine_containers.remove, "is removed, and its writable layer with it"),
}


def some(words: Namespace) -> list[str]:
    """The names; UsageError when there are none."""
    return list(map(container_name, words.names or exactly(1, words, "%container")))


def look(bench: Workbench, verb: str, name: str) -> View:
    """The answer of a verb that changes nothing: changes, top, inspect."""
    if verb in LISTS:
        return LISTS[verb](bench, name).view
    return life.inspected(engine_run.inspect(bench.engine, name), stable=bench.stable)


def changes(bench: Workbench, name: str) -> Listing:
    """What is in a container's writable layer, each folder before what is in it."""
    found = engine_containers.changes(bench.engine, name)
    found.sort(key=lambda change: change.path.split("/"))  # the engine's order varies
    shown = "NAME" if bench.stable and engine_run.is_generated(name) else name
    return Listing(found, lists.changes(found, shown), Change)


def top(bench: Workbench, name: str) -> Listing:
    """A container's processes, in the engine's order."""
    found = engine_containers.processes(bench.engine, name)
    return Listing(found, lists.processes(found, name, stable=bench.stable), Process)


LISTS: dict[str, Callable[[Workbench, str], Listing]] = {"changes": changes, "top": top}


def ports(bench: Workbench, words: Namespace) -> Listing:
    """Where all published ports are reached, or the one that is named: 80 or 80/tcp."""
    if len(words.names) != 2:
        exactly(1, words, "%container")
    name, *asked = words.names
    inspected = engine_run.inspect(bench.engine, container_name(name))
    found = engine_run.published(bench.engine, inspected)
    if asked:
        wanted = asked[0] if "/" in asked[0] else f"{asked[0]}/tcp"
        found = tuple(each for each in found if each[0] == wanted)
        if not found:
            raise Conflict(f"{name} does not publish port {wanted}.")
    facts = [PublishedPort(*each) for each in found]
    return Listing(facts, lists.ports(found, stable=bench.stable), PublishedPort)


def rename(bench: Workbench, name: str, new: str) -> None:
    """Another name for a container; it stays what it is, and runs on."""
    engine_containers.rename(bench.engine, container_name(name), container_name(new))
    show(Note(f"{name} is called {new} now.", "ok"))


def commit(bench: Workbench, name: str, image: str) -> None:
    """An image from a container's layers, its writable one included."""
    reference = ImageRef.parse(image)
    engine_containers.commit(
        bench.engine, container_name(name), reference.name, reference.tag or "latest"
    )
    show(Note(f"{reference} is an image now: {name}'s writable layer is its newest layer.", "ok"))

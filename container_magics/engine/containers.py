"""What the engine says of containers, and the verbs of their life."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from container_magics.core.facts import Change, ChangeKind, ContainerFacts, Process
from container_magics.engine import run, spare
from container_magics.engine.client import Engine, told
from container_magics.engine.ownership import NOTEBOOK, PURPOSE, SESSION, USER, Owner, user_name
from container_magics.errors import Conflict, EngineRefused, NameTaken, NotFound

NO_LABELS: Mapping[str, str] = {}
STOP_S = 1
"""How long a program may take to end by itself before the engine kills it."""
KINDS: dict[int, ChangeKind] = {0: "changed", 1: "added", 2: "deleted"}


def listed(
    engine: Engine, owner: Owner, *, everything: bool = False, mine: bool = False
) -> list[ContainerFacts]:
    """Containers, newest first: those that run, or ``everything``, or all of this session.

    Spares are there only with ``everything``.
    """
    labels = (f"{SESSION}={owner.session}",) if mine else ()
    found = run.containers(engine, *labels, everything=everything or mine)
    return [summarised(each, owner) for each in found if everything or not is_spare(each)]


def one(engine: Engine, owner: Owner, container_id: str) -> ContainerFacts | None:
    """The same of one, by its whole ID; None where it is gone.

    It is inspected first, which waits for what the engine still has to do: an engine tells of a
    container's end before its own list has it (seen on 20.10).
    """
    try:
        run.inspect(engine, container_id)
    except NotFound:
        return None
    with told():
        found = engine.api.containers(all=True, filters={"id": container_id})
    return summarised(found[0], owner) if found else None


def is_spare(summary: dict[str, Any]) -> bool:
    """Whether it waits for a cell, or runs one: a name cannot be changed safely, for an engine
    that renames what it is removing lists it for ever after (seen on 20.10)."""
    return bool((summary["Labels"] or {}).get(PURPOSE) == spare.PURPOSE)


def summarised(summary: dict[str, Any], owner: Owner) -> ContainerFacts:
    """An entry of the engine's list (API, "List containers")."""
    return ContainerFacts(
        container_id=summary["Id"],
        name=summary["Names"][0].lstrip("/") if summary["Names"] else summary["Id"][:12],
        image=summary["Image"],
        state=summary["State"],
        status=summary["Status"] + (", waits for a cell or runs it" if is_spare(summary) else ""),
        created_s=summary["Created"],
        ports=published(summary["Ports"]),
        labels=summary["Labels"] or {},
        mine=owner.made(summary["Labels"]),
    )


def published(ports: Iterable[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """(container port, "address:port") pairs, sorted; ports that are not published left out."""
    return tuple(
        sorted(
            (f"{port['PrivatePort']}/{port['Type']}", f"{port.get('IP', '')}:{port['PublicPort']}")
            for port in ports
            if "PublicPort" in port
        )
    )


def start(engine: Engine, name: str) -> None:
    """Start a container that has ended; no error when it runs."""
    with told():
        engine.api.start(name)


def stop(engine: Engine, name: str) -> None:
    """Stop: its stop signal first, KILL a second later; no error when it has ended."""
    with told():
        engine.api.stop(name, timeout=STOP_S)


def restart(engine: Engine, name: str) -> None:
    """Stop and start."""
    with told():
        engine.api.restart(name, timeout=STOP_S)


def pause(engine: Engine, name: str) -> None:
    """Freeze every process of a running container; Conflict when it is frozen, or does not run."""
    with told():
        engine.api.pause(name)


def unpause(engine: Engine, name: str) -> None:
    """Let the processes of a paused container go on; Conflict when it is not paused."""
    if not run.inspect(engine, name)["State"]["Paused"]:  # engines refuse it in several ways
        raise Conflict(f"{name} is not paused.")
    with told():
        engine.api.unpause(name)


def rename(engine: Engine, name: str, new: str) -> None:
    """Give a container another name; NameTaken when another has it."""
    try:
        with told():
            engine.api.rename(name, new)
    except Conflict as conflict:
        if run.named(engine, new) is None:
            raise
        raise NameTaken(
            f"Another container is named {new!r}.", hint="Choose another name."
        ) from conflict


def remove(engine: Engine, name: str, *, force: bool = False) -> None:
    """Remove it; NotFound when there is none.

    One that this user's notebooks made goes with its anonymous volumes, running or not. A
    stranger's goes only with ``force``, and its volumes stay: NameTaken without.
    """
    facts = run.inspect(engine, name)
    labels = facts["Config"]["Labels"] or {}
    if labels.get(SESSION) and labels.get(USER) == user_name():
        run.remove(engine, facts["Id"])
        return
    if not force:
        raise NameTaken(
            f"{name} was not made in a notebook of yours.",
            hint=f"To remove it all the same, running or not: `%container rm -f {name}`.",
            facts=(f"image {facts['Config']['Image']}", f"made {facts['Created'][:19]}"),
        )
    with told():
        engine.api.remove_container(facts["Id"], force=True)


def changes(engine: Engine, name: str) -> list[Change]:
    """The writable layer's paths, in the engine's order (each folder before what is in it)."""
    with told():
        found = engine.api.diff(name) or []
    return [Change(KINDS[entry["Kind"]], entry["Path"]) for entry in found]


def processes(engine: Engine, name: str) -> list[Process]:
    """The processes of a running container; Conflict when it does not run."""
    try:
        with told():
            table = engine.api.top(name)
    except EngineRefused as refusal:
        refusal.hint = "The engine's machine needs the program ps: Debian's package procps."
        raise
    titles = [title.upper() for title in table["Titles"]]
    pid, command = titles.index("PID"), len(titles) - 1
    user = titles.index("USER") if "USER" in titles else titles.index("UID")
    return [Process(row[pid], row[user], row[command]) for row in table["Processes"]]


def commit(
    engine: Engine, name: str, repository: str, tag: str, labels: Mapping[str, str] = NO_LABELS
) -> str:
    """Make an image of a container, with more ``labels``; returns its ID. A running one is paused
    meanwhile.

    The image has no session, notebook and user, unless ``labels`` have them: a stranger's
    container would inherit them, and be swept with ours.
    """
    written = {SESSION: "", NOTEBOOK: "", USER: ""} | dict(labels)
    changes = [f'LABEL {label}="{value}"' for label, value in written.items()]
    with told():
        image_id: str = engine.api.commit(name, repository, tag, changes=changes)["Id"]
    return image_id

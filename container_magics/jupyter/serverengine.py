"""The engine as the server's handlers share it, and what it holds as JSON for the sidebar."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from container_magics.errors import (
    Conflict,
    ContainerMagicsError,
    EngineDenied,
    EngineLost,
    NoEngine,
    NotFound,
    UsageError,
)

if TYPE_CHECKING:  # the docker SDK is loaded with the first request, not with the server
    from container_magics.core.facts import ContainerFacts
    from container_magics.engine.client import Engine

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
"""What an engine takes for a container's name or ID (moby, daemon/names)."""
Entry = dict[str, Any]
Result = TypeVar("Result")
STATUSES: tuple[tuple[type[ContainerMagicsError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (UsageError, 400),
    (NoEngine, 503),
    (EngineDenied, 503),
    (EngineLost, 503),
)


def checked(name: str) -> str:
    """The name of a container; UsageError for what can be none."""
    if not NAME.fullmatch(name):
        raise UsageError("This is no name of a container.")
    return name


def status_of(error: ContainerMagicsError) -> int:
    """The HTTP status for an error of ours; 502 where the engine refuses for other reasons."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 502)


def told(error: Exception) -> Entry:
    """An error as Jupyter's JSON, with what to do about it; of one that is not ours, its kind."""
    if not isinstance(error, ContainerMagicsError):
        message = f"The Jupyter server failed at what the engine said ({type(error).__name__})."
        return told(ContainerMagicsError(message, hint="Its log says where."))
    return {
        "message": str(error),
        "reason": type(error).__name__,
        "hint": error.hint,
        "facts": list(error.facts),
    }


class HeldEngine:
    """The engine, looked for when first needed, and again after it went away.

    Its methods wait for the engine: call them in threads. ``root`` is the folder of the server's
    notebooks, as their containers' labels have it; "" where it is not known.
    """

    def __init__(self, root: str = "") -> None:
        """Nothing is asked yet."""
        self.root = root
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """The one that answers. Raises NoEngine, EngineDenied."""
        from container_magics.engine.client import connect

        with self._lock:
            if self._engine is None:
                self._engine = connect()
            return self._engine

    def forget(self, gone: Engine | None = None) -> None:
        """Look for one anew at the next need; with ``gone`` only where that one is still held."""
        with self._lock:
            if self._engine is not None and gone in (None, self._engine):
                self._engine.close()
                self._engine = None

    def ask(self, question: Callable[[Engine], Result]) -> Result:
        """What an engine answers; one that was lost, as by its restart, is forgotten."""
        engine = self.engine()
        try:
            return question(engine)
        except EngineLost:
            self.forget(engine)
            raise

    def state(self) -> Entry:
        """Which engine this is and that it answers now; or the sentence why none does."""
        try:
            return {**self.ask(_well), "root": self.root}
        except ContainerMagicsError as error:
            return self.none(error)

    def none(self, error: Exception) -> Entry:
        """The state when there is no engine, and why."""
        nothing = {"ok": False, "name": "", "version": "", "where": "", "root": self.root}
        return {**nothing, **told(error)}


def _well(engine: Engine) -> Entry:
    engine.request("GET", "/version")
    facts = engine.facts()
    return {
        "ok": True,
        "name": facts.name,
        "version": facts.version,
        "where": facts.url,
        "message": "",
        "hint": "",
    }


def containers(engine: Engine) -> list[Entry]:
    """All, newest first."""
    from container_magics.engine import containers as verbs
    from container_magics.engine.ownership import owner

    return [entry(one) for one in verbs.listed(engine, owner(), everything=True)]


def container(engine: Engine, container_id: str) -> Entry | None:
    """One as in the list; None where it is gone."""
    from container_magics.engine import containers as verbs
    from container_magics.engine.ownership import owner

    found = verbs.one(engine, owner(), container_id)
    return entry(found) if found else None


def entry(facts: ContainerFacts) -> Entry:
    """A container; ``mine``: a notebook of this user made it, ``notebook`` is which."""
    from container_magics.engine.ownership import NOTEBOOK, SESSION, USER, user_name

    labels = facts.labels
    mine = bool(labels.get(SESSION)) and labels.get(USER) == user_name()
    return {**asdict(facts), "mine": mine, "notebook": labels.get(NOTEBOOK, "") if mine else ""}


def images(engine: Engine) -> list[Entry]:
    """All, newest first."""
    from container_magics.engine.images import listed

    return [asdict(one) for one in listed(engine)]


def networks(engine: Engine) -> list[Entry]:
    """All, by name."""
    from container_magics.engine.networks import listed
    from container_magics.engine.ownership import owner

    return [asdict(one) for one in listed(engine, owner())]


def volumes(engine: Engine) -> list[Entry]:
    """All, by name."""
    from container_magics.engine.ownership import owner
    from container_magics.engine.volumes import listed

    return [asdict(one) for one in listed(engine, owner())]


def disk(engine: Engine) -> list[Entry]:
    """What each kind takes; the engine counts it now."""
    from container_magics.engine.diskuse import disk_use

    return [asdict(one) for one in disk_use(engine)]


def act(engine: Engine, name: str, verb: str, *, force: bool) -> None:
    """Start, stop or remove a container; ``force`` removes a stranger's, too."""
    from container_magics.engine import containers as verbs

    if verb == "start":
        verbs.start(engine, name)
    elif verb == "stop":
        verbs.stop(engine, name)
    else:
        verbs.remove(engine, name, force=force)

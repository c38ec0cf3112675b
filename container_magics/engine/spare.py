"""A spare: a fresh container that runs already, its first process a shell that waits.

Told a program, the shell becomes it (exec), so the program is the first process as ever, and
finds a container in which nothing has happened. It may be handed one program only.
"""

from __future__ import annotations

import json
import select
import socket
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from container_magics.core import waiter
from container_magics.core.events import Created
from container_magics.core.spec import ContainerSpec
from container_magics.engine import run as verbs
from container_magics.engine.client import ANSWER_S, Engine
from container_magics.engine.run import ExitWatch
from container_magics.engine.streams import Hijacked
from container_magics.errors import (
    ContainerMagicsError,
    EngineLost,
    EngineRefused,
)

PREFIX = "cm-spare-"
PURPOSE = "spare"
READY_S = 10.0
"""How long a started shell may take to answer."""
TOUCHED = (
    "die", "oom", "destroy", "exec_create", "pause", "unpause", "rename", "update", "resize",
    "copy", "archive-path", "extract-to-dir", "commit", "export", "kill", "stop", "restart",
)  # fmt: skip
"""The events after which a spare is no fresh container any more."""


class Spare:
    """One spare container. ``image_id`` is the image that it was made from."""

    def __init__(
        self,
        engine: Engine,
        created: Created,
        image_id: str,
        environment: tuple[bytes, ...],
        streams: Hijacked,
        watch: ExitWatch,
        held: ExitStack,
    ) -> None:
        self.engine = engine
        self.created = created
        self.image_id = image_id
        self.streams = streams
        self.watch = watch
        self._environment = environment
        self._held = held

    def is_fresh(self, image: str) -> bool:
        """Whether it waits untouched and ``image`` still means the image it was made from."""
        try:
            return self.is_untouched() and image_id_at_once(self.engine, image) == self.image_id
        except (ContainerMagicsError, OSError, ValueError):
            return False

    def is_untouched(self) -> bool:
        """Whether the engine has told nothing of it since its start, and its shell has neither
        ended nor written."""
        readable, _, _ = select.select([self.streams.fileno(), self.watch.fileno()], [], [], 0)
        return not readable

    def hand_over(self, command: Sequence[str], stdin: bytes | None) -> bool:
        """Become the program. False when it certainly did not, and never will."""
        said = waiter.handover(self._environment, command, stdin=stdin is not None)
        if said is None:
            return False
        try:
            # A shell that has not all of the words does nothing: a failure here starts nothing.
            self.streams.send(said)
        except OSError:
            return False
        if stdin is not None:
            self.streams.feed(stdin)
        return True

    def close(self) -> None:
        """End its connections. A shell that still waits ends by that, and its container goes."""
        self._held.close()

    def remove(self) -> None:
        """End its connections and remove the container; no error when it is gone."""
        self.close()
        _removed(self.engine, self.created.container_id)


def image_id_of(engine: Engine, image: str) -> str:
    """The ID of the image that a name means now; NotFound when it means none."""
    return str(engine.request("GET", f"/images/{image}/json").json()["Id"])


def image_id_at_once(engine: Engine, image: str) -> str:
    """The same, "" for none, in a third of the time where the engine is on this machine: the
    reader waits for this alone. OSError or ValueError when there is no whole answer."""
    where = engine.endpoint.socket
    if where is None:
        return image_id_of(engine, image)
    path = f"/v{engine.api.api_version}/images/{quote(image, safe='/:@')}/json"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(ANSWER_S)
        asking.connect(str(where))
        asking.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b"".join(iter(partial(asking.recv, 1 << 16), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    found = json.loads(body) if b" 200 " in head.partition(b"\r\n")[0] else {}
    return str(found.get("Id", ""))


def make(engine: Engine, spec: ContainerSpec, labels: Mapping[str, str]) -> Spare | None:
    """A spare for programs of ``spec``, whose own command is not looked at.

    None when the image cannot have one: no POSIX shell, no env, a health check, or an
    environment that the shell does not hand on.
    """
    named = replace(
        spec, name=PREFIX + uuid.uuid4().hex[:12], entrypoint=(), command=waiter.WAITING
    )
    created = verbs.create(engine, named, labels, stdin=True)
    with ExitStack() as undone:
        undone.callback(_removed, engine, created.container_id)
        with ExitStack() as held:
            streams = held.enter_context(verbs.attach(engine, created.container_id, stdin=True))
            watch = held.enter_context(
                verbs.exit_watch(engine, created.container_id, actions=TOUCHED)
            )
            facts = verbs.inspect(engine, created.container_id)
            environment = _proven(engine, created, facts, streams)
            if environment is None:
                return None
            undone.pop_all()
            return Spare(
                engine, created, facts["Image"], environment, streams, watch, held.pop_all()
            )


def _removed(engine: Engine, container_id: str) -> None:
    with suppress(ContainerMagicsError):
        verbs.remove(engine, container_id)


def _proven(
    engine: Engine, created: Created, facts: Mapping[str, Any], streams: Hijacked
) -> tuple[bytes, ...] | None:
    """Start the shell and let it prove that it can wait; returns its environment."""
    if facts["Config"].get("Healthcheck"):  # it would run in the spare, and leave traces
        return None
    mark = uuid.uuid4().hex.encode()
    try:
        verbs.start(engine, created)
        streams.send(waiter.message(waiter.probe(mark)))
        answer = _answer(streams, mark)
    except (EngineRefused, OSError):  # no sh, or one that ended
        return None
    return waiter.environment(answer, mark, facts["Config"].get("Env") or ())


def _answer(streams: Hijacked, mark: bytes) -> bytes:
    """What the shell writes until the last mark; less when it ends or takes too long."""
    answer = b""
    with streams.patience(READY_S), suppress(EngineLost):
        for output in streams.output():
            answer += output.data
            if answer.count(mark) == waiter.MARKS:
                break
    return answer

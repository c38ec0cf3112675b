"""A Jupyter kernel in a container of its own: what the provisioner and the launcher have in common.

The connection file goes in by the engine's archive, before the start: nothing of it is in the
settings that ``docker inspect`` shows, and it works where the engine is elsewhere.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from container_magics.core.events import Exited
from container_magics.core.kernelconfig import KernelConfig
from container_magics.core.spec import ContainerSpec
from container_magics.core.terminal import plain
from container_magics.core.units import size
from container_magics.engine import limits, mounts, networks, ports, programs, run
from container_magics.engine.client import Engine
from container_magics.engine.files import put_archive
from container_magics.engine.guard import Guard
from container_magics.engine.kernelforward import forward, ports_there
from container_magics.engine.kernelplace import (
    INSIDE,
    KernelUser,
    archived,
    connection_inside,
    image_facts,
    with_environment,
    with_folder,
    with_net,
)
from container_magics.engine.logs import LogStream
from container_magics.engine.ownership import Owner
from container_magics.engine.statedir import state_dir
from container_magics.errors import (
    ContainerFailed,
    ContainerMagicsError,
    EngineError,
    EngineRefused,
    KernelDied,
    MountIsElsewhere,
    NotFound,
)

PURPOSE = "kernel"
LAST_LINES = 12
WORDS = (
    "The last that it said is below. Is there a Jupyter kernel in the image, such as Python's "
    "package ipykernel?"
)
LOOK_S = 0.05
LOST_S = 5.0
"""How long an engine may be away before its kernels count as dead."""
REMOVED = Exited(137)


class KernelContainer:
    """One kernel, from its start to its removal; a restart is another one.

    ``say`` gets each line that the kernel writes to its own stdout and stderr, from another
    thread. ``on_end`` is called there too, once, when the kernel has ended or the engine is lost.
    """

    def __init__(
        self,
        engine: Engine,
        say: Callable[[str], None],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.exited: Exited | None = None
        self.container_id = ""
        self.name = run.generated_name()
        self.lines: deque[str] = deque(maxlen=LAST_LINES)
        self._engine = engine
        self._say = say
        self._on_end = on_end
        self._image = self._program = ""
        self._limit_bytes: int | None = None
        self._lost = False
        self._removed = False
        self._guard: Guard | None = None
        self._reader: threading.Thread | None = None

    def start(
        self,
        spec: ContainerSpec,
        connection: Mapping[str, Any],
        user: KernelUser,
        owner: Owner,
        sockets: Path | None = None,
    ) -> None:
        """Make the container and start the kernel; it need not answer yet. ``sockets`` is a folder
        of ours, which goes if we are killed.

        Raises ImageNotFound; ContainerFailed when the image lacks the kernel's program; PortTaken;
        MountIsElsewhere; NotSupported for a limit; what is left is removed then.
        """
        limits.expect(self._engine, spec.limits)
        image_facts(self._engine, spec.image)
        self._image, self._program = spec.image, spec.command[0]
        self._limit_bytes = spec.limits.memory_bytes
        self._guard = Guard(self.name, *([sockets] if sockets else []))
        runs = False
        try:
            self._make(spec, connection, user, owner)
            self._reader = threading.Thread(target=self._follow, name=self.name, daemon=True)
            self._reader.start()
            runs = True
        except EngineError as refusal:
            self._explain(spec, refusal)
            raise
        finally:
            if not runs:  # whatever stopped us, an interrupt too
                self.remove()

    def _make(
        self, spec: ContainerSpec, connection: Mapping[str, Any], user: KernelUser, owner: Owner
    ) -> None:
        named = replace(ports_there(self._engine, spec, connection), name=self.name)
        labels = owner.labels(PURPOSE)
        try:
            created = run.create(self._engine, named, labels, auto_remove=False, logs=True)
        except EngineRefused:
            # Podman's init is a package of its own (catatonit); ipykernel does without
            if self._engine.facts().name != "Podman":
                raise
            bare = replace(named, init=False)
            created = run.create(self._engine, bare, labels, auto_remove=False, logs=True)
        self.container_id = created.container_id
        content = json.dumps(connection_inside(spec, connection)).encode()
        with one_at_a_time(spec):
            self._see_mounts(spec)
            put_archive(self._engine, self.container_id, INSIDE, [archived(content, user)])
        run.start(self._engine, created)
        forward(self._engine, created.container_id, spec, connection)

    def signal(self, name: str) -> None:
        """Send a signal ("INT") to the kernel, by way of the init that started it. Nothing
        happens when it has ended, or when the engine is gone."""
        if self.exited is None:
            with suppress(EngineError):
                run.signal(self._engine, self.container_id, name)

    def remove(self) -> None:
        """End the kernel if it runs, and remove its container. Nothing happens the second time,
        or when it is gone; where the engine is, its guard and the sweep find it later."""
        if self._removed:
            return
        self._removed = True
        try:
            run.remove(self._engine, self.name)
        except EngineError:
            return  # the guard is not released: it tries once more when we end
        finally:
            self.exited = self.exited or REMOVED
        if self._guard:
            self._guard.release()
        if self._reader and self._reader is not threading.current_thread():
            self._reader.join(LOST_S)

    def death(self) -> KernelDied:
        """Why it has ended, and what it said last; for a kernel whose ``exited`` is known."""
        exited = self.exited or REMOVED
        sentence = f"The kernel in {self._image} has ended with status {exited.exit_status}."
        hint = WORDS if self.lines else "It said nothing. Somebody may have ended it from outside."
        if self._lost:
            sentence = "The engine went away, and the kernel with it."
            hint = "See whether it still runs: `container-magics doctor`."
        elif exited.out_of_memory:
            limit = f" (its limit is {size(self._limit_bytes)})" if self._limit_bytes else ""
            sentence = f"The kernel in {self._image} was ended: it ran out of memory{limit}."
            hint = "Give it more by --memory among the kernelspec's flags, or keep less in it."
        elif exited.exit_status == programs.NOT_FOUND:  # which its init says, too
            sentence = f"{self._image} has no program {self._program!r}, which is to be the kernel."
            hint = (
                "Put a kernel into the image, such as Debian's package python3-ipykernel; or use "
                f"the shell in it: `container-magics kernel install --image {self._image}`."
            )
        return KernelDied(
            sentence, exit_status=exited.exit_status, hint=hint, facts=tuple(self.lines)
        )

    def _see_mounts(self, spec: ContainerSpec) -> None:
        try:
            mounts.check(self._engine, self.container_id, spec.mounts)
        except MountIsElsewhere as error:
            error.hint = 'Say "mount": "none" (--mount none) in the kernelspec, and use a volume.'
            raise

    def _explain(self, spec: ContainerSpec, refusal: EngineError) -> None:
        """Raise what can be seen to be the reason for a refusal."""
        with suppress(NotFound):
            if isinstance(refusal, NotFound):
                networks.see(self._engine, spec.network)
            ports.explain(self._engine, spec.ports)
            if self.container_id:
                programs.explain(self._engine, self.container_id, spec.image, spec)
        if isinstance(refusal, EngineRefused) and refusal.status == 400 and self.container_id:
            raise ContainerFailed(
                f"{spec.image} could not start the kernel's program {spec.command[0]!r}.",
                exit_status=127,
                hint="The engine's own words are below.",
                facts=(str(refusal),),
            ) from refusal

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = run.inspect(self._engine, self.container_id)["State"]
        return state

    def _follow(self) -> None:
        """Pass on what the kernel writes, until it has ended or the engine is lost."""
        since_ns, seen_s = 0, time.monotonic()
        while self.exited is None:
            with suppress(ContainerMagicsError):
                self._read(since_ns)
            since_ns = time.time_ns()
            exited, reached = self._look()
            seen_s = time.monotonic() if reached else seen_s
            if not reached and time.monotonic() - seen_s > LOST_S:
                self._lost, exited = True, REMOVED
            if exited:
                self.exited = self.exited or exited
            else:
                time.sleep(LOOK_S)
        self._on_end()

    def _read(self, since_ns: int) -> None:
        facts = run.inspect(self._engine, self.container_id)
        begun = b""
        with closing(LogStream(self._engine, facts, follow=True, since_ns=since_ns)) as stream:
            for output in stream.output():
                *lines, begun = (begun + output.data).split(b"\n")
                for line in lines:
                    self._pass_on(line)
        if begun:
            self._pass_on(begun)

    def _pass_on(self, line: bytes) -> None:
        text = plain(line.decode("utf-8", "replace").rstrip("\r"))
        self.lines.append(text)
        self._say(text)

    def _look(self) -> tuple[Exited | None, bool]:
        """(how it has ended, or None; whether the engine answered)."""
        try:
            state = self._state()
        except NotFound:
            return REMOVED, True
        except EngineError:
            return None, False
        if state["Running"]:
            return None, True
        return Exited(state["ExitCode"], bool(state["OOMKilled"])), True


def planned(
    config: KernelConfig,
    argv: tuple[str, ...],
    connection: Mapping[str, Any],
    user: KernelUser,
    cwd: Path,
    *,
    environ: Mapping[str, str],
    kernelspec: Mapping[str, str] | None = None,
    data_folder: str = "",
) -> ContainerSpec:
    """The whole container of a kernel; ``kernelspec`` are the variables that its own names, and
    ``data_folder`` is the engine's. UsageError for what cannot be."""
    spec = with_net(with_folder(config.spec(argv), config, cwd, data_folder), connection)
    spec = with_environment(spec, config, kernelspec or {}, environ, user)
    return replace(spec, user=user.name)


@contextmanager
def one_at_a_time(spec: ContainerSpec) -> Iterator[None]:
    """Wait for other kernels of this user where a folder has the engine's own data.

    To look at files of a container the engine binds its folders for a moment, and with them all
    that is mounted there (seen on 20.10), other containers and their moments too: each doubles
    the others. Five at once were more than the 100,000 mounts that Linux allows.
    """
    if not any(mount.alone for mount in spec.mounts):
        yield
        return
    folder = state_dir(os.environ)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "kernels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

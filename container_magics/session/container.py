"""A container as a Python object: its facts, its life, its files, and programs in it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from container_magics.core.events import Exited, Output
from container_magics.core.script import CELL_FILE, script
from container_magics.core.snapshot import REMOVED, Snapshot
from container_magics.core.spec import ContainerSpec
from container_magics.core.transfer import LIMIT_BYTES
from container_magics.core.waits import EXIT, condition
from container_magics.engine import containers as verbs
from container_magics.engine import files
from container_magics.engine import run as engine_run
from container_magics.engine.client import Engine
from container_magics.engine.logs import logs
from container_magics.engine.reach import Address, published_addresses
from container_magics.engine.spool import Spool
from container_magics.errors import Conflict, NotFound, TimedOut, TooLarge, UsageError
from container_magics.session.run import run_inside
from container_magics.session.stopper import Stopper
from container_magics.session.values import bytes_of_value, data_frame
from container_magics.session.waiting import TIMEOUT_S, Met, wait

if TYPE_CHECKING:
    import pandas as pd


class Usual(Enum):
    """Stands where no limit is given, for None is none."""

    LIMIT = "file_limit_bytes"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program in a container has ended, and what it wrote, up to 1 GB of each stream; bytes
    where it is not UTF-8."""

    exit_status: int
    stdout: str | bytes
    stderr: str | bytes


class Container:
    """One container, by its name or ID: ``Container(connect(), "box")``.

    It stays that one: when another container gets the name, this object says "removed". Every
    fact is asked of the engine when it is read. Raises NotFound when there is no such container.
    """

    def __init__(self, engine: Engine, name: str, *, seen: Snapshot | None = None) -> None:
        """Look it up; nothing is made. With ``seen``, a look that somebody had already, the
        engine is not asked, and ``name`` does not count."""
        self.engine = engine
        self._last = seen or snapshot_of(engine, engine_run.inspect(engine, name))
        self.id = self._last.container_id

    def look(self) -> Snapshot:
        """The container as it is now; "removed", and the rest as it was last, when it is gone."""
        try:
            self._last = snapshot_of(self.engine, engine_run.inspect(self.engine, self.id))
        except NotFound:
            self._last = replace(self._last, state=REMOVED, ports=())
        return self._last

    @property
    def name(self) -> str:
        """Its name, without the engine's slash."""
        return self.look().name

    @property
    def image(self) -> str:
        """The image as it was asked for."""
        return self.look().image

    @property
    def state(self) -> str:
        """ "created", "running", "paused", "restarting", "exited", "dead", or "removed"."""
        return self.look().state

    @property
    def exit_status(self) -> int | None:
        """0 to 255, 128 + n for signal n; None while it runs."""
        return self.look().exit_status

    @property
    def ports(self) -> dict[str, str]:
        """Published ports, {"80/tcp": "127.0.0.1:32768"}; empty when there are none."""
        return dict(self.look().ports)

    def port(self, port: int) -> int:
        """The port, at the address of ``url``, that leads to this TCP port of the container. By
        ssh:// it is a forward on 127.0.0.1, there until the engine is closed. Raises Conflict when
        the port is not published, and where it is not reached from this machine."""
        return self._address(port)[1]

    def url(self, port: int | None = None, path: str = "/") -> str:
        """Where a web page of the container is reached from this machine,
        "http://127.0.0.1:32768/"; ``port`` is the container's, and may be left out where it
        publishes one only. Raises as ``port``, and UsageError for a path without its slash."""
        if not path.startswith("/"):
            raise UsageError(f"{path!r} is no path of a page.", hint=f"Write path='/{path}'.")
        host, number = self._address(the_only_port(self.ports) if port is None else port)
        return f"http://{f'[{host}]' if ':' in host else host}:{number}{path}"

    def _address(self, port: int) -> Address:
        facts = engine_run.inspect(self.engine, self.id)
        reached = next(published_addresses(self.engine, facts, port), None)
        if reached is None:
            raise not_reached(self.name, port, self.ports)
        return reached

    def logs(self, *, tail: int | None = None) -> str:
        """What it has written so far, stdout and stderr in the engine's order; the last ``tail``
        lines, None for all. Bytes that are not UTF-8 become U+FFFD."""
        written = logs(self.engine, self.id, tail=tail)
        return b"".join(output.data for output in written).decode("utf-8", "replace")

    def wait(self, *conditions: str, timeout_s: float = TIMEOUT_S) -> list[Met]:
        """Wait for each condition in turn, written as after ``%container wait --for``:
        "healthy", "port:22", "log:REGEX", "http:/path", "exit"; for the exit when there is none.

        Returns what was met, in that order. Raises TimedOut after ``timeout_s`` and
        ContainerFailed when it ends before, both with the last lines of its log.
        """
        wanted = tuple(map(condition, conditions)) or (EXIT,)
        return wait(self.engine, self.id, wanted, timeout_s=timeout_s)

    def start(self) -> None:
        """Start it after it has ended; no error when it runs."""
        verbs.start(self.engine, self.id)

    def stop(self) -> None:
        """Its stop signal first, KILL a second later; no error when it has ended."""
        verbs.stop(self.engine, self.id)

    def restart(self) -> None:
        """Stop and start."""
        verbs.restart(self.engine, self.id)

    def remove(self, *, force: bool = False) -> None:
        """Remove it, running or not; one that no notebook of yours made only with ``force``.
        No error when it is gone. Raises NameTaken for a stranger's."""
        try:
            verbs.remove(self.engine, self.id, force=force)
        except NotFound:
            return

    @property
    def file_limit_bytes(self) -> int:
        """How large a file may be that is read, where the call names no limit: 100 MB."""
        return LIMIT_BYTES

    def read_bytes(self, path: str, *, limit_bytes: int | Usual | None = Usual.LIMIT) -> bytes:
        """A file's content; ``path`` is absolute. Raises NotFound, UsageError for a folder, and
        TooLarge, before it is read, for more than ``limit_bytes``: ``file_limit_bytes`` where it
        is not given, None for no limit."""
        limit = self.file_limit_bytes if isinstance(limit_bytes, Usual) else limit_bytes
        try:
            return files.read_file(self.engine, self.id, path, limit_bytes=limit)
        except TooLarge as error:
            error.hint = "limit_bytes=BYTES allows more, and limit_bytes=None any size."
            raise

    def read_text(
        self,
        path: str,
        encoding: str = "utf-8",
        *,
        limit_bytes: int | Usual | None = Usual.LIMIT,
    ) -> str:
        """A file's content as text; UnicodeDecodeError when it is not in that encoding. The limit
        is that of ``read_bytes``."""
        return self.read_bytes(path, limit_bytes=limit_bytes).decode(encoding)

    def write(self, path: str, data: Any, *, mode: int = 0o644) -> None:
        """Write a file, whole; folders around it are made. ``path`` is absolute.

        ``data`` is a str (written as UTF-8), bytes, or a DataFrame (written as CSV). Raises
        UsageError for anything else, and where ``path`` is a folder.
        """
        files.put_file(self.engine, self.id, path, bytes_of_value(data), mode)

    def df(
        self, path: str, *, limit_bytes: int | Usual | None = Usual.LIMIT, **options: Any
    ) -> pd.DataFrame:
        """A file as a DataFrame, read by what its name ends in: .csv, .tsv, .json, .jsonl,
        .parquet. The limit is that of ``read_bytes``; ``options`` go to pandas' own reader.
        Raises UsageError without pandas."""
        return data_frame(path, self.read_bytes(path, limit_bytes=limit_bytes), options)

    def run(
        self,
        program: str | Sequence[str],
        *,
        stdin: Any = None,
        interpreter: str = "",
        timeout_s: float | None = None,
    ) -> Finished:
        """Run a program in it, to its end: a script for ``interpreter`` (sh by default), or an
        argument vector. An exit status other than 0 is no error here.

        Raises Conflict when the container does not run, TimedOut after ``timeout_s``.
        """
        stopper = Stopper(timeout_s)
        out, err, status = Spool(), Spool(), 0
        spec, script_stdin = program_spec(program, interpreter)
        if stdin is not None and script_stdin is not None:
            raise UsageError(
                f"{interpreter} reads its script from stdin: nothing else can be fed to it."
            )
        fed = script_stdin if stdin is None else bytes_of_value(stdin)
        with closing(run_inside(self.engine, self.id, spec, stdin=fed, stopper=stopper)) as events:
            for event in events:
                if isinstance(event, Output):
                    (err if event.stream == "stderr" else out).append(event.data)
                elif isinstance(event, Exited):
                    status = event.exit_status
        if stopper.why == "timeout":
            raise TimedOut(
                f"The program in {self._last.name} was stopped: it ran longer than {timeout_s:g} s."
            )
        return Finished(status, out.text(), err.text())

    def __repr__(self) -> str:
        """Name, image and state, in one line."""
        seen = self.look()
        return f"<container {seen.name} of {seen.image}: {seen.state}>"


def the_only_port(ports: Mapping[str, str]) -> int:
    """The one TCP port that is published; UsageError for more, and for none."""
    found = [port.partition("/")[0] for port in ports if port.endswith("/tcp")]
    if len(found) != 1:
        raise UsageError(
            f"It publishes {', '.join(found) or 'no port'}: which is meant?",
            hint="Name the container's port: box.url(80).",
        )
    return int(found[0])


def not_reached(name: str, port: int, ports: Mapping[str, str]) -> Conflict:
    """The error for a port that has no address here."""
    if where := ports.get(f"{port}/tcp"):
        return Conflict(
            f"Port {port} of {name} is at {where} of the engine's machine alone.",
            hint="By ssh:// it is forwarded to here: `%engine use ssh://HOST`.",
        )
    return Conflict(
        f"{name} does not publish port {port}.", hint=f"Start it with -p {port} (of loopback)."
    )


def snapshot_of(engine: Engine, facts: Mapping[str, Any]) -> Snapshot:
    """What the engine's answer says of a container (API, "Inspect a container")."""
    state = facts["State"]
    ended = state["Status"] in ("exited", "dead")
    return Snapshot(
        container_id=facts["Id"],
        name=facts["Name"].lstrip("/"),
        image=facts["Config"]["Image"],
        state=state["Status"],
        exit_status=state["ExitCode"] if ended else None,
        ports=engine_run.published(engine, facts),
    )


def program_spec(
    program: str | Sequence[str], interpreter: str = ""
) -> tuple[ContainerSpec, bytes | None]:
    """A script or an argument vector, as what is run in a container that is there already, and
    what it reads from stdin, None for nothing.

    A script that has to be a file has a name of its own: others may use the container too.
    """
    if not isinstance(program, str):
        return ContainerSpec("", tuple(program)), None
    path = f"{CELL_FILE}-{uuid.uuid4().hex}"
    made = script(program, interpreter, file=path)
    files = ((path, made.file, 0o755),) if made.file is not None else ()
    return ContainerSpec("", made.command, files=files), made.stdin

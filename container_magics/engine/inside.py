"""A program inside a running container, by exec: its output, its end, and how to stop it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from email.utils import parsedate_to_datetime

from container_magics.core.events import Exited, Output
from container_magics.core.spec import ContainerSpec
from container_magics.core.terminal import plain
from container_magics.engine.client import Answer, Engine
from container_magics.engine.exitwatch import STILL_S, ends_in_order, output_cut
from container_magics.engine.files import put_file
from container_magics.engine.jsonlines import ask
from container_magics.engine.programs import explain, has_shell
from container_magics.engine.streams import Hijacked, hijack
from container_magics.errors import ContainerFailed, ContainerMagicsError

POLL_S = 0.002
BROKEN = 126
"""The status by which Docker also says that it could not get rid of the output; the program
may go on then, and its end gets another status."""
NUMBER = re.compile(rb"container-magics:(\d+)\n")
# The shell that starts the program first says its own process number, on stderr, so that the
# program and its children (one process group) can be signalled later: to close an exec's
# connection ends nothing.
SAY_NUMBER = ("sh", "-c", 'echo "container-magics:$$" >&2; exec "$@"', "sh")


SHELLS = (("sh",), ("bash",))


class Exec:
    """A program that was started inside a running container."""

    def __init__(
        self,
        engine: Engine,
        container: str,
        exec_id: str,
        streams: Hijacked,
        *,
        bare: bool = False,
        user: str = "",
    ) -> None:
        self._bare = bare
        self._user = user
        self._given_up = False
        self._engine = engine
        self._container = container
        self._exec_id = exec_id
        self._streams = streams
        self._number: int | None = 0 if bare else None
        self._early: list[Output] = []

    def output(self) -> Iterator[Output]:
        """What the program writes, from when it has started. The engine's own words, when it
        could not start it, are kept for ``exited``."""
        head = b""
        for event in self._streams.output():
            if self._number is not None:
                yield event
            elif event.stream == "stdout":
                self._early.append(event)
            else:
                head += event.data
                if found := NUMBER.search(head):
                    self._number = int(found[1])
                    yield from self._early
                    rest = head[: found.start()] + head[found.end() :]
                    if rest:
                        yield Output("stderr", rest)
        if self._number is None and head:
            self._early.append(Output("stderr", head))

    @property
    def has_started(self) -> bool:
        """Whether it runs, or has run, as far as ``output`` has been read."""
        return self._number is not None

    def feed(self, data: bytes) -> None:
        """Write ``data`` to the program's stdin and end it."""
        self._streams.feed(data)

    def signal(self, name: str) -> None:
        """Send a signal to the program and its children; nothing happens before it runs."""
        if not self._number:
            return
        line = f"kill -{name} -{self._number}"
        # as who runs it: the root of a container that was taken CAP_KILL ends nobody else's
        run_quietly(self._engine, self._container, line, self._user or "0")

    def abandon(self) -> None:
        """Listen no longer; whoever reads comes to the end."""
        self._given_up = True
        self._streams.abandon()

    def _end_is_noted(self, answer: Answer) -> bool:
        """Whether the engine has an event of the program's end; for at most a second, it waits."""
        now = parsedate_to_datetime(answer.headers["Date"])  # by the engine's own clock
        filters = {"container": [self._container], "event": ["exec_die"]}
        params = {"since": "1", "until": f"{now.timestamp() + 1:.0f}"}
        params["filters"] = json.dumps(filters)
        with closing(ask(self._engine, "GET", "/events", params=params)) as events:
            ended = [event["Actor"]["Attributes"] for event in events]
        # with another status when the program outlived its broken connection
        return any(
            one["execID"] == self._exec_id and one["exitCode"] == str(BROKEN) for one in ended
        )

    def exited(self) -> Exited:
        """The exit status, once the streams have ended.

        ContainerFailed when the program could not be started at all; EngineLost when it still
        runs, for then its output was cut.
        """
        if self._bare and self._given_up:
            raise ContainerFailed(
                f"The program goes on in {self._container}: without a shell there, nothing can "
                "stop it.",
                exit_status=137,
                hint=f"`%container restart {self._container}` ends it.",
            )
        limit_s = time.monotonic() + STILL_S
        while True:
            answer = self._engine.request("GET", f"/exec/{self._exec_id}/json")
            facts = answer.json()
            if not facts["Running"] and facts["ExitCode"] is not None:
                break
            if ends_in_order(answer) or time.monotonic() > limit_s:
                raise output_cut()
            time.sleep(POLL_S)
        refused = self._number is None and self._early
        broken = facts["ExitCode"] == BROKEN and ends_in_order(answer)
        if broken and not refused and not self._end_is_noted(answer):
            raise output_cut()
        if self._number is None:
            if not self._early:  # an engine that cannot start a program says why
                raise output_cut()
            words = b"".join(event.data for event in self._early).decode(errors="replace")
            raise ContainerFailed(
                f"{self._container} could not start the program.",
                exit_status=facts["ExitCode"],
                hint="See that the container has a shell, the user and the folder that you gave.",
                facts=tuple(plain(words).split("\n")[:5]),
            )
        return Exited(facts["ExitCode"])


@contextmanager
def run_inside(
    engine: Engine, container: str, spec: ContainerSpec, *, stdin: bool = False
) -> Iterator[Exec]:
    """Start the spec's command in a running container; Conflict when it does not run.

    In one without a shell the program cannot be stopped.

    Of the spec, command, environment, user, working folder and files count. The files are
    removed in the end.
    """
    bare = spec.command[:1] not in SHELLS and not has_shell(engine, container)
    if bare:
        explain(engine, container, container, spec)
    for path, content, mode in spec.files:
        put_file(engine, container, path, content, mode)
    try:
        program = {
            "Cmd": [*(() if bare else SAY_NUMBER), *spec.entrypoint, *spec.command],
            "Env": [f"{name}={value}" for name, value in spec.environment],
            "User": spec.user,
            "WorkingDir": spec.working_dir,
            "AttachStdin": stdin,
            "AttachStdout": True,
            "AttachStderr": True,
        }
        made = engine.request("POST", f"/containers/{container}/exec", json=program).json()
        path = f"/exec/{made['Id']}/start"
        with hijack(engine, path, json={"Detach": False, "Tty": False}) as streams:
            yield Exec(engine, container, made["Id"], streams, bare=bare, user=spec.user)
    finally:
        # a container that has ended meanwhile refuses, and the program's own end says more
        with suppress(ContainerMagicsError):
            for path, _, _ in spec.files:
                run_quietly(engine, container, f"rm -f {path}")


def run_quietly(engine: Engine, container: str, command: str, user: str = "0") -> None:
    """Run a line of shell to its end, as the container's root or another, and forget what it
    says."""
    # without a stream of it the engine would answer as soon as it has begun
    program = {"Cmd": ["sh", "-c", command], "User": user, "AttachStdout": True}
    made = engine.request("POST", f"/containers/{container}/exec", json=program).json()
    path, how = f"/exec/{made['Id']}/start", {"Detach": False, "Tty": False}
    engine.request("POST", path, json=how)

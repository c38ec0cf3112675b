"""The container of a container kernel: made as the kernel begins, and anew when it has to be."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, suppress
from dataclasses import replace

from container_magics.core.cellprotocol import Shown
from container_magics.core.events import Created, Output, RunEvent
from container_magics.core.kernelflags import KernelRequest
from container_magics.engine import images, keptkernels
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine, connect
from container_magics.engine.ownership import owner
from container_magics.engine.programs import NOT_FOUND
from container_magics.errors import (
    ContainerFailed,
    ContainerMagicsError,
    EngineLost,
    ImageNotFound,
    NotFound,
)
from container_magics.session.cellshell import CellShell, without
from container_magics.session.detached import run_detached
from container_magics.session.stopper import Stopper

PURPOSE = "kernel"
COMMAND = (
    "/bin/sh",
    "-c",
    'trap "exit 0" TERM INT; until sleep 3600 & wait $!; [ $? -eq 127 ]; do :; done',
)
"""A first process that waits, reaps what others leave, outlives its sleep, and ends when told to,
or where there is no sleep."""
READY_S = 5.0
"""How long Tab may wait for a container that is being made."""
ENDING_S = 1.0
"""How long an engine may take to know that a container has ended."""
NOT_EXECUTABLE, KILLED = 126, 137
FRESH = "The next cell gets a fresh one: what was in it is gone."
Events = Generator[RunEvent, None, None]
Play = Callable[[Events], object]


def unheard(events: Iterable[RunEvent]) -> None:
    """Let the story happen, and tell nobody."""
    deque(events, maxlen=0)


class KernelHome:
    """One container and the shell in it.

    ``kept`` is the kernel's name among the kept containers, by which its next life finds this one;
    "" for none. ``late`` is told what is written while no cell runs. ``engine`` is asked when one
    is needed.
    """

    def __init__(self, request: KernelRequest, *, kept: str = "") -> None:
        """Nothing is asked of any engine yet."""
        self.spec = request.spec
        self.engine: Callable[[], Engine] = connect
        self.late: Callable[[Output | Shown], None] = lambda _: None
        self._language, self._kept = request.language, kept
        self._shell: CellShell | None = None
        self._early: threading.Thread | None = None
        self._lock = threading.Lock()
        self.container_id = ""
        self.folder = ""

    @property
    def name(self) -> str:
        """The container's name."""
        name: str = verbs.inspect(self.engine(), self.container_id)["Name"]
        return name.removeprefix("/")

    def begin(self) -> Engine | None:
        """Make it while the kernel is being loaded, if the image is here; what fails is told in
        the first cell. Returns the engine, None where there is none."""
        try:
            engine = connect()
        except ContainerMagicsError:
            return None
        self.engine = lambda: engine
        self._early = threading.Thread(target=self._begin, daemon=True, name="kernel's container")
        self._early.start()
        return engine

    def _begin(self) -> None:
        with suppress(ContainerMagicsError), self._lock:
            if not self._adopt():
                images.inspect(self.engine(), self.spec.image)
                self._make(Stopper(), unheard)
            self._open()

    def ready(self, stopper: Stopper, play: Play = unheard, code: str = "") -> CellShell:
        """The shell, open; with a new container where there is none that runs. ``play`` tells how
        that one comes to be; ``code`` is what will be run."""
        if self._early:
            self._early.join()
            self._early = None
        with self._lock:
            with stopper.shield():
                self._see_to(self._shell, code)
            stopper.check()
            if not self.container_id:
                self._make(stopper, play)
            with stopper.shield():
                shell = self._open()
            stopper.check()
            return shell

    def _see_to(self, shell: CellShell | None, code: str) -> None:
        """Where the helper has gone, another is needed; where the container has, all is."""
        if shell is None or shell.answers(code):
            return
        shell.close_helper()
        if self.why_ended() is not None:
            self._leave()

    def now(self) -> CellShell | None:
        """The shell, if it is open and nothing has to be made for it."""
        if self._early:
            self._early.join(READY_S)
        return self._shell

    def _adopt(self) -> bool:
        """Take the container that the kernel's last life has kept, if it still runs."""
        self.container_id = keptkernels.kept(self._kept) if self._kept else ""
        if self.container_id:
            with suppress(NotFound):
                if verbs.inspect(self.engine(), self.container_id)["State"]["Running"]:
                    return True
        self.container_id = ""
        return False

    def _make(self, stopper: Stopper, play: Play) -> None:
        spec = replace(self.spec, command=COMMAND, name=self.spec.name or verbs.generated_name())
        found: list[str] = []
        try:
            story = run_detached(
                self.engine(), spec, owner(), purpose=PURPOSE, stopper=stopper, at_once_s=0
            )
            with closing(story):
                play(noted(story, found))
        except ImageNotFound as missing:
            missing.hint += " `%image IMAGE` in a cell switches this kernel to another image."
            raise
        except ContainerFailed as failed:
            if failed.exit_status in (NOT_EXECUTABLE, NOT_FOUND):
                raise without("shell", "A container kernel needs one.") from failed
            raise
        self.container_id, self.folder = found[0], ""

    def _open(self) -> CellShell:
        if self._shell is None:
            self._shell = CellShell(
                self.engine(),
                self.container_id,
                language=self._language,
                user=self.spec.user,
                late=self._late,
            )
        try:
            self._shell.open(self.folder)
        except ContainerMagicsError:
            self._leave()
            raise
        return self._shell

    def _late(self, told: Output | Shown) -> None:
        """To whoever listens by then: a shell may be open before the kernel is."""
        self.late(told)

    def _leave(self) -> None:
        """Let go of the container, and remove it."""
        if self._shell:
            self._shell.close()
        self._shell = None
        if self.container_id:
            with suppress(ContainerMagicsError):
                verbs.remove(self.engine(), self.container_id)
        self.container_id = ""

    def why_ended(self, *, by_memory: bool = False) -> ContainerFailed | None:
        """Why the container itself does not run any more; None where it does."""
        try:
            state = verbs.inspect(self.engine(), self.container_id)["State"]
        except NotFound:
            return ContainerFailed(
                "The kernel's container was removed.", exit_status=KILLED, hint=FRESH
            )
        if state["Running"]:
            return None
        why = "for want of memory" if state["OOMKilled"] or by_memory else "from outside"
        return ContainerFailed(
            f"The kernel's container was ended {why}.", exit_status=state["ExitCode"], hint=FRESH
        )

    def why_lost(self, shell: CellShell, *, by_memory: bool) -> ContainerFailed | None:
        """Why a cell's program ended with the container; None where the container lives on."""
        if shell.answers():
            return None
        end_s = time.monotonic() + ENDING_S
        while (ended := self.why_ended(by_memory=by_memory)) is None and time.monotonic() < end_s:
            time.sleep(0.02)
        return ended

    def switch(self, image: str, stopper: Stopper, play: Play = unheard) -> None:
        """Another image: a fresh container of it; the one before is removed. Where it cannot be
        had, the next cell gets a fresh one of the image before."""
        before = self.spec
        if self._early:
            self._early.join()
        with self._lock:
            self._leave()
        self.spec = replace(before, image=image)
        try:
            self.ready(stopper, play)
        except BaseException:
            self.spec = before
            raise

    def keep(self) -> None:
        """Let a restart of the kernel find this container again."""
        if not self.container_id:
            raise EngineLost("There is no container to keep yet.", hint="Run a cell first.")
        keptkernels.keep(self._kept, self.container_id)

    def end(self, *, restart: bool = False) -> None:
        """Remove it; one that is kept stays over a restart."""
        if self._early:
            self._early.join()
        with self._lock:
            if restart and keptkernels.kept(self._kept):
                if self._shell:
                    self._shell.close()
                self._shell = None
                return
            keptkernels.forget(self._kept)
            self._leave()


def noted(story: Events, found: list[str]) -> Events:
    """The same events; the ID of the container that is made goes to ``found``."""
    for event in story:
        if isinstance(event, Created):
            found.append(event.container_id)
        yield event

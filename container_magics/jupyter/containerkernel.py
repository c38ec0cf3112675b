"""The container kernel: a notebook whose cells run in a container, and whose magics run here.

It is ipykernel's own kernel, for the magics, the widgets and the history; but a cell that does not
begin with a magic goes to the program in the container.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import FrameType
from typing import Any, ClassVar, cast

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Any as AnyTrait
from traitlets.config import Config

from container_magics.core.dialects import language_info
from container_magics.core.kernelflags import parse_kernel
from container_magics.engine import keptkernels
from container_magics.engine.client import Engine
from container_magics.engine.statedir import state_dir
from container_magics.errors import ContainerFailed, ContainerMagicsError, UsageError
from container_magics.jupyter.extension import load
from container_magics.jupyter.kernelcell import CellRunner, reply_of
from container_magics.jupyter.kernelhome import KernelHome
from container_magics.jupyter.kernelmagics import (
    install,
    is_magic,
    offered,
    refused,
    split,
)
from container_magics.jupyter.stop import CellStopped
from container_magics.jupyter.workbench import Workbench
from container_magics.session.cellshell import CellShell

ANSWER_S = 5.0
"""How long the container may take to answer Tab or Shift-Tab."""


class ContainerKernel(IPythonKernel):
    """One notebook's kernel, with one container, its ``home``."""

    implementation = "container_magics"
    implementation_version = version("container-magics")
    banner = "Cells run in a container; %image IMAGE switches its image, %keep keeps it."
    home: ClassVar[KernelHome]
    language: ClassVar[str] = ""
    early_engine: ClassVar[Engine | None] = None
    language_info = AnyTrait()

    def __init__(self, **kwargs: Any) -> None:
        """Load the magics; the container is being made already."""
        base: Any = super()
        base.__init__(**kwargs)
        self.language_info = language_info(self.language)
        self.help_links = []
        shell: Any = self.ip
        load(shell)
        # for %load_ext, by which most notebooks begin: our %image would be the package's again
        shell.extension_manager.loaded.add(__name__.partition(".")[0])
        self.bench = next(each for each in self.ip.configurables if isinstance(each, Workbench))
        self.runner = CellRunner(self, self.bench)
        self.home.engine, self.home.late = lambda: self.bench.engine, self.runner.late
        install(self.ip, self.home, self.bench)

    def pre_handler_hook(self) -> None:
        """An interrupt that comes before its cell is remembered for it: raised in the middle of
        ipykernel's own work, it would end the request without an answer."""
        self._pressed = False

        def pressed(_signal: int, _frame: FrameType | None) -> None:
            self._pressed = True

        self.saved_sigint_handler = signal.signal(signal.SIGINT, pressed)

    def _check(self) -> None:
        """Raise CellStopped where the stop button was pressed by now."""
        if self._pressed:
            raise CellStopped("The cell was stopped before it began.")

    @property
    def ip(self) -> InteractiveShell:
        """IPython's shell, in which the magics run."""
        return cast("InteractiveShell", self.shell)

    async def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        allow_stdin: bool = False,
        *,
        cell_meta: dict[str, Any] | None = None,  # noqa: ARG002
        cell_id: str | None = None,
    ) -> dict[str, Any]:
        """Magics at the beginning run here, what follows them in the container."""
        magics, rest = split(self.ip, code)
        if refusal := refused(self.ip, magics, self.language):
            return self._reply(code, refusal, silent=silent, store_history=store_history)
        if magics or not code.strip():
            keep = store_history and not rest.strip()
            base: Any = super()
            with interruptible():
                reply: dict[str, Any] = await base.do_execute(
                    magics, silent, keep, user_expressions, allow_stdin, cell_id=cell_id
                )
            if reply["status"] != "ok" or not rest.strip():
                return reply
        self._allow_stdin = allow_stdin
        try:
            self._check()
            self.runner.run(self.home, rest, silent=silent, allow_stdin=allow_stdin)
            error: ContainerMagicsError | CellStopped | None = None
        except (ContainerMagicsError, CellStopped) as raised:
            error = raised
        except KeyboardInterrupt:
            error = CellStopped("The cell was stopped.")
        return self._reply(code, error, silent=silent, store_history=store_history)

    def _reply(
        self,
        code: str,
        error: ContainerMagicsError | CellStopped | None,
        *,
        silent: bool,
        store_history: bool,
    ) -> dict[str, Any]:
        shell: Any = self.ip
        if store_history and not silent:
            shell.history_manager.store_inputs(shell.execution_count, code)
        reply = reply_of(error, shell.execution_count)
        if isinstance(error, ContainerFailed):
            reply |= self.runner.error  # in the language's own words, where it has some
        if error is not None and not silent:
            content = {key: reply[key] for key in ("ename", "evalue", "traceback")}
            kernel: Any = self
            kernel.send_response(self.iopub_socket, "error", content)
        if store_history and not silent:
            shell.execution_count += 1
        return reply

    async def do_complete(self, code: str, cursor_pos: int | None) -> dict[str, Any]:
        """In a magic's line by IPython, elsewhere from inside the container."""
        cursor = len(code) if cursor_pos is None else cursor_pos
        shell = None if code.lstrip().startswith("%") else self._idle_shell(code)
        if shell is None:
            base: Any = super()
            reply = await answered(base.do_complete(code, cursor))
            return offered(self.ip, reply, self.language)
        asked = shell.dialect.completing(shell.place, code, cursor)
        found = shell.dialect.completed(code, cursor, self._asked(shell, asked))
        return {
            "status": "ok",
            "matches": list(found.matches),
            "cursor_start": found.begin,
            "cursor_end": cursor,
            "metadata": {},
        }

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        """By the program in the container itself."""
        shell = self._idle_shell(code)
        if shell is None:
            base: Any = super()
            return await answered(base.do_is_complete(code))
        status = self._asked(shell, shell.dialect.completeness(shell.place, code)).strip()
        return {"status": status or "unknown"} | ({"indent": ""} if status == "incomplete" else {})

    async def do_inspect(
        self,
        code: str,
        cursor_pos: int,
        detail_level: int = 0,
        omit_sections: Sequence[str] = (),
    ) -> dict[str, Any]:
        """What the container knows of the command at the cursor."""
        shell = self._idle_shell(code)
        if shell is None:
            base: Any = super()
            return await answered(base.do_inspect(code, cursor_pos, detail_level, omit_sections))
        asked = shell.dialect.inspecting(code, cursor_pos)
        text = self._asked(shell, asked).strip() if asked else ""
        data = {"text/plain": text} if text else {}
        return {"status": "ok", "found": bool(text), "data": data, "metadata": {}}

    def _idle_shell(self, code: str) -> CellShell | None:
        """The shell to ask about a piece of code; None when it is a magic's, or there is none."""
        if is_magic(self.ip, code):
            return None
        shell = self.home.now()
        return shell if shell is not None and shell.is_ready else None

    async def do_history(self, *args: Any, **words: Any) -> dict[str, Any]:
        """IPython's; but it gives the running session the number 0, which is no session's."""
        base: Any = super()
        reply = await answered(base.do_history(*args, **words))
        own = self.ip.history_manager.session_number  # type: ignore[union-attr]
        reply["history"] = [(one[0] or own, *one[1:]) for one in reply["history"]]
        return reply

    def _asked(self, shell: CellShell, code: str) -> str:
        """What the container answers; nothing where it cannot."""
        try:
            with self.runner.interrupts(shell):
                return shell.query(code, ANSWER_S)
        except ContainerMagicsError:
            return ""

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """The container goes with the kernel; over a restart one that is kept stays."""
        self.home.end(restart=restart)
        base: Any = super()
        return await answered(base.do_shutdown(restart))


@contextmanager
def interruptible() -> Iterator[None]:
    """While the block runs, an interrupt is Python's own exception."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def answered(answer: Any) -> dict[str, Any]:
    """What one of ipykernel's own methods says, whether it has to be waited for or not."""
    return dict(await answer if inspect.isawaitable(answer) else answer)


def launch(argv: Sequence[str]) -> None:
    """Run the kernel: Jupyter's own arguments, then ``--``, then the kernel's. The container is
    begun first, for Jupyter's part takes as long."""
    words = list(argv)
    place = words.index("--") if "--" in words else len(words)
    try:
        request = parse_kernel(words[place + 1 :])
    except UsageError as error:  # of a kernelspec that was written by hand
        sys.exit("\n".join(error.told()))
    file = words[words.index("-f") + 1] if "-f" in words[:place] else ""
    ContainerKernel.home = home = KernelHome(request, kept=keptkernels.name_of(file))
    ContainerKernel.language = request.language
    ContainerKernel.early_engine = home.begin()
    history = state_dir(os.environ) / "history.sqlite"  # not among IPython's Python
    history.parent.mkdir(parents=True, exist_ok=True)
    quiet = {"log_level": "ERROR"}  # ipykernel warns of TCP, also where it is this machine's own
    config = Config({"HistoryManager": {"hist_file": str(history)}, "IPKernelApp": quiet})
    IPKernelApp.launch_instance(words[:place], kernel_class=ContainerKernel, config=config)

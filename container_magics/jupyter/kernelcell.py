"""One cell of a container kernel in the notebook: its output, its input, its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from IPython.display import clear_output, publish_display_data

from container_magics.core.cellprotocol import Shown
from container_magics.core.events import Output
from container_magics.core.states import RunState
from container_magics.errors import ContainerFailed, ContainerMagicsError, TooLarge
from container_magics.jupyter.kernelhome import KernelHome, Play
from container_magics.jupyter.kernelshow import shown_bundle
from container_magics.jupyter.late import Batch
from container_magics.jupyter.outlet import Outlet, outlet_of
from container_magics.jupyter.publish import CellPublisher, play, show
from container_magics.jupyter.runcell import meaning
from container_magics.jupyter.runcell import present as present_run
from container_magics.jupyter.stop import CellStopped, interrupts_to, stop_button
from container_magics.jupyter.workbench import Workbench
from container_magics.session.cellevents import Asks, Over
from container_magics.session.cellshell import CellShell
from container_magics.session.stopper import Stopper
from container_magics.view.model import Note, View
from container_magics.view.present import kernel as present

JOB = re.compile(rb"(?m)^(\[\d+\]) \d+$")
"""What a shell says of a job that it has begun (POSIX, "Asynchronous Lists")."""
SECRET = re.compile(r"pass(word|phrase|code)|secret|\bPIN\b", re.IGNORECASE)
"""A question for which the answer is not shown."""
CLEAR, ERROR = "clear", "error"
"""What a cell may show that is no picture: nothing, and an error of its language."""


class CellRunner:
    """Runs cells for one kernel, one at a time."""

    def __init__(self, kernel: Any, bench: Workbench) -> None:
        """Nothing runs yet."""
        self._kernel, self._bench = kernel, bench
        self._outlet: Outlet | None = None
        self._batch: Batch | None = None
        self._late_bytes = 0
        self._asking = False
        self.error: dict[str, Any] = {}

    def run(self, home: KernelHome, code: str, *, silent: bool, allow_stdin: bool) -> None:
        """Run a cell to its end. Raises what it ended by: ContainerFailed, CellStopped."""
        if "\0" in code:
            raise ContainerFailed(
                "The cell holds a NUL, which no shell can read.",
                exit_status=2,
                hint="Write it as an escape: printf '\\000'.",
            )
        stopper = Stopper()
        with stop_button(stopper):
            shell = home.ready(stopper, pulling(self._bench), code)
        self._settle_late()
        self.error = {}
        publisher = self._publisher(silent=silent)
        try:
            over = self._play(shell, code, publisher, allow_stdin=allow_stdin)
        finally:
            publisher.finish()
            self._outlet, self._late_bytes = outlet_of(self._bench.shell), 0
        home.folder = over.folder or home.folder
        if publisher.lost_bytes:
            show(present.not_text(publisher.lost_bytes))
        if publisher.hidden_bytes:
            show(present.flood(publisher.hidden_bytes))
        self._raise_for(home, shell, over)

    def _publisher(self, *, silent: bool) -> CellPublisher:
        return CellPublisher(
            stable=self._bench.stable,
            limit_bytes=self._bench.output_limit_bytes,
            hidden=frozenset({"stdout", "stderr"} if silent else ()),
        )

    def _play(
        self, shell: CellShell, code: str, publisher: CellPublisher, *, allow_stdin: bool
    ) -> Over:
        question, over = b"", Over(status=0)
        with closing(shell.run(code)) as story, self.interrupts(shell):
            for told in story:
                match told:
                    case Output():
                        question = (question + told.data)[-500:]
                        publisher.write(told.stream, self._stable(told))
                    case Shown():
                        self._show(shell, told, publisher)
                    case Asks():
                        shell.answer(self._answer(shell, publisher, question, allow_stdin))
                    case Over():
                        over = told
        return over

    def _stable(self, output: Output) -> bytes:
        if self._bench.stable and output.stream == "stderr":
            return JOB.sub(rb"\1 PID", output.data)
        return output.data

    def _show(self, shell: CellShell, shown: Shown, publisher: CellPublisher) -> None:
        if shown.kind == CLEAR:
            publisher.flush()
            clear_output()
            return
        most = self._bench.file_limit_bytes
        content = shell.helper.read(shown.path, most + 1)
        publisher.flush()
        try:
            if len(content) > most:
                raise TooLarge(f"What is shown is larger than {most} bytes.")
            data = shown_bundle(shown, content)
        except ContainerMagicsError as error:
            show(Note(str(error), "warning", hint=error.hint))
            return
        if shown.kind == ERROR:
            self.error = data
            return
        if shown.kind == "result":
            self._kernel.send_response(
                self._kernel.iopub_socket,
                "execute_result",
                {
                    "data": data,
                    "metadata": {},
                    "execution_count": self._bench.shell.execution_count,
                },
            )
            return
        publish_display_data(data)

    def _answer(
        self, shell: CellShell, publisher: CellPublisher, question: bytes, allow_stdin: bool
    ) -> str | None:
        """What the reader types; None for the end of the input."""
        if not allow_stdin:
            return None
        publisher.flush()
        line = question.decode(errors="replace").rpartition("\n")[2]
        ask = self._kernel.getpass if SECRET.search(line) else self._kernel.raw_input
        self._asking = True
        try:
            return str(ask(""))
        except EOFError:
            return None
        except KeyboardInterrupt:
            shell.press()
            return ""
        finally:
            self._asking = False

    @contextmanager
    def interrupts(self, shell: CellShell) -> Iterator[None]:
        """While the block runs, Jupyter's interrupt goes to the container; the third one is
        Python's own."""

        def take() -> bool:
            if not self._asking:
                shell.press()
            return not self._asking

        with interrupts_to(take):
            yield

    def _raise_for(self, home: KernelHome, shell: CellShell, over: Over) -> None:
        """The one short error of a cell that did not end well."""
        ended = home.why_lost(shell, by_memory=over.by_memory) if over.lost else None
        if ended is not None:
            raise ended
        if over.lost:
            show(present.fresh_shell(over.status))
        if over.interrupted:
            raise CellStopped("The cell was stopped.")
        if over.status:
            state = RunState(exit_status=over.status, out_of_memory=over.by_memory)
            raise ContainerFailed(
                f"The cell ended with exit status {over.status}.",
                exit_status=over.status,
                hint=meaning(state),
            )

    def late(self, told: Output | Shown) -> None:
        """What comes while no cell runs goes where the last one was; up to the same limit."""
        if self._outlet is None or not isinstance(told, Output):
            return
        if self._batch is None:
            self._batch = Batch(self._outlet)
        self._late_bytes += len(told.data)
        if self._late_bytes <= self._bench.output_limit_bytes:
            self._batch.write(told.stream, self._stable(told))

    def _settle_late(self) -> None:
        batch, self._batch = self._batch, None
        if batch is not None:
            batch.finish()


def pulling(bench: Workbench) -> Play:
    """Tell of a container that is made how its image is fetched; nothing else is worth saying."""

    def present(state: RunState) -> View | None:
        return present_run(bench)(state) if state.pull.layers else None

    return lambda events: play(events, RunState(), present, CellPublisher(stable=bench.stable))


def reply_of(error: ContainerMagicsError | CellStopped | None, count: int) -> dict[str, Any]:
    """An execute_reply."""
    common = {"execution_count": count, "user_expressions": {}, "payload": []}
    if error is None:
        return {"status": "ok", **common}
    return {
        "status": "error",
        "ename": type(error).__name__,
        "evalue": str(error),
        "traceback": error._render_traceback_(),
        **common,
    }

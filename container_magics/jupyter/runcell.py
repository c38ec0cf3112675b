"""Run a cell and show it: shared by %%container and %%ssh, which differ only in their events."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field

from container_magics.core.events import Got, Output, RunEvent, Stream
from container_magics.core.spec import CellOptions
from container_magics.core.states import RunState
from container_magics.engine.spool import Spool
from container_magics.errors import ContainerFailed, ContainerMagicsError, TimedOut
from container_magics.jupyter.data import value_of
from container_magics.jupyter.publish import CellPublisher, play, show
from container_magics.jupyter.stop import CellStopped, stop_button
from container_magics.jupyter.workbench import Workbench
from container_magics.session.stopper import Stopper
from container_magics.view.model import View
from container_magics.view.present import run as present_run

RESULT = "_run"
LAST_SIGNAL = 64
"""Of Linux, with those for real time: signal(7)."""
"""The notebook's variable for the last run."""


@dataclass
class RunResult:
    """What the last run left: ``exit_status``, the output, shown or not, up to the setting
    ``Workbench.kept_limit_bytes``, and the ``files`` that --get asked for, by path; an error in
    place of one that could not be had."""

    exit_status: int | None = None
    out: Spool = field(default_factory=Spool)
    err: Spool = field(default_factory=Spool)
    files: dict[str, bytes | dict[str, bytes] | ContainerMagicsError] = field(default_factory=dict)

    @property
    def stdout(self) -> str | bytes:
        """All that was kept of stdout; bytes when it is not UTF-8."""
        return self.out.text()

    @property
    def stderr(self) -> str | bytes:
        """All that was kept of stderr; bytes when it is not UTF-8."""
        return self.err.text()

    def __repr__(self) -> str:
        """Say how it ended and how much there is."""
        return f"<run: exit status {self.exit_status}, {self.out} of stdout, {self.err} of stderr>"


def run_cell(
    bench: Workbench,
    options: CellOptions,
    story: Callable[[Stopper], Generator[RunEvent, None, None]],
    where: str,
) -> RunResult:
    """Tell the story in the cell; raises ContainerFailed, TimedOut or CellStopped.

    ``where`` names the place in the error's sentence: an image, a container or a box.
    """
    stopper = Stopper(options.timeout_s)
    result = RunResult(out=Spool(bench.kept_limit_bytes), err=Spool(bench.kept_limit_bytes))
    bench.keep(RESULT, result)
    hidden: set[Stream] = {"stdout"} if options.out else set()
    publisher = CellPublisher(
        stable=bench.stable,
        limit_bytes=bench.output_limit_bytes,
        hidden=frozenset(hidden | ({"stderr"} if options.err else set())),
    )
    with stop_button(stopper):
        state = play(spooled(story(stopper), result), RunState(), present(bench), publisher)
    result.exit_status = state.exit_status
    if state.phase == "exited" and state.container_id:
        bench.departing.add(state.container_id)
    if publisher.lost_bytes:
        show(present_run.not_text(publisher.lost_bytes))
    if publisher.hidden_bytes:
        show(present_run.flood(publisher.hidden_bytes, RESULT))
    if lost_bytes := result.out.lost_bytes + result.err.lost_bytes:
        show(present_run.not_kept(lost_bytes))
    keep_asked(bench, options, result)
    raise_for(state, options, where)
    for path, _ in options.get:
        if isinstance(lost := result.files.get(path), ContainerMagicsError):
            raise lost
    return result


def present(bench: Workbench) -> Callable[[RunState], View | None]:
    """The run's view, in the bench's mode."""
    return lambda state: present_run.run(state, stable=bench.stable)


def spooled(
    events: Generator[RunEvent, None, None], result: RunResult
) -> Generator[RunEvent, None, None]:
    """The same events, with all output and all files kept."""
    with closing(events):
        for event in events:
            if isinstance(event, Output):
                (result.err if event.stream == "stderr" else result.out).append(event.data)
            elif isinstance(event, Got):
                result.files[event.path] = event.content
            yield event


def keep_asked(bench: Workbench, options: CellOptions, result: RunResult) -> None:
    """Fill the variables of --out, --err, --rc and --get."""
    if options.out:
        bench.keep(options.out, result.stdout)
    if options.err:
        bench.keep(options.err, result.stderr)
    if options.rc:
        bench.keep(options.rc, result.exit_status)
    for path, name in options.get:
        content = result.files.get(path)
        if content is not None and not isinstance(content, ContainerMagicsError):
            bench.keep(name, value_of(content))


def raise_for(state: RunState, options: CellOptions, where: str) -> None:
    """The one short error of a run that did not end well."""
    if state.stopped_by == "interrupt":
        raise CellStopped(f"The program in {where} was stopped.")
    if state.stopped_by == "timeout":
        raise TimedOut(
            f"The program in {where} was stopped: it ran longer than {options.timeout_s:g} s.",
            hint="Give it more time with --timeout.",
        )
    if state.exit_status and options.check and not options.rc:
        raise ContainerFailed(
            f"The program in {where} ended with exit status {state.exit_status}.",
            exit_status=state.exit_status,
            hint=meaning(state),
        )


def meaning(state: RunState) -> str:
    """What an exit status usually says; "" where it says nothing by convention."""
    status = state.exit_status or 0
    if state.out_of_memory:
        return "It asked for more memory than its limit allows: raise --memory."
    if status == 127:
        return "127 says: command not found. The image does not have that program."
    if status == 126:
        return "126 says: the command is there but cannot be executed."
    if status == 137:  # the engine does not always tell in time that memory was the reason
        return "137 says: killed by signal 9, most often for want of memory: see --memory."
    if 128 < status <= 128 + LAST_SIGNAL:
        return f"{status} says: ended by signal {status - 128}."
    if status == 255:
        return "255 is what ssh ends with when it cannot connect; other programs mean other things."
    return ""

"""An engine of our own: start it, stop it, say how it is. It never touches another's.

Root gets a dockerd, any other user Podman's service. It outlives the shell that started it.
Everything of it lies in one state folder (statedir.Places), so two folders are two engines.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from container_magics.core.terminal import plain
from container_magics.engine import podman, privatedocker
from container_magics.engine.command import ourselves, search_path
from container_magics.engine.endpoint import Endpoint, own
from container_magics.engine.probe import probe
from container_magics.engine.process import began, is_gone
from container_magics.engine.statedir import STATE_VARIABLE, Places, is_ours_alone
from container_magics.errors import EngineError

READY_S = 60.0
STOP_S = 40.0  # dockerd gives each container 10 s to end, and itself 15

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Started:
    """What was started, as the record file keeps it. ``net`` is None for Podman; ``began`` as
    ``process.began`` says it, "" in the record of an earlier version."""

    pid: int
    began: str
    program: str
    net: privatedocker.Net | None


@dataclass(frozen=True, slots=True)
class PrivateStatus:
    """How our own engine is. ``pid`` is None and ``program`` "" when it is not running."""

    running: bool
    answers: bool
    pid: int | None
    program: str
    url: str
    data: Path
    log: Path


def start(state_dir: Path, report: Report = lambda _line: None) -> Endpoint:
    """Start the engine of ``state_dir`` and wait until it answers; a running one is kept.

    At most one start works at a time, others wait for it and find the engine there. Raises
    EngineError when the program is missing, ends at once (with the last lines of its log), or
    does not answer within a minute; and when its socket's folder is not this user's alone. Only
    an engine that this call launched is ended then: one that ran before may be busy, and has
    containers.
    """
    places = Places(state_dir)
    with _locked(places):
        if launches := _running(places) is None:
            clean(places)
            _launch(places, report)
        if not _answers_in_time(places):
            raise _failed_start(places) if launches else _slow(places)
    return own(places)


def stop(state_dir: Path) -> bool:
    """Stop it, with its containers, and take away its bridge, rules and mounts; keep its data.

    False when it was not running (what a dead one left is taken away all the same).
    """
    places = Places(state_dir)
    if not places.state.is_dir():
        return False
    with _locked(places):
        started = _running(places)
        if started is not None:
            _end(places, started)
        clean(places)
    return started is not None


def status(state_dir: Path) -> PrivateStatus:
    """How it is, without waiting for a start or stop that is under way."""
    places = Places(state_dir)
    started = _running(places)
    answers = started is not None and probe(own(places))[0].outcome == "answers"
    return PrivateStatus(
        started is not None,
        answers,
        started.pid if started else None,
        started.program if started else "",
        places.url,
        places.data,
        places.log,
    )


@contextmanager
def _locked(places: Places) -> Iterator[None]:
    """One start or stop at a time. The lock goes with its holder, even a killed one."""
    places.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with places.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _running(places: Places) -> Started | None:
    """What the record names, when that very process lives; a reused number is not it."""
    try:
        kept = json.loads(places.record.read_text(encoding="utf-8"))
        net = privatedocker.Net(**kept["net"]) if kept["net"] else None
        started = Started(kept["pid"], kept.get("began", ""), kept["program"], net)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return started if _process(started) else None


def _process(started: Started) -> psutil.Process | None:
    """The living process; its beginning tells it from another that got its number."""
    with suppress(psutil.Error):
        process = psutil.Process(started.pid)
        same = not is_gone(started.pid, started.began) and process.status() != psutil.STATUS_ZOMBIE
        if same and (started.began or process.name() == started.program):
            return process
    return None


def _launch(places: Places, report: Report) -> None:
    _make_run_folder(places)
    net, more = None, {}
    if os.geteuid() == 0:
        net = privatedocker.prepare(places)
        command = privatedocker.command(places, net)
        # containerd leaves a file among the temporary ones when it is ended from outside
        places.exec_root.mkdir(mode=0o700, exist_ok=True)
        more = {"TMPDIR": str(places.exec_root)}
    else:
        command = podman.command(places)
    report(f"Starting {Path(command[0]).name}, with its state in {places.state}")
    report(f"It runs until you stop it: {ourselves('engine', 'stop')}")
    pid = _spawn(command, places.log, more)
    started = Started(pid, began(pid), Path(command[0]).name, net)
    places.record.write_text(json.dumps(asdict(started)), encoding="utf-8")


def _make_run_folder(places: Places) -> None:
    """Whoever has the folder of the socket has the engine, and all that is done through it."""
    with suppress(FileExistsError):  # a file, or a link that leads nowhere
        places.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_ours_alone(places.run):
        raise EngineError(
            f"{places.run} is not a folder of yours alone, so no engine is started in it.",
            hint=f"If it is yours: `chmod 700 {places.run}`. If somebody else made it, choose "
            f"another state folder: {STATE_VARIABLE}=FOLDER.",
        )


def _spawn(command: Sequence[str], log: Path, more: Mapping[str, str]) -> int:
    """Start a program in a session of its own: no terminal, no hang-up, no ^C from our shell.
    ``more`` is added to its environment."""
    environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 -- a list of words from our own code, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={**environment, "PATH": search_path(), **more},
            start_new_session=True,
        )
    process.returncode = 0  # it outlives us by design: Python need not warn that it still runs
    return process.pid


def _answers_in_time(places: Places) -> bool:
    """Wait until the engine answers; False when it ended or takes too long."""
    limit_s = time.monotonic() + READY_S
    while time.monotonic() < limit_s:
        if probe(own(places), timeout_s=1)[0].outcome == "answers":
            return True
        if _running(places) is None:
            return False
        time.sleep(0.1)
    return False


def _failed_start(places: Places) -> EngineError:
    """What to tell of an engine that was launched and never answered; it is ended."""
    if started := _running(places):
        _end(places, started)
        sentence = f"The engine did not answer within {READY_S:.0f} s."
    else:
        sentence = "The engine ended at its start."
    facts = _last_lines(places.log)
    clean(places)
    return EngineError(sentence, hint=_see(places), facts=facts)


def _slow(places: Places) -> EngineError:
    """What to tell of an engine that ran before and does not answer; it is left as it is."""
    return EngineError(
        f"Our own engine runs and does not answer within {READY_S:.0f} s.",
        hint=f"{_see(places)}. To end it, with its containers: `{ourselves('engine', 'stop')}`.",
        facts=_last_lines(places.log),
    )


def _see(places: Places) -> str:
    return f"See its log: {places.log}"


def _last_lines(log: Path, count: int = 8) -> tuple[str, ...]:
    """The end of the log; errors first read it here, so levels below warning are left out."""
    try:
        lines = plain(log.read_text(encoding="utf-8", errors="replace")).splitlines()
    except OSError:
        return ()
    telling = [line for line in lines[-60:] if "level=info" not in line]
    return tuple((telling or lines)[-count:])


def _end(places: Places, started: Started) -> None:
    """SIGTERM, and SIGKILL to what is ours and still there after the limit."""
    process = _process(started)
    if process is None:
        return
    if started.net is not None:
        privatedocker.before_stop(places)
    else:
        podman.before_stop(places)
    ours = [process, *process.children(recursive=True)]
    process.terminate()
    _gone, alive = psutil.wait_procs(ours, timeout=STOP_S)
    for late in alive:
        with suppress(psutil.NoSuchProcess):
            late.kill()
    psutil.wait_procs(alive, timeout=5)


def clean(places: Places) -> None:
    """Take away what an engine that is no longer there left; its data and log stay."""
    trusted = is_ours_alone(places.run)  # in another's folder nothing was ours
    if os.geteuid() == 0:
        privatedocker.after_stop(places, _kept_net(places))
    elif trusted:
        podman.after_stop(places)
    for path in (places.record, places.pid_file):
        path.unlink(missing_ok=True)
    if not trusted:
        return
    places.socket.unlink(missing_ok=True)
    for folder in places.run_folders:
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # somebody keeps a thing of his own in it, or it is not there
        places.run.rmdir()


def _kept_net(places: Places) -> privatedocker.Net | None:
    """The network of the record, be its engine dead or alive."""
    try:
        kept = json.loads(places.record.read_text(encoding="utf-8"))["net"]
        return privatedocker.Net(**kept) if kept else None
    except (OSError, ValueError, KeyError, TypeError):
        return None

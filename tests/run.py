"""Every test, in order, on an engine that belongs to them; and nothing may be left after them.

As root with dockerd installed the tests get two engines of their own, one for each of two pytest
workers, their data in .state/ (kept between runs, so that the second is quick); otherwise the
engine that this user has, and one test after another. Then:

1. the labextension's tests
2. the notebooks, by nbval
3. all of pytest, with the notebooks once more: they must pass twice in a row
4. tests that failed, if they are few, alone and twice: see secondlook.py
5. what is left on the engine and on the machine that was not there before: nothing, or it fails

The engines are stopped in the end, also after a failure and after Ctrl-C. Other arguments go to
pytest, which then runs alone (``make test ARGS="tests/unit -x"``). ``--engine NAME`` before them
gives it another engine: "newer" (Docker 26, overlay2), "newer-containerd" (Docker 26, containerd's
image store), "podman".
"""

from __future__ import annotations

import ctypes.util
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import docker
from kernelimage import COURSE_IMAGE, IMAGE, install_course_kernel
from leftovers import RUN, Inventory, end_processes, image_names, left_over, take_inventory
from secondlook import FAILED, noted, unsteady
from workers import SEEN, STATES, images_seen

sys.path.insert(0, str(Path(__file__).resolve().parent / "engine"))
from otherengines import give_image, newer_engine
from podmanengine import podman_engine

from container_magics.engine import command, private
from container_magics.engine.base import BASE, TOOLS, ensure_base, has_base
from container_magics.engine.client import Engine, connect
from container_magics.engine.layercache import CACHE_VARIABLE
from container_magics.engine.statedir import STATE_VARIABLE, Places
from container_magics.errors import ContainerMagicsError

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".state"
SECOND = STATE / "second"
# program -> Debian packages
NEEDED = {
    "dockerd": ("docker.io",),
    "docker-registry": ("docker-registry",),
    "iptables": ("iptables",),
    "ip": ("iproute2",),
    "mmdebstrap": TOOLS,
    # what a user without root may start, and what it needs for that
    "podman": ("podman",),
    "slirp4netns": ("slirp4netns",),
    "newuidmap": ("uidmap",),
    "ssh": ("openssh-client",),
    "rsync": ("rsync",),
    "ps": ("procps",),
    "qemu-system-x86_64": ("qemu-system-x86",),
    "chromium": ("chromium",),
    "docker-compose": ("docker-compose",),  # version 1, beside the wheel's
}
# Playwright's driver is linked with it, and Debian's node brings it only by the way.
NEEDED_LIBRARY = ("atomic", "libatomic1")
OTHERS = {
    "newer": partial(newer_engine, store="overlay2"),
    "newer-containerd": partial(newer_engine, store="containerd"),
    "podman": podman_engine,
}
SETTLE_S = 15.0
TIDY_S = 90.0
BY_FILE = ("--dist", "loadfile", "--no-loadscope-reorder")
"""A worker takes a whole file of tests, and the slowest files come first (tests/workers.py)."""
NBVAL = ("--nbval", "--nbval-cell-timeout=300")


def main(arguments: Sequence[str]) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    # A shell that starts us in the background has SIGINT ignored, for us and for pytest.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(ROOT)
    os.environ[RUN] = uuid.uuid4().hex
    os.environ[CACHE_VARIABLE] = str(STATE / "cache")
    shutil.rmtree(STATE / "cache", ignore_errors=True)  # what older code has read proves nothing
    if arguments == ["--stop"]:
        private.stop(SECOND)
        private.stop(STATE)
        return 0
    install_missing()
    try:
        return on_an_engine(arguments)
    finally:
        _ignore_signals()
        end_processes()


def on_an_engine(arguments: Sequence[str]) -> int:
    """What was asked for, on an engine that is there for it."""
    with own_or_found_engine() as engine:
        ensure_base(engine, say)
        if arguments[:1] == ["--bench"]:
            return follow([sys.executable, "-m", "tests.bench.run", *arguments[1:]])[0]
        if arguments[:1] == ["--engine"]:
            return on_another_engine(engine, *arguments[1:])
        if not arguments or any("notebooks" in word for word in arguments):
            install_course_kernel(engine, STATE / "kernels")
        if arguments:
            return follow(pytest(*arguments))[0]
        with second_engine(engine) as second:
            return everything([engine, second] if second else [engine])


def everything(engines: Sequence[Engine]) -> int:
    """All parts; the closing line of the run of all tests is printed last."""
    whole = engines[0].endpoint.url == Places(STATE).url
    before = [take_inventory(each.api, whole_machine=whole) for each in engines]
    workers = ("-n", str(len(engines)), *BY_FILE) if len(engines) > 1 else ()
    status = follow([".ci/javascript", "test"])[0]
    passed, closing_line = all_of_pytest(workers)
    left = [
        line
        for each, earlier in zip(engines, before, strict=True)
        for line in what_is_left(each.api, earlier, whole_machine=whole)
    ]
    seen = {name: file for state in (STATE, SECOND) for name, file in images_seen(state).items()}
    for line in left:
        after = seen.get(line.removeprefix("images: "), "")
        say(f"LEFT BEHIND  {line}{after and f', first seen after {after}'}")
    say(f"Left behind by the tests: {len(left) or 'nothing'}")
    say(closing_line)
    return 1 if left or status or not passed else 0


def all_of_pytest(workers: Sequence[str]) -> tuple[bool, str]:
    """Whether the notebooks and all tests passed, and pytest's closing line."""
    record = STATE / "failed-tests"
    STATE.mkdir(exist_ok=True)
    record.unlink(missing_ok=True)
    os.environ[FAILED] = str(record)
    say("\nThe notebooks, for the first time")
    first, _ = follow(pytest(*NBVAL, *workers, "notebooks"))
    say("\nAll tests, and the notebooks for the second time")
    command = pytest(*NBVAL, *workers, "tests", "notebooks")
    second, closing_line = follow(command, hold_last_line=True)
    del os.environ[FAILED]
    if not first and not second:
        return True, closing_line
    failed = noted(record)
    say(f"{closing_line}\n\nFailed: {', '.join(failed)}")
    passed = unsteady((first, second), failed, alone)
    for name in failed if passed else ():
        say(f"UNSTEADY  {name}: it failed beside all others, and passed twice alone")
    return passed, closing_line


def alone(names: Sequence[str]) -> int:
    """Run some tests and nothing else."""
    return follow(pytest("-q", *NBVAL, *names))[0]


def on_another_engine(engine: Engine, name: str = "", *arguments: str) -> int:
    """Run pytest on an engine of that name, which gets the base image from ``engine``."""
    if name not in OTHERS:
        sys.exit(f"--engine {name}: it is one of {', '.join(OTHERS)}.")
    with OTHERS[name](STATE) as other:
        give_image(engine, other, BASE)
        os.environ["DOCKER_HOST"] = other.endpoint.url
        install_course_kernel(other, STATE / "kernels")
        return follow(pytest(*NBVAL, *(arguments or ("tests", "notebooks"))))[0]


def what_is_left(api: docker.APIClient, before: Inventory, *, whole_machine: bool) -> list[str]:
    """What stays. A container that is just being removed gets a few seconds for it."""
    limit_s = time.monotonic() + SETTLE_S
    while True:
        left = left_over(before, take_inventory(api, whole_machine=whole_machine))
        if not left or time.monotonic() > limit_s:
            return left
        time.sleep(0.5)


@contextmanager
def own_or_found_engine() -> Iterator[Engine]:
    """The engine for the tests, named by DOCKER_HOST for everything that they start."""
    if os.geteuid() != 0 or command.find("dockerd") is None:
        yield connect()
        return
    os.environ.pop("DOCKER_CONTEXT", None)
    os.environ["DOCKER_HOST"] = Places(STATE).url
    os.environ[STATE_VARIABLE] = str(STATE)
    with own_engine(STATE) as engine:
        yield engine


@contextmanager
def own_engine(state: Path) -> Iterator[Engine]:
    """An engine of the tests' own, empty but for its images; stopped in the end."""
    private.stop(state)  # a run that was killed may have left it, with containers
    url = private.start(state, say).url
    engine = connect({"DOCKER_HOST": url})
    try:
        empty(engine.api)
        (state / SEEN).unlink(missing_ok=True)
        yield engine
    finally:
        _ignore_signals()
        engine.close()
        private.stop(state)


@contextmanager
def second_engine(first: Engine) -> Iterator[Engine | None]:
    """Another one beside the tests' own, with its base image; None where they have none of
    their own."""
    if first.endpoint.url != Places(STATE).url:
        yield None
        return
    with own_engine(SECOND) as second:
        if not has_base(second):
            for _ in second.api.load_image(first.api.get_image(BASE)):
                pass
        if not second.api.images(IMAGE):
            for _ in second.api.load_image(first.api.get_image(IMAGE)):
                pass
        second.api.tag(IMAGE, *COURSE_IMAGE)
        os.environ[STATES] = os.pathsep.join(map(str, (STATE, SECOND)))
        yield second


def empty(api: docker.APIClient) -> None:
    """Remove what a killed run left on the tests' own engine; the images stay that all runs use."""
    for container in api.containers(all=True):
        api.remove_container(container["Id"], force=True, v=True)
    for network in api.networks():
        if network["Name"] not in {"bridge", "host", "none"}:
            api.remove_network(network["Id"])
    for volume in api.volumes()["Volumes"] or []:
        api.remove_volume(volume["Name"], force=True)
    for image in api.images():
        for name in image_names(image):
            api.remove_image(name, force=True)


def install_missing() -> None:
    """As root on Debian or Ubuntu, what the tests need; elsewhere they say what they miss."""
    missing = [program for program in NEEDED if command.find(program) is None]
    if "chromium" in missing and is_ubuntu():
        say("Ubuntu's Chromium is a snap: install Chrome, or the browser's tests will fail.")
        missing.remove("chromium")
    packages = [package for program in missing for package in NEEDED[program]]
    if ctypes.util.find_library(NEEDED_LIBRARY[0]) is None:
        packages.append(NEEDED_LIBRARY[1])
    if packages and command.can_install():
        command.install(say, *packages)


def is_ubuntu() -> bool:
    with suppress(OSError):  # macOS has no such file
        return platform.freedesktop_os_release()["ID"] == "ubuntu"
    return False


def pytest(*arguments: str) -> list[str]:
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    return [sys.executable, "-m", "pytest", "-p", "tests.workers", *colour, *arguments]


def follow(program: Sequence[str], *, hold_last_line: bool = False) -> tuple[int, str]:
    """Run a program and print what it prints; its status, and its last line when held back.

    It runs in a session of its own: a signal comes to us, and it gets a SIGINT, after which
    pytest tears down its fixtures.
    """
    held = ""
    process = subprocess.Popen(
        program, stdout=subprocess.PIPE, text=True, errors="replace", start_new_session=True
    )
    try:
        for line in process.stdout or ():
            if hold_last_line and held:
                say(held)
            if hold_last_line:
                held = line.rstrip("\n")
            else:
                say(line.rstrip("\n"))
        return process.wait(), held
    except BaseException:
        _ignore_signals()
        _interrupt(process)
        raise
    finally:
        process.kill()
        process.wait()


def _interrupt(process: subprocess.Popen[str]) -> None:
    """End it by SIGINT. A test about interrupts may take the first one for its own."""
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=TIDY_S / 3)
            return


def say(text: str) -> None:
    print(text, flush=True)


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _ignore_signals() -> None:
    """While we tidy up: an impatient second ^C would leave an engine behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ContainerMagicsError as error:
        sys.exit("\n".join(error.told()))
    except KeyboardInterrupt:
        sys.exit(130)

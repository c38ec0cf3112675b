"""A kernel in a container as a plain command, for front ends that know no provisioners.

``python -m container_magics.launch -f {connection_file} [FLAGS] IMAGE [-- PROGRAM ...]`` is a
kernelspec's argv (VS Code ignores provisioners). Signals go on to the kernel in the container; we
end when it ends, and it is removed when we end, however that happens.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from container_magics.core.argparser import FlagParser
from container_magics.core.kernelconfig import (
    HERE,
    OWN,
    USERS,
    USUAL_ARGV,
    KernelConfig,
    filled,
)
from container_magics.core.kernelnets import NETS
from container_magics.errors import ContainerMagicsError, UsageError

# What reaches the engine is imported when it is needed: --help answers at once.

PASSED_ON = (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a kernel to its end. The status: the kernel's own, 1 when it did not start (why is on
    stderr), 128 + n when signal n ended us."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not {"-h", "--help"}.isdisjoint(words[:1]):
        say(launch_parser().help_text())
        return 0
    arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (*PASSED_ON, *ENDING):
        # what comes before the kernel runs waits for it
        signal.signal(number, lambda signum, _frame: arrived.put(signum))
    try:
        file, config, program = read_words(words)
        return run_kernel(file, config, program, arrived)
    except ContainerMagicsError as error:
        say("\n".join(error.told()))
        return 1


def launch_parser() -> FlagParser:
    """The launcher's own flags; what it does not know is docker's."""
    parser = FlagParser(
        "container_magics.launch",
        description="Run a Jupyter kernel in a container: the argv of a kernelspec.",
        epilog="All other flags are those of docker run, such as --memory 1g. After -- comes what "
        f"runs in the container: {shlex.join(USUAL_ARGV)} if nothing does.",
    )
    add = parser.add_argument
    add("-f", dest="file", metavar="CONNECTION_FILE", help="the front end's connection file")
    add("--user-ids", dest="user", choices=USERS, default=OWN,
        help="run as this user, or as the image says")  # fmt: skip
    add("--mount", metavar="FOLDER", default=HERE,
        help="the folder that the kernel sees: . is where it starts, or none")  # fmt: skip
    add("--pass", dest="environment", metavar="NAME", action="append", default=[],
        help="hand in this variable of ours; may be repeated")  # fmt: skip
    return parser


def read_words(words: Sequence[str]) -> tuple[Path, KernelConfig, tuple[str, ...]]:
    """(connection file, config, the program in the container). Raises UsageError."""
    end = words.index("--") if "--" in words else len(words)
    known: argparse.Namespace
    known, rest = launch_parser().parse_known_args(list(words[:end]))
    if known.file is None or not rest:
        raise UsageError(
            "The launcher needs a connection file and an image.",
            hint="Such as python -m container_magics.launch -f {connection_file} IMAGE.",
        )
    config = KernelConfig(
        image=rest[-1],
        flags=tuple(rest[:-1]),
        net=NETS[0],
        user=known.user,
        mount=known.mount,
        environment=tuple(known.environment),
    )
    return Path(known.file), config, tuple(words[end + 1 :]) or USUAL_ARGV


def run_kernel(
    file: Path, config: KernelConfig, program: tuple[str, ...], arrived: queue.SimpleQueue[int]
) -> int:
    """Start the kernel of a connection file, and pass on the signals that arrive until it ends."""
    from container_magics.engine.client import connect
    from container_magics.engine.kernelcontainer import KernelContainer, planned
    from container_magics.engine.kernelplace import INSIDE, kernel_user, sockets_apart
    from container_magics.engine.ownership import owner

    connection = read_connection(file)
    argv = filled(program, INSIDE, str(file))
    engine = connect()
    kernel = KernelContainer(engine, say, lambda: arrived.put(0))
    ways = ExitStack()
    try:
        user = kernel_user(engine, config, config.spec(argv))
        connection = ways.enter_context(sockets_apart(connection, user))
        spec = planned(
            config,
            argv,
            connection,
            user,
            Path.cwd(),
            environ=os.environ,
            data_folder=engine.facts().data_folder,
        )
        kernel.start(spec, connection, user, owner())
        while number := arrived.get():
            if number in ENDING:
                return 128 + number
            kernel.signal(signal.Signals(number).name.removeprefix("SIG"))
        if kernel.exited and kernel.exited.exit_status:
            say("\n".join(kernel.death().told()))
        return kernel.exited.exit_status if kernel.exited else 0
    finally:
        kernel.remove()
        ways.close()
        engine.close()


def read_connection(file: Path) -> dict[str, Any]:
    """What a connection file says; UsageError for what is none."""
    try:
        connection: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        connection["transport"], connection["hb_port"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{file} is no connection file of Jupyter's.") from error
    return connection


def say(line: str) -> None:
    """A line for the front end's log."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

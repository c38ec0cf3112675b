"""The command container-magics: engine, base, doctor, lab, layers, kernel, test, pack and book."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from container_magics.errors import ContainerMagicsError

# What a command needs is imported when it runs: --help answers at once.


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. The status: 0 done, 1 not done (why is on stderr), 2 typed wrongly."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        return int(arguments.run(arguments))
    except ContainerMagicsError as error:
        if arguments.debug:
            traceback.print_exc()
        say("\n".join(error.told()), sys.stderr.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader went away: `container-magics doctor | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _end(number: int, _frame: FrameType | None) -> None:
    """SIGTERM, and a terminal that closes, unwind the stack: every ``finally`` cleans up."""
    raise SystemExit(128 + number)


def say(text: str, descriptor: int = 1) -> None:
    """A line at once, also into a pipe; what a terminal cannot show becomes a question mark."""
    stream = sys.stderr if descriptor == sys.stderr.fileno() else sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(f"{text}\n".encode(encoding, errors="replace").decode(encoding))
    stream.flush()


def make_parser() -> argparse.ArgumentParser:
    """Every command and flag, with the help that ``--help`` prints."""
    parser = argparse.ArgumentParser(
        prog="container-magics",
        description="Work with containers from notebooks: the parts that are outside of one.",
    )
    parser.set_defaults(debug=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_engine(commands)
    base = _add(commands, "base", "make the course's base image, where it is not there yet")
    base.set_defaults(run=_base)
    doctor = _add(commands, "doctor", "say which engine is used, and what is wrong")
    doctor.set_defaults(run=_doctor)
    _add_lab(commands)
    _add_layers(commands)
    _add_kernels(commands)
    _add_exercises(commands)
    _add_book(commands)
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, what: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return command


def _add_engine(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    engine = commands.add_parser(
        "engine",
        help="start, stop and see an engine of your own",
        description="An engine of your own: dockerd for root, Podman for other users. Its socket, "
        "data and log lie in your state folder; set CONTAINER_MAGICS_STATE to choose another.",
    )
    verbs = engine.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add(verbs, "start", "start it and wait until it answers").set_defaults(run=_start)
    _add(verbs, "stop", "stop it and its containers; images and volumes stay").set_defaults(
        run=_stop
    )
    _add(verbs, "status", "say whether it runs, and where").set_defaults(run=_status)


def _add_lab(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lab = _add(commands, "lab", "open the course in JupyterLab, on your own copy of it")
    lab.add_argument(
        "--check", action="store_true", help="try build, run, layers and ssh login, then end"
    )
    lab.add_argument(
        "--folder", type=Path, default=Path("lab"), help="your copy (default: %(default)s)"
    )
    lab.add_argument("--port", type=int, default=0, help="default: the first free from 8888 on")
    lab.add_argument("--no-browser", action="store_true", help="only print the address")
    lab.set_defaults(run=_lab)


def _add_layers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from container_magics import clilayers

    layers = _add(commands, "layers", "say what makes an image big, and hold it against rules")
    clilayers.add_flags(layers)
    layers.set_defaults(run=lambda arguments: clilayers.layers(arguments, say))


def _add_kernels(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from container_magics import clikernels

    kernel = commands.add_parser(
        "kernel",
        help="kernels in containers, for every notebook's launcher",
        description="A shell in any image, or a Jupyter kernel that an image has, as a kernel of "
        "Jupyter's: each notebook that uses it gets a container of its own.",
    )
    verbs = kernel.add_subparsers(title="verbs", metavar="VERB", required=True)
    listed = _add(verbs, "list", "list those that are ours")
    listed.set_defaults(run=lambda arguments: clikernels.listed(arguments, say))
    install = _add(verbs, "install", "register a shell in an image, or the image's own kernels")
    clikernels.add_install_flags(install)
    install.set_defaults(run=lambda arguments: clikernels.install(arguments, say))
    remove = _add(verbs, "remove", "remove one that is ours")
    clikernels.add_remove_flags(remove)
    remove.set_defaults(run=lambda arguments: clikernels.remove(arguments, say))


def _add_exercises(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from container_magics import cliexercises

    test = _add(commands, "test", "prove every exercise of notebooks")
    cliexercises.add_test_flags(test)
    test.set_defaults(run=lambda arguments: cliexercises.test(arguments, say))
    pack = _add(commands, "pack", "hide the answers of exercises, for the students' copy")
    cliexercises.add_pack_flags(pack)
    pack.set_defaults(run=lambda arguments: cliexercises.pack(arguments, say))


def _add_book(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from container_magics import clibook

    book = _add(commands, "book", "write notebooks as a static site")
    clibook.add_flags(book)
    book.set_defaults(run=lambda arguments: clibook.book(arguments, say))


def _start(_arguments: argparse.Namespace) -> int:
    from container_magics.engine.private import start
    from container_magics.engine.statedir import state_dir

    endpoint = start(state_dir(os.environ), say)
    say(f"Our own engine answers at {endpoint.url}")
    return 0


def _stop(_arguments: argparse.Namespace) -> int:
    from container_magics.engine.private import stop
    from container_magics.engine.statedir import state_dir

    was_running = stop(state_dir(os.environ))
    say("Our own engine is stopped." if was_running else "Our own engine was not running.")
    return 0


def _status(_arguments: argparse.Namespace) -> int:
    from container_magics.engine.private import status
    from container_magics.engine.statedir import state_dir

    own = status(state_dir(os.environ))
    if not own.running:
        say("Our own engine is not running. Start it: container-magics engine start")
        return 1
    say(f"{own.program} runs (pid {own.pid}) and {'answers' if own.answers else 'does not answer'}")
    say(f"  address: {own.url}\n  data: {own.data}\n  log: {own.log}")
    return 0 if own.answers else 1


def _base(_arguments: argparse.Namespace) -> int:
    from container_magics.engine.base import ensure_base
    from container_magics.engine.client import connect

    say(f"{ensure_base(connect(), say)} is there")
    return 0


def _doctor(_arguments: argparse.Namespace) -> int:
    from container_magics.session.doctor import examine
    from container_magics.view.plain import plain
    from container_magics.view.present import engine as present

    checks, facts = examine(os.environ, Path.home())
    if facts is not None:
        say(plain(present.engine(facts)) + "\n")
    say(plain(present.doctor(checks)))
    return 0 if all(check.ok for check in checks) else 1


def _lab(arguments: argparse.Namespace) -> int:
    from container_magics import lab

    return lab.lab(
        arguments.folder,
        check=arguments.check,
        port=arguments.port,
        browser=not arguments.no_browser,
        report=say,
    )


if __name__ == "__main__":
    sys.exit(main())

"""The text after %%container: docker run's own flags, and the few that a notebook adds."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import cache

from container_magics.core.argparser import FlagParser
from container_magics.core.flagtypes import (
    argument_vector,
    cpus,
    duration,
    extra_host,
    gpus,
    label,
    mount,
    name,
    pairing,
    platform,
    port,
    restart,
    size,
    tmpfs,
    variable,
)
from container_magics.core.languages import LANGUAGES
from container_magics.core.names import ImageRef, container_name
from container_magics.core.spec import CellOptions, ContainerSpec, Hardening, Health, Limits
from container_magics.errors import UsageError


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A %%container line, read: the container (its command comes from the cell) and the rest."""

    spec: ContainerSpec
    options: CellOptions


def parse_run(line: str) -> RunRequest:
    """Read the text after %%container; raises UsageError, and then nothing was sent."""
    words = run_parser().parse(line)
    if words.image is None and not words.inside:
        raise UsageError(
            "%%container needs an image.",
            hint="Write %%container IMAGE, or %%container --in NAME for one that runs.",
        )
    if words.inside:
        refuse_with_inside(words)
    return RunRequest(spec_of(words), options_of(words))


def refuse_with_inside(words: argparse.Namespace) -> None:
    """A running container's own settings stand; UsageError names the flag that asks for others."""
    asked = {
        "IMAGE": words.image, "-v": words.volume, "-p": words.publish, "--name": words.name,
        "-h": words.hostname, "--network": words.network, "--memory": words.memory,
        "--cpus": words.cpus, "--pids-limit": words.pids_limit, "-d": words.detach,
        "--entrypoint": words.entrypoint, "--reuse": words.reuse, "--rm": words.rm,
        "--label": words.label,
        "--init": words.init, "--read-only": words.read_only, "--tmpfs": words.tmpfs,
        "--cap-add": words.cap_add, "--cap-drop": words.cap_drop, "--add-host": words.add_host,
        "--restart": words.restart, "--health-cmd": words.health_cmd,
        "--health-interval": words.health_interval, "--platform": words.platform,
        "--gpus": words.gpus,
    }  # fmt: skip
    for flag, value in asked.items():
        if value:
            raise UsageError(
                f"{flag} cannot be used with --in: that container is already made.",
                hint="Leave one of the two out.",
            )


def spec_of(words: argparse.Namespace) -> ContainerSpec:
    """The container that the words ask for."""
    return ContainerSpec(
        image=str(ImageRef.parse(words.image)) if words.image else "",
        entrypoint=words.entrypoint,
        name=container_name(words.name) if words.name else "",
        hostname=words.hostname or "",
        environment=tuple(words.env),
        mounts=tuple(words.volume),
        ports=tuple(words.publish),
        network=words.network or "",
        user=words.user or "",
        working_dir=words.workdir or "",
        limits=Limits(words.memory, words.cpus, words.pids_limit),
        hardening=Hardening(tuple(words.cap_drop), tuple(words.cap_add)),
        labels=tuple(words.label),
        init=words.init,
        read_only=words.read_only,
        tmpfs=tuple(words.tmpfs),
        extra_hosts=tuple(words.add_host),
        restart=words.restart or "",
        health=Health(words.health_cmd or "", words.health_interval),
        platform=words.platform or "",
        gpus=words.gpus or "",
    )


def options_of(words: argparse.Namespace) -> CellOptions:
    """What the notebook does with the run."""
    refuse_with_detach(words)
    if words.program is not None and not words.program:
        raise UsageError("--exec needs a program.", hint="Such as --exec /hello --loud.")
    if words.program and words.interpreter:
        raise UsageError("--exec and --as exclude each other.", hint="Leave one of the two out.")
    return replace(
        capture_options(words),
        inside=container_name(words.inside) if words.inside else "",
        interpreter=words.interpreter or "",
        detach=words.detach,
        auto_remove=words.rm,
        program=tuple(words.program or ()),
        put=tuple(words.put),
        get=tuple(words.get),
        reuse=words.reuse,
        box=words.box or "",
        env_files=tuple(words.env_file),
    )


def refuse_with_detach(words: argparse.Namespace) -> None:
    """What needs the end of a program does not go with -d, and what needs -d not without it."""
    waits = words.out or words.err or words.rc or words.timeout or words.stdin or words.get
    if words.detach and waits:
        raise UsageError(
            "-d leaves the container running, and goes on: nothing is fed, kept or timed.",
            hint="Leave out -d, or --out, --err, --rc, --stdin, --get and --timeout.",
        )
    for flag, value in (("--reuse", words.reuse), ("--box", words.box)):
        if value and not words.detach:
            raise UsageError(f"{flag} goes with -d alone.", hint="A fresh container ends here.")
    if words.restart and (words.rm or not (words.detach and words.name)):
        raise UsageError(
            "--restart goes with -d and --name, and without --rm.",
            hint="What is removed when it ends cannot be started again.",
        )


def capture_options(words: argparse.Namespace) -> CellOptions:
    """Those that mean the same wherever a cell's program runs."""
    return CellOptions(
        out=words.out or "",
        err=words.err or "",
        rc=words.rc or "",
        stdin=words.stdin or "",
        timeout_s=words.timeout,
        check=not words.no_check,
        expand=words.expand,
        debug=words.debug,
    )


@cache
def run_parser() -> FlagParser:
    """The parser of the text after %%container; its help is the magic's help.

    Made once, for to make it takes longer than to read a line with it.
    """
    parser = FlagParser(
        "%%container",
        description="Run the cell in a fresh container, which is removed when the cell ends.\n"
        "A first line #!... picks the interpreter, else --as, else sh reads the cell.",
        epilog="Nothing in the cell is replaced by Python values unless --expand is given.\n"
        "A published port is bound to 127.0.0.1 unless you write another address.",
    )
    parser.add_argument("image", metavar="IMAGE", nargs="?", help="the image to run the cell in")
    add_docker_flags(parser)
    add_notebook_flags(parser)
    parser.after["--in"] = "RUNNING"
    return parser


def add_docker_flags(parser: FlagParser) -> None:
    """Those that mean what they mean after ``docker run``."""
    add = parser.add_argument
    add("-e", "--env", metavar="NAME=VALUE", type=variable, action="append", default=[],
        help="set an environment variable; may be repeated")  # fmt: skip
    add("-v", "--volume", metavar="SOURCE:TARGET[:ro]", type=mount, action="append", default=[],
        help="put a folder of the engine's machine, or a volume, at TARGET")  # fmt: skip
    add("-p", "--publish", metavar="[[ADDRESS:]PORT:]PORT", type=port, action="append", default=[],
        help="publish a port of the container")  # fmt: skip
    add("--name", help="the container's name; a re-run replaces what this notebook made")
    add("-h", "--hostname", help="the name that the container calls itself")
    add("--rm", action="store_true", help="with -d: remove it when it ends (without -d always so)")
    add("-d", "--detach", action="store_true", help="leave it running and go on")
    add("--network", help="a network's name, or none, or host")
    add("-u", "--user", metavar="USER[:GROUP]", help="run as this user")
    add("-w", "--workdir", metavar="FOLDER", help="start in this folder of the container")
    add("-m", "--memory", metavar="SIZE", type=size, help="memory limit, such as 256m")
    add("--cpus", metavar="N", type=cpus, help="processor limit, such as 1.5")
    add("--pids-limit", metavar="N", type=int, help="limit of processes")
    add("--entrypoint", metavar="PROGRAM", type=argument_vector, default=(),
        help="a program that is given the interpreter to start")  # fmt: skip
    add_further_docker_flags(parser)


def add_further_docker_flags(parser: FlagParser) -> None:
    """Those of the same kind that are wanted more seldom."""
    add = parser.add_argument
    add("--env-file", metavar="FILE", action="append", default=[],
        help="set the variables of a file of NAME=VALUE lines; -e wins")  # fmt: skip
    add("-l", "--label", metavar="NAME=VALUE", type=label, action="append", default=[],
        help="a label of the container; may be repeated")  # fmt: skip
    add("--init", action="store_true", help="a small init is process 1, and starts the program")
    add("--read-only", action="store_true", help="nothing can be written but to volumes and tmpfs")
    add("--tmpfs", metavar="PATH[:OPTIONS]", type=tmpfs, action="append", default=[],
        help="a folder in memory, such as /tmp:size=64m; may be repeated")  # fmt: skip
    add("--cap-add", metavar="CAPABILITY", action="append", default=[],
        help="give a capability that containers do not have; may be repeated")  # fmt: skip
    add("--cap-drop", metavar="CAPABILITY", action="append", default=[],
        help="take a capability away, or ALL; may be repeated")  # fmt: skip
    add("--add-host", metavar="HOST:ADDRESS", type=extra_host, action="append", default=[],
        help="a line of /etc/hosts; may be repeated")  # fmt: skip
    add("--restart", metavar="POLICY", type=restart,
        help="with -d and --name: on-failure[:N], unless-stopped or always start it again; "
        "the end of the notebook's session removes it all the same")  # fmt: skip
    add("--health-cmd", metavar="COMMAND", help="a line of shell that says whether it is healthy")
    add("--health-interval", metavar="TIME", type=duration, help="how often it is asked")
    add("--platform", metavar="OS/ARCHITECTURE", type=platform,
        help="the image for this kind of machine, such as linux/arm64")  # fmt: skip
    add("--gpus", metavar="GPUS", type=gpus, help="graphics processors: all, a number, device=ID")


def add_notebook_flags(parser: FlagParser) -> None:
    """Those that only a notebook has a use for."""
    add = parser.add_argument
    add("--in", dest="inside", metavar="NAME", help="run in this running container instead")
    add("--as", dest="interpreter", metavar="LANGUAGE",
        help=f"who reads the cell: sh (default), {', '.join(list(LANGUAGES)[1:])}, "
        "or one of the setting Workbench.languages")  # fmt: skip
    add("--reuse", action="store_true",
        help="with -d: keep the one that runs, if the same line and cell made it")  # fmt: skip
    add("--box", metavar="VAR", type=name, help="with -d: keep the Container in a variable")
    add("--put", metavar="PATH=VAR", type=pairing, action="append", default=[],
        help="write a variable to a file of the container before the program starts; a "
        "pathlib.Path copies that file or folder; may be repeated")  # fmt: skip
    add("--get", metavar="PATH=VAR", type=pairing, action="append", default=[],
        help="read a file of the container into a variable when the program has ended, a "
        "folder as a dict; may be repeated")  # fmt: skip
    add_capture_flags(parser)
    add("--exec", dest="program", metavar="PROGRAM ARGUMENT", nargs=argparse.REMAINDER,
        help="last: run this program of the image, without a shell; "
        "the cell is its stdin")  # fmt: skip


def add_capture_flags(parser: FlagParser) -> None:
    """Those that mean the same wherever a cell's program runs."""
    add = parser.add_argument
    add("--out", metavar="VAR", type=name, help="keep stdout in a variable, and do not show it")
    add("--err", metavar="VAR", type=name, help="keep stderr in a variable, and do not show it")
    add("--rc", metavar="VAR", type=name, help="keep the exit status; it then raises no error")
    add("--stdin", metavar="VAR", type=name,
        help="feed a variable to the program: str, bytes, a DataFrame as CSV, an open file, a "
        "pathlib.Path, an iterator of lines")  # fmt: skip
    add("--timeout", metavar="TIME", type=duration, help="stop it after 30s, 2m, ...")
    add("--no-check", action="store_true", help="an exit status other than 0 is no error")
    add("--expand", action="store_true", help="put Python values in place of {name} in the cell")
    add("--debug", action="store_true", help="show the Python traceback of an error")

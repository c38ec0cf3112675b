"""`container-magics kernel`: kernels in containers, put into Jupyter's launcher and out of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from container_magics.core.dialects import LANGUAGES
from container_magics.core.kernelnets import NETS
from container_magics.errors import ContainerMagicsError, UsageError

if TYPE_CHECKING:
    from container_magics.jupyter.kernelspecs import Kernelspec

# What it needs is imported when it runs: --help answers at once.


def add_install_flags(command: argparse.ArgumentParser) -> None:
    """The words of `kernel install`."""
    add = command.add_argument
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--image", help="a shell in this image: it needs no Jupyter and no Python")
    which.add_argument(
        "--from-image", metavar="IMAGE", help="each Jupyter kernel that this image has"
    )
    add("--name", default="", help="the kernelspec's name; with --from-image what it begins with")
    add("--display-name", default="", help="what the launcher shows")
    add("--language", choices=LANGUAGES, default="",
        help="with --image: who reads the cells. If not given, the interpreter that the image "
        "runs by itself, else a shell")  # fmt: skip
    add("--launcher", action="store_true",
        help="with --from-image: for front ends without provisioners, as VS Code")  # fmt: skip
    add("--net", choices=NETS, default=NETS[0],
        help="with --from-image: by sockets in a folder, or ports on 127.0.0.1")  # fmt: skip
    add("--mount", metavar="FOLDER", default="",
        help="with --from-image: the folder that the kernel sees, or none")  # fmt: skip
    add("--pass", dest="environment", metavar="NAME", action="append", default=[],
        help="with --from-image: hand in this variable of the server's")  # fmt: skip
    add("--prefix", default="", help="write to PREFIX/share/jupyter, and not for this user alone")
    add("--sys-prefix", action="store_true", help="write to where this Python is")
    add("flags", metavar="FLAG", nargs="*", help="after --: flags of docker run, as --memory 1g")
    command.epilog = (
        "Flags of docker run come last, after --: container-magics kernel install --image IMAGE -- "
        "--memory 1g. They are read as after %%container."
    )


def add_remove_flags(command: argparse.ArgumentParser) -> None:
    """The words of `kernel remove`."""
    command.add_argument("name", metavar="NAME", help="its name, as `kernel list` has it")


def install(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Register kernels; a line for each. UsageError; with --from-image ImageNotFound, too."""
    from container_magics.jupyter import kernelspecs

    prefix = sys.prefix if arguments.sys_prefix else arguments.prefix
    made = _from_image(arguments) if arguments.from_image else [_shell(arguments, say)]
    for each in made:
        folder = kernelspecs.install(each, prefix=prefix)
        say(f"Installed: {each.name} ({each.spec['display_name']}) in {folder}")
    return 0


def _shell(arguments: argparse.Namespace, say: Callable[[str], None]) -> Kernelspec:
    from container_magics.core.kernelflags import parse_kernel
    from container_magics.jupyter import kernelspecs

    if arguments.launcher or arguments.mount or arguments.environment or arguments.net != NETS[0]:
        raise UsageError("--launcher, --net, --mount and --pass go with --from-image alone.")
    flags = tuple(arguments.flags)
    if parse_kernel([*flags, arguments.image]).spec.name:
        raise UsageError(
            "A kernel's container cannot have --name.",
            hint="Leave it out: each notebook has a container of its own.",
        )
    language = arguments.language or _language(arguments.image)
    if language and not arguments.language:
        say(f"The image runs {language}, so the cells are {language}. For a shell: --language sh")
    return kernelspecs.shell(
        arguments.image,
        flags,
        name=arguments.name.lower(),
        display=arguments.display_name,
        language=language,
    )


def _language(image: str) -> str:
    """What the image runs by itself; "" where no engine can be asked."""
    from container_magics.engine.client import connect
    from container_magics.engine.imagekernels import language

    try:
        engine = connect()
    except ContainerMagicsError:
        return ""
    try:
        return language(engine, image)
    finally:
        engine.close()


def _from_image(arguments: argparse.Namespace) -> list[Kernelspec]:
    from container_magics.core.kernelconfig import read_config
    from container_magics.engine.client import connect
    from container_magics.engine.imagekernels import kernels
    from container_magics.jupyter import kernelspecs

    if arguments.language:
        raise UsageError("--language goes with --image alone.")
    config = {"net": arguments.net if arguments.net != NETS[0] else ""}
    config |= {"mount": arguments.mount, "environment": arguments.environment}
    config = {key: value for key, value in config.items() if value}
    if arguments.launcher and "net" in config:
        raise UsageError("--net does not go with --launcher: the front end chooses.")
    flags, image = tuple(arguments.flags), arguments.from_image
    read_config({**config, "image": image, "flags": list(flags)}).spec(("sh",))
    engine = connect()
    try:
        found = kernels(engine, image)
    finally:
        engine.close()
    if arguments.display_name and len(found) > 1:
        raise UsageError("The image has several kernels.", hint="Leave --display-name out.")
    return [
        kernelspecs.from_image(
            kernel,
            image,
            flags,
            prefix=arguments.name.lower(),
            display=arguments.display_name,
            config=config,
            launcher=arguments.launcher,
        )
        for kernel in found
    ]


def listed(_arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """A line for each kernel of ours: name, kind, image, what the launcher shows."""
    from container_magics.jupyter import kernelspecs

    rows = [(k.name, k.kind, k.image or "-", k.display_name) for k in kernelspecs.installed()]
    if not rows:
        say("There is none. Make one: container-magics kernel install --image IMAGE")
        return 0
    table = [("NAME", "KIND", "IMAGE", "DISPLAY NAME"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        say("  ".join([*cells, row[3]]))
    return 0


def remove(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Remove one kernel of ours. UsageError, NotFound."""
    from container_magics.jupyter import kernelspecs

    say(f"Removed: {kernelspecs.remove(arguments.name)}")
    return 0

"""The usual cause of a failed instruction: from exit codes and what is there, not from messages."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from container_magics.core.buildspec import BuildSpec
from container_magics.core.contextpaths import sources, stages_used, taken
from container_magics.core.dockerfile import Instruction
from container_magics.core.units import size

# By the shell's own rule (POSIX, "Exit Status for Commands") and 128 + signal.
USUAL_CAUSE = {
    126: "Exit code 126: the file is there but may not be run. Is it executable (chmod +x), and "
    "made for this processor?",
    127: "Exit code 127: no such command in the image. Install it in a RUN before, or change FROM. "
    "Of a script it may be the program in its #! line.",
    137: "Exit code 137: the program was killed, most often because memory ran out.",
}
# Program, exit code -> cause: curl(1) and wget(1), "Exit codes"; apt-get(8), "Diagnostics"; git
# dies with 128 (usage.c, die_builtin). The others have 1 for everything, apk how many errors.
LOOK = " Does the engine's machine reach it?"
NO_ADDRESS = "{} ends with {} when it finds no address for a host's name." + LOOK
NO_ANSWER = "{} ends with {} when a host does not answer." + LOOK
ANY_ERROR = (
    "If {} ended with {}, its own words say why: where they name a host or a connection, it "
    "reached no server."
)
NETWORK = {
    ("curl", 6): NO_ADDRESS,
    ("curl", 7): NO_ANSWER,
    ("curl", 28): NO_ANSWER,
    ("wget", 4): "{} ends with {} when the network fails." + LOOK,
    ("apt-get", 100): "{} ends with {} at any error: often it reaches no server, or knows no such "
    "package because `apt-get update` does not stand in the same RUN.",
    ("apt", 100): "{} ends with {} at any error: often it reaches no server, or knows no such "
    "package because `apt update` does not stand in the same RUN.",
    ("git", 128): ANY_ERROR,
}
NETWORK |= dict.fromkeys(product(("dnf", "go", "npm", "pip", "pip3", "yum"), (1,)), ANY_ERROR)
NETWORK |= dict.fromkeys(product(("apk",), range(1, 10)), ANY_ERROR)
ONLINE = {program for program, _ in NETWORK}
# What a program ends with that cannot be started for want of its processor: runc, shells, qemu.
FOREIGN = (1, 126, 255)
FULL_BYTES = 50_000_000
NEAR = 3
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Scene:
    """What was found after a failure. ``paths`` are those of the context, None where it was not
    looked at; ``ignored`` the instruction's sources that the folder has and the context has not;
    ``astray`` of those that are links, or behind one, (the link, where it leads) where the context
    has nothing there.

    ``free_bytes`` is what the engine's disk has left, None for unknown; platforms are written as
    "linux/amd64", "" for unknown, and ``base`` is that of the image in FROM. ``sent_bytes`` of
    the context were on their way, or being copied, when it failed: the engine may have dropped
    them since.
    """

    paths: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()
    astray: tuple[tuple[str, str], ...] = ()
    free_bytes: int | None = None
    engine_platform: str = ""
    base_platform: str = ""
    sent_bytes: int = 0


def hint(instruction: Instruction, status: int | None, spec: BuildSpec, scene: Scene) -> str:
    """What usually helps, "" where nothing can be said. ``status`` None: no program failed."""
    if full := disk_full(without_context(instruction, status, scene)):
        return full
    if instruction.keyword == "FROM":
        return base_missing(instruction, spec, scene)
    if status is not None:
        return program_failed(instruction, status, spec, scene)
    if instruction.keyword in ("COPY", "ADD"):
        return file_missing(instruction, spec, scene)
    return ""


def without_context(instruction: Instruction, status: int | None, scene: Scene) -> Scene:
    """The same, with nothing sent where the context had no part in it: what a program ended with
    has its own cause, and so has a source that is missing."""
    if status is None and not (scene.astray or absent(instruction, scene)):
        return scene
    return replace(scene, sent_bytes=0)


def disk_full(scene: Scene) -> str:
    """Whether the disk has no room, or had none for the context; "" where it has, or nobody
    knows."""
    if scene.free_bytes is None or scene.free_bytes >= FULL_BYTES + scene.sent_bytes:
        return ""
    told = f"The engine's disk is full: it has {size(scene.free_bytes)} left"
    if scene.free_bytes >= FULL_BYTES:
        told += f", and {size(scene.sent_bytes)} of the build context were sent"
    return told + ". Remove images and build cache that nobody needs."


def program_failed(instruction: Instruction, status: int, spec: BuildSpec, scene: Scene) -> str:
    """The cause by the exit code, and by what may have ended with it."""
    base, own = scene.base_platform, scene.engine_platform
    if base and own and base != own and status in FOREIGN:
        return (
            f"The base image is for {base} and the engine runs {own}: its programs may not start. "
            f"Write FROM --platform={own}, or take an image that has both."
        )
    programs = programs_in(instruction.text)
    if spec.network == "none" and any(one in ONLINE for one in programs):
        return "--network none: this step reaches nothing. Leave it out for a RUN that fetches."
    for program in reversed(programs):
        if cause := NETWORK.get((program, status)):
            return cause.format(program, status)
    return USUAL_CAUSE.get(status, "")


def programs_in(text: str) -> list[str]:
    """The programs of ``ONLINE`` that the text names, where a command may begin."""
    words = re.findall(r"(?:^|[\s;&|(\"'/])([a-z][a-z0-9-]*)(?=[\s;&|)\"']|$)", text)
    return [one for one in words if one in ONLINE]


def base_missing(instruction: Instruction, spec: BuildSpec, scene: Scene) -> str:
    """Why FROM found no image."""
    platform = dict(instruction.flags).get("platform", "")
    if platform and scene.base_platform and platform != scene.base_platform:
        return (
            f"The image that is here is for {scene.base_platform}, and no registry gave one for "
            f"{platform}."
        )
    if spec.pull:
        return "No registry gave this image. Leave out --pull to use the one that is here."
    return "This image is not on the engine, and no registry gave it. `%images` lists what is."


def file_missing(instruction: Instruction, spec: BuildSpec, scene: Scene) -> str:
    """Which source of a COPY or ADD the context has not, and what is like it."""
    if others := stages_used(instruction):
        return f"The path is looked for in {others[0]}, from its root on."
    if not spec.has_context:
        return (
            "The build context is empty: give files by --add PATH=VAR, --file FILE "
            "or --context DIR."
        )
    for link, target in scene.astray[:1]:
        return (
            f"{link} is a link to {target}. Links are followed within the build context alone, and "
            "there it leads to nothing. Give the file itself, by --file or --context."
        )
    missing = absent(instruction, scene)
    if not missing:
        return "Paths begin at the top of the build context; .dockerignore may hide a file."
    first = missing[0]
    if first in scene.ignored:
        return f".dockerignore leaves {first} out of the build context."
    return f"The build context has no {first}. {instead(first, scene.paths or ())}"


def absent(instruction: Instruction, scene: Scene) -> list[str]:
    """The sources of a COPY or ADD that the context surely has not."""
    paths = scene.paths
    if paths is None or instruction.keyword == "RUN":
        return []
    return [one for one in sources(instruction) if "$" not in one and not taken([one], paths)]


def instead(missing: str, paths: Sequence[str]) -> str:
    """What may have been meant, else what there is."""
    if found := near(missing, paths):
        return f"Did you mean {' or '.join(found)}?"
    tops = sorted({path.partition("/")[0] for path in paths})
    rest = f" and {len(tops) - SHOWN} more" if len(tops) > SHOWN else ""
    there = f"It has {', '.join(tops[:SHOWN])}{rest}. " if tops else "It has no file at all. "
    return there + "Paths begin at the top of the build context."


def near(missing: str, paths: Sequence[str]) -> list[str]:
    """A few paths like the missing one: the same name in other folders, else similar ones."""
    wanted = missing.strip("/").removeprefix("./")
    name = posixpath.basename(wanted)
    same = [path for path in paths if posixpath.basename(path.rstrip("/")) == name]
    return same[:NEAR] or difflib.get_close_matches(wanted, paths, n=NEAR)

"""Which programs a container has: looked up as files, so that one without a shell can be asked."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from container_magics.core.languages import LANGUAGES
from container_magics.core.script import wanted
from container_magics.core.spec import ContainerSpec
from container_magics.engine.client import Engine
from container_magics.engine.files import stat
from container_magics.errors import ContainerFailed

# What an engine gives a container whose image names no PATH (Docker's own default).
USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NOT_FOUND = 127
"""The exit status that shells give for a program that is not there (POSIX)."""


def explain(engine: Engine, container: str, where: str, spec: ContainerSpec) -> None:
    """Raise ContainerFailed when a program that the spec needs is not in the container; say
    which languages are. ``where`` names the image or container to the reader.

    Nothing is raised when all are there, or when the container is gone.
    """
    facts = engine.request("GET", f"/containers/{container}/json").json()["Config"]
    folders = search_path(facts.get("Env") or ())
    start = spec.working_dir or facts.get("WorkingDir") or "/"
    scripts = {path: content for path, content, _ in spec.files}
    words = spec.entrypoint[:1] + (wanted(spec.command, scripts))
    for program in words:
        if program not in scripts and not has(engine, container, program, folders, start):
            there = languages(engine, container, folders, spec.own_languages)
            raise missing(where, program, tuple(there))


def missing(where: str, program: str, there: tuple[str, ...]) -> ContainerFailed:
    """That a program is not there, and what is."""
    if there:
        what = f"it has {', '.join(there)}"
        hint = f"Choose with --as {there[0]}, or another image."
    else:
        what = "it has no language that is known here"
        hint = "--exec PROGRAM runs a program of the image, without a shell."
    return ContainerFailed(f"{where} has no {program}; {what}.", exit_status=NOT_FOUND, hint=hint)


def languages(
    engine: Engine, container: str, folders: Iterable[str], own: Iterable[tuple[str, str]] = ()
) -> Iterator[str]:
    """The names, as --as has them, of the languages that a container has, in the table's order;
    then those of the reader's ``own`` (name, program)."""
    folders = tuple(folders)
    programs = {name: language.program[0] for name, language in LANGUAGES.items()} | dict(own)
    for name, program in programs.items():
        if has(engine, container, program, folders):
            yield name


def has(
    engine: Engine, container: str, program: str, folders: Iterable[str], start: str = "/"
) -> bool:
    """Whether a program is there: by its path, which ``start`` is put before, or by its name in
    one of the folders. A link whose end is missing is none."""
    if "/" in program:
        places: Iterable[str] = (posixpath.join(start, program),)
    else:
        places = (posixpath.join(folder, program) for folder in folders)
    return any(is_file(engine, container, place) for place in places)


def has_shell(engine: Engine, container: str) -> bool:
    """Whether there is a POSIX shell where they are."""
    return has(engine, container, "sh", ("/bin", "/usr/bin", "/usr/local/bin"))


def is_file(engine: Engine, container: str, path: str) -> bool:
    """Whether ``path`` is a file, or a link that ends at one."""
    found = stat(engine, container, path)
    if found and found.link_target:
        found = stat(engine, container, found.link_target)
    return found is not None and not found.is_folder


def search_path(environment: Iterable[str]) -> tuple[str, ...]:
    """The folders of PATH in entries "NAME=VALUE"; Docker's own where there is none."""
    values = dict(entry.split("=", 1) for entry in environment if "=" in entry)
    folders = values.get("PATH", USUAL_PATH).split(":")
    return tuple(folder for folder in folders if folder.startswith("/"))

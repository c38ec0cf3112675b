"""The hashes of a context's files, so that a later build can say which of them changed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path

from container_magics.core.buildrecord import KeptFile
from container_magics.core.buildspec import BuildSpec
from container_magics.core.contextpaths import taken
from container_magics.engine import contextlinks
from container_magics.engine.context import Context, chosen, file_of, folder_of
from container_magics.errors import UsageError

MOST_FILES = 5000
MOST_HASHED_BYTES = 64 * 1024 * 1024
"""How much is read for one build; beyond it a file is known by its size and time alone."""
ADDED_MODE = 0o644
CHUNK_BYTES = 1024 * 1024


def kept_files(
    spec: BuildSpec, names: Collection[str], known: Mapping[str, KeptFile]
) -> dict[str, KeptFile] | None:
    """The files of the context that any of ``names`` (sources of COPY and ADD) means, by path;
    folders end in "/".

    None where they are too many to be kept, or cannot be read. The hash of a file that looks as
    in ``known`` is not made anew.
    """
    added = {path: content for path, content in spec.added if taken(names, [path])}
    found = {path: KeptFile(ADDED_MODE, of_bytes(content)) for path, content in added.items()}
    try:
        given = ((path, file_of(source)) for path, source in spec.files if taken(names, [path]))
        of_machine = chain(given, of_folder(spec, names))
        paths = list(islice(of_machine, MOST_FILES - len(found) + 1))
        if len(paths) + len(found) > MOST_FILES:
            return None
        return of_paths(paths, known) | found
    except (OSError, UsageError):
        return None


def of_folder(spec: BuildSpec, names: Collection[str]) -> Iterator[tuple[str, Path]]:
    """(path in the context, file) of the folder's files that are meant."""
    folder = folder_of(spec) if names else None
    if folder is None:
        return
    hidden = {name for name, _ in (*spec.added, *spec.files)}
    for path in taken(names, chosen(folder)):
        if path not in hidden:
            yield path, folder / path


def of_paths(paths: list[tuple[str, Path]], known: Mapping[str, KeptFile]) -> dict[str, KeptFile]:
    """The records of these files; each hashed if it is not known and there is room for it."""
    room = MOST_HASHED_BYTES
    found = {}
    for path, file in paths:
        facts = file.lstat()
        seen = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
        mode = stat.S_IMODE(facts.st_mode)
        name = f"{path}/" if stat.S_ISDIR(facts.st_mode) else path
        before = known.get(name)
        if before and before.seen == seen and stat.S_ISREG(facts.st_mode):
            found[name] = KeptFile(mode, before.content, seen)
            continue
        if stat.S_ISREG(facts.st_mode):
            room -= facts.st_size
        content = content_of(file, facts, hashed=room >= 0)
        if content:
            found[name] = KeptFile(mode, content, seen)
    return found


def content_of(file: Path, facts: os.stat_result, *, hashed: bool) -> str:
    """What a builder finds in it; "" for what has no place in a context."""
    if stat.S_ISDIR(facts.st_mode):
        return "folder"
    if stat.S_ISLNK(facts.st_mode):
        return f"link to {file.readlink()}"
    if not stat.S_ISREG(facts.st_mode):
        return ""
    if not hashed:
        return f"size {facts.st_size}, time {facts.st_mtime_ns}"
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def of_bytes(content: bytes) -> str:
    """The hash of what the cell adds."""
    return hashlib.sha256(content).hexdigest()


def listed(spec: BuildSpec) -> tuple[str, ...] | None:
    """The paths of the context, folders too; None where they cannot be read."""
    hidden = {name for name, _ in (*spec.added, *spec.files)}
    try:
        folder = folder_of(spec)
        found = () if folder is None else chosen(folder)
        return tuple(sorted({*found, *hidden}))
    except (OSError, UsageError):
        return None


def in_folder(spec: BuildSpec, names: Collection[str]) -> tuple[str, ...]:
    """Those of the sources that are in the folder, whether .dockerignore leaves them or not."""
    try:
        folder = folder_of(spec)
    except UsageError:
        return ()
    if folder is None:
        return ()
    return tuple(one for one in names if os.path.lexists(folder / one.lstrip("/")))


def astray(spec: BuildSpec, names: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Of the sources that mean nothing because of a link: (the link, where it leads)."""
    try:
        tree = Context(spec).tree
        found = [contextlinks.astray(tree, name) for name in names]
    except UsageError:
        return ()
    return tuple(one for one in found if one)

"""Which of a context's paths an engine means, where a link stands on the way to some of them.

BuildKit asks for the sources that COPY and ADD name, and leaves it to the client to add what links
among them lead to (fsutil, followlinks.go). A link is always taken from the context's top, so
none leads out of it.
"""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterable

from container_magics.core.dockerignore import WILD, Pattern, shortest, well_formed
from container_magics.engine.contextwalk import Tree


def followed(tree: Tree, paths: Iterable[str]) -> tuple[str, ...] | None:
    """The paths, and those that links on their way lead to, as patterns; None for everything."""
    found = dict[str, None]()
    waiting = list(paths)
    while waiting:
        current, rest = "", shortest("/" + waiting.pop()).lstrip("/")
        while rest:
            name, _, rest = rest.partition("/")
            current = posixpath.join(current, name)
            targets = ends(tree, current)
            if (targets or not rest) and current in found:
                break
            if targets or not rest:
                found[current] = None
            if targets:
                waiting += [posixpath.join(target, rest) for target in targets]
                break
        if not current:
            return None
    return tuple(found)


def ends(tree: Tree, path: str) -> list[str]:
    """Where the links lead that a path, perhaps with wildcards in its last name, means."""
    folder, name = posixpath.split(path)
    names = [name] if WILD.isdisjoint(name) else matching(tree, folder, name)
    entries = [tree.at(posixpath.join(folder, one)) for one in names]
    return [
        posixpath.join("/", folder, one.link) for one in entries if one and stat.S_ISLNK(one.mode)
    ]


def matching(tree: Tree, folder: str, name: str) -> list[str]:
    """The names in the folder that the pattern means."""
    if not well_formed(name):
        return []  # the engine says what is wrong with it
    pattern = Pattern(name)
    return [one for one in tree.names_in(folder) if pattern.matches(one)]


Link = tuple[str, str]
"""A link's path in the context, and where it leads, as written."""


def astray(tree: Tree, path: str) -> Link | None:
    """The link that makes a path mean nothing in the context; None where the path means something,
    or no link is on its way."""
    links, there = followed_to(tree, path)
    if there or not links:
        return None
    alone = (one for one in links if not followed_to(tree, end_of(one))[1])
    return next(alone, links[-1])


def followed_to(tree: Tree, path: str) -> tuple[list[Link], bool]:
    """(the links on the way, in order; whether there is something at its end)."""
    links = list[Link]()
    current, rest = "", shortest("/" + path).lstrip("/")
    while rest:
        name, _, rest = rest.partition("/")
        current = posixpath.join(current, name)
        entry = tree.at(current)
        if entry is None:
            return links, False
        if stat.S_ISLNK(entry.mode):
            link = current, entry.link
            if link in links:  # round and round
                return links, False
            links.append(link)
            current, rest = "", shortest(posixpath.join(end_of(link), rest)).lstrip("/")
    return links, True


def end_of(link: Link) -> str:
    """Where a link leads, from the context's top on."""
    path, target = link
    return posixpath.join("/", posixpath.dirname(path), target)


def upwards(tree: Tree) -> Link | None:
    """The first link that leads out of the context by its ``..``; None where none does."""
    for one in tree.walk():
        if stat.S_ISLNK(one.mode):
            around = posixpath.dirname(one.path)
            if posixpath.normpath(posixpath.join(around, one.link.lstrip("/"))).startswith(".."):
                return one.path, one.link
    return None

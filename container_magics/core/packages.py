"""Installed packages by layer: which layer added, upgraded or removed which.

Databases: dpkg's `status` (deb-control(5)) and `status.d` of images without dpkg, apk's
`installed` (apk-tools, "Apk installed database"), and pip's METADATA (Python packaging, "Core
metadata" and "Recording installed projects"), and rpm's (rpmdb.py). rpm's old databases of Berkeley
DB are named by ``unread``, not read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, NamedTuple

from container_magics.core.layers import Contents, Entry, Wanted, shown
from container_magics.core.layertree import LayerTree
from container_magics.core.rpmdb import versions
from container_magics.errors import BadArchive

DATABASE_BYTES = 64 << 20
"""A larger database is read so far."""


class Package(NamedTuple):
    """A package of a database: ``manager`` is "dpkg", "apk", "pip" or "rpm". Its version is as
    written, rpm's as rpmdb.versions() tells it; ``name`` has dpkg's architecture where several are
    there at once ("libc6:i386")."""

    manager: str
    name: str
    version: str


class PackageChange(NamedTuple):
    """What the layer of this index did to a package; ``before`` is "" where it was not there,
    ``version`` is "" where it is no longer."""

    layer: int
    manager: str
    name: str
    act: Literal["added", "changed", "removed"]
    before: str
    version: str


_RPM = rb"(?:var/lib/rpm|usr/(?:lib/sysimage|share)/rpm)"
_DATABASES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("dpkg", re.compile(rb"var/lib/dpkg/status(?:\.d/(?![^/]*\.md5sums$)[^/]+)?")),
    ("apk", re.compile(rb"(?:usr/)?lib/apk/db/installed")),
    ("pip", re.compile(rb".*\.dist-info/METADATA|.*\.egg-info(?:/PKG-INFO)?", re.DOTALL)),
    ("rpm", re.compile(_RPM + rb"/(?:Packages\.db|rpmdb\.sqlite)")),
)
_LIKELY = re.compile(
    rb"(?:-info(?:/METADATA|/PKG-INFO)?|/installed|dpkg/status(?:\.d/.*)?)$", re.DOTALL
)
_BERKELEY = re.compile(_RPM + rb"/Packages")


def package_changes(tree: LayerTree, contents: Contents) -> tuple[PackageChange, ...]:
    """What each layer did, oldest layer first, then by manager and name.

    Raises what ``contents`` raises, and BadArchive for a database of rpm that is damaged.
    """
    wanted = {(index, entry.path): manager for index, entry, manager in _databases(tree)}
    read: dict[Wanted, dict[str, Package]] = {}
    for (index, path), body in contents.read(wanted, DATABASE_BYTES):
        read[index, path] = _read(wanted[index, path], body, index, path)
    gone: dict[int, list[bytes]] = defaultdict(list)
    for hidden in tree.hidden:
        if (hidden.owner, hidden.entry.path) in wanted:
            gone[hidden.hider].append(hidden.entry.path)
    changes: list[PackageChange] = []
    held: dict[bytes, dict[str, Package]] = {}  # database: what is installed, by name
    for index in range(len(tree.layers)):
        before = _flat(held)
        for path in gone[index]:
            held.pop(path, None)
        held.update({path: found for (layer, path), found in read.items() if layer == index})
        changes += _changes(index, before, _flat(held))
    return tuple(changes)


def unread(tree: LayerTree) -> tuple[bytes, ...]:
    """Databases that are there and are not read (rpm's of Berkeley DB), by path."""
    paths = {
        entry.path
        for layer in tree.layers
        for entry in layer.entries
        if entry.kind == "file" and b"rpm/" in entry.path and _BERKELEY.fullmatch(entry.path)
    }
    return tuple(sorted(paths))


def packages_of(manager: str, body: bytes) -> dict[str, Package]:
    """The packages of one database file that are installed, by name. Raises BadArchive (rpm's)."""
    if manager == "rpm":
        return {name: Package("rpm", name, all_of) for name, all_of in versions(body).items()}
    text = body.decode("utf-8", "replace")
    return {one.name: one for one in _READERS[manager](text)}


def _read(manager: str, body: bytes, index: int, path: bytes) -> dict[str, Package]:
    try:
        return packages_of(manager, body)
    except BadArchive as error:
        where = f"/{shown(path)} of layer {index + 1}"
        raise BadArchive(
            str(error),
            hint=f"Of a database, the first {DATABASE_BYTES >> 20} MiB are read.",
            facts=(where,),
        ) from error


def _databases(tree: LayerTree) -> Iterator[tuple[int, Entry, str]]:
    for index, layer in enumerate(tree.layers):
        for entry in layer.entries:
            path = entry.path
            if entry.kind not in ("file", "hardlink") or not (
                b"-info" in path or b"/d" in path or b"apk/" in path or b"rpm/" in path
            ):
                continue
            for manager, pattern in _DATABASES:
                if pattern.fullmatch(path):
                    yield index, entry, manager


def _flat(held: dict[bytes, dict[str, Package]]) -> dict[tuple[str, str], str]:
    return {
        (one.manager, one.name): one.version for path in sorted(held) for one in held[path].values()
    }


def _changes(
    index: int, before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]
) -> Iterator[PackageChange]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, ""), after.get(key, "")
        if old != new:
            act: Literal["added", "changed", "removed"] = "changed"
            if not old or not new:
                act = "removed" if old else "added"
            yield PackageChange(index, *key, act, old, new)


def _dpkg(text: str) -> Iterator[Package]:
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza, r"Package|Version|Status|Architecture|Multi-Arch")
        name, version = fields.get("Package"), fields.get("Version")
        # status.d has no Status: what lies there is installed.
        state = fields.get("Status", "install ok installed").split()
        if name and version and state[-1:] == ["installed"]:
            if fields.get("Multi-Arch") == "same":
                name = f"{name}:{fields.get('Architecture', '')}"
            yield Package("dpkg", name, version)


def _apk(text: str) -> Iterator[Package]:
    for stanza in text.split("\n\n"):
        fields = dict(
            line.split(":", 1) for line in stanza.splitlines() if line[:2] in ("P:", "V:")
        )
        if "P" in fields and "V" in fields:
            yield Package("apk", fields["P"], fields["V"])


def _pip(text: str) -> Iterator[Package]:
    fields = _fields(re.split(r"\r?\n\r?\n", text, maxsplit=1)[0], r"Name|Version")
    if "Name" in fields and "Version" in fields:
        yield Package("pip", re.sub(r"[-_.]+", "-", fields["Name"]).lower(), fields["Version"])


def _fields(stanza: str, names: str) -> dict[str, str]:
    return dict(re.findall(rf"^({names}):[ \t]*(.*?)[ \t\r]*$", stanza, re.MULTILINE))


_READERS = {"dpkg": _dpkg, "apk": _apk, "pip": _pip}

"""Lists and facts of containers and images as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from container_magics.core.facts import (
    Change,
    ContainerFacts,
    HistoryLine,
    ImageFacts,
    Process,
)
from container_magics.core.history import as_written
from container_magics.core.units import count, size
from container_magics.view.model import Column, Group, Note, Table, View
from container_magics.view.present.run import reachable

SHORT_ID = 12
MOST_CHANGES = 200
MOST_SAVED = 40
"""Rows of a live list; with more, its output would be over 50 KB."""


def containers(found: Sequence[ContainerFacts], *, stable: bool) -> View:
    """Name, image, state and ports; in stable mode no running times and no chosen ports."""
    rows = tuple(
        (
            facts.name,
            facts.image,
            facts.state if stable else facts.status,
            ", ".join(
                f"{port} → {reachable(address, stable=stable)}" for port, address in facts.ports
            ),
            "✓" if facts.mine else "",
        )
        for facts in found
    )
    names = ("name", "image", "state", "ports", "made here")
    return Table(tuple(Column(name) for name in names), rows, empty="no containers")


def still(found: Sequence[ContainerFacts], *, stable: bool) -> View:
    """A live list as it is saved with its notebook: the first of many, and how many more."""
    shown, more = containers(found[:MOST_SAVED], stable=stable), len(found) - MOST_SAVED
    return Group((shown, Note(f"… and {count(more)} more"))) if more > 0 else shown


def images(found: Sequence[ImageFacts], *, stable: bool, digests: bool = False) -> View:
    """A row a tag: name, ID, size, and with ``digests`` those of its repository; in stable mode
    none of these but the name, for the packages of the base image's day decide them."""
    rows = tuple(
        (
            tag,
            "ID" if stable else short(facts.image_id),
            "SIZE" if stable else size(facts.size_bytes),
            *([digests_of(facts, tag, stable=stable)] if digests else ()),
        )
        for facts in found
        for tag in facts.tags or ("(no name)",)
    )
    columns = (Column("name"), Column("ID"), Column("size", "right"))
    return Table((*columns, *([Column("digest")] if digests else ())), rows, empty="no images")


def digests_of(facts: ImageFacts, tag: str, *, stable: bool) -> str:
    """By which digests a registry has it: those of the tag's repository, or for an image without
    a tag all that there are, with their names."""
    if not facts.tags:
        return ", ".join(digest(each, stable=stable) for each in facts.digests)
    repository = tag.rpartition(":")[0]
    found = (each.partition("@") for each in facts.digests)
    mine = [one for name, _, one in found if name == repository]
    return ", ".join("DIGEST" if stable else one for one in mine)


def short(image_id: str) -> str:
    """The first twelve figures of an ID, without the name of the hash."""
    return image_id.partition(":")[2][:SHORT_ID] or image_id[:SHORT_ID]


def history(
    lines: Sequence[HistoryLine], *, base: Sequence[HistoryLine] = (), stable: bool = False
) -> View:
    """One row an instruction, oldest first. ``base`` are the lines of the base image: one alone
    is called so, and in stable mode they are one row without its size."""
    rows = tuple((as_written(line.instruction), size(line.size_bytes)) for line in lines)
    if base and (stable or len(base) == 1):
        total = size(sum(line.size_bytes for line in base))
        rows = (("the base image", "SIZE" if stable else total), *rows[len(base) :])
    return Table((Column("instruction, oldest first"), Column("adds", "right")), rows)


def changes(found: Sequence[Change], name: str) -> View:
    """The writable layer, in the order that is given; a long one is cut, and so said."""
    rows = tuple((change.kind, change.path) for change in found[:MOST_CHANGES])
    table = Table(
        (Column("what"), Column("path")),
        rows,
        caption=f"The writable layer of {name}",
        empty="nothing was written: the writable layer is empty",
    )
    rest = len(found) - len(rows)
    if not rest:
        return table
    return Group((table, Note(f"{count(rest, 'more path')} not shown.")))


def processes(found: Sequence[Process], name: str, *, stable: bool) -> View:
    """The processes of a container; in stable mode no process numbers."""
    rows = tuple(
        ("PID" if stable else process.host_pid, process.user, process.command) for process in found
    )
    return Table(
        (Column("number on the host", "right"), Column("user"), Column("command")),
        rows,
        caption=f"Processes of {name}",
    )


def ports(found: Sequence[tuple[str, str]], *, stable: bool) -> View:
    """Where published ports can be reached."""
    rows = tuple((port, reachable(address, stable=stable)) for port, address in found)
    return Table((Column("container port"), Column("reachable at")), rows, empty="no ports")


def container(facts: Mapping[str, Any], *, stable: bool) -> View:
    """What matters most of an inspected container (API, "Inspect a container")."""
    config, host, state = facts["Config"], facts["HostConfig"], facts["State"]
    memory = host.get("Memory") or 0
    processes_limit = host.get("PidsLimit") or 0  # -1, 0 and null all say: none
    rows = [
        ("name", facts["Name"].lstrip("/")),
        ("ID", "ID" if stable else facts["Id"][:SHORT_ID]),
        ("image", config["Image"]),
        ("state", state["Status"]),
        ("exit status", str(state["ExitCode"]) if state["Status"] == "exited" else ""),
        ("command", " ".join([*(config["Entrypoint"] or ()), *(config["Cmd"] or ())]).strip()),
        ("user", config["User"] or "root"),
        ("host name", config["Hostname"] if not stable or named(facts) else "HOSTNAME"),
        ("networks", ", ".join(sorted(facts["NetworkSettings"]["Networks"]))),
        ("memory limit", size(memory) if memory else "none"),
        ("process limit", str(processes_limit) if processes_limit > 0 else "none"),
        ("capabilities dropped", capabilities(host.get("CapDrop"))),
        ("capabilities added", capabilities(host.get("CapAdd"))),
    ]
    return facts_table(rows)


def capabilities(names: Sequence[str] | None) -> str:
    """Sorted and without CAP_: engines write and order them in more than one way."""
    return ", ".join(sorted(name.removeprefix("CAP_") for name in names or ()))


def named(facts: Mapping[str, Any]) -> bool:
    """Whether the host name was chosen; else the engine takes the ID's first figures."""
    return not facts["Id"].startswith(facts["Config"]["Hostname"])


def image(facts: Mapping[str, Any], *, stable: bool, base_layers: int = 0) -> View:
    """What matters most of an inspected image (API, "Inspect an image"). In stable mode its
    ``base_layers`` are not counted: how the base image was made decides their number."""
    config = facts.get("Config") or {}
    layers = len((facts.get("RootFS") or {}).get("Layers") or ())
    counted = f"{layers - base_layers} above the base image" if stable and base_layers else layers
    rows = [
        ("ID", "ID" if stable else facts["Id"]),
        ("tags", ", ".join(facts["RepoTags"] or ())),
        *(("digest", one) for one in sorted(digest_lines(facts, stable=stable))),
        ("size", "SIZE" if stable else size(facts["Size"])),
        ("layers", str(counted)),
        ("platform", f"{facts['Os']}/{'ARCHITECTURE' if stable else facts['Architecture']}"),
        ("entrypoint", " ".join(config.get("Entrypoint") or ())),
        ("command", " ".join(config.get("Cmd") or ())),
        ("user", config.get("User") or "root"),
        ("environment", ", ".join(config.get("Env") or ())),
    ]
    return facts_table(rows)


def digest_lines(facts: Mapping[str, Any], *, stable: bool) -> set[str]:
    """By which digests registries have an image. The repository is left out where it is that of
    all tags, so that the digest is whole in a line of text."""
    tagged = {tag.rpartition(":")[0] for tag in facts["RepoTags"] or ()}
    named = [digest(each, stable=stable) for each in facts["RepoDigests"] or ()]
    if {each.partition("@")[0] for each in named} == tagged and len(tagged) == 1:
        return {each.partition("@")[2] for each in named}
    return set(named)


def digest(text: str, *, stable: bool) -> str:
    """ "name@sha256:..."; in stable mode without the hash, which a rebuild changes."""
    return text.partition("@")[0] + "@DIGEST" if stable else text


def facts_table(rows: Sequence[tuple[str, str]]) -> View:
    """Two columns; facts that are empty are left out."""
    return Table((Column("fact"), Column("value")), tuple(row for row in rows if row[1]))

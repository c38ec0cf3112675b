"""What an engine is, where it was found, and what the doctor says."""

from __future__ import annotations

from collections.abc import Sequence

from container_magics.core.capabilities import FEATURES, Capabilities
from container_magics.core.machine import Check, EngineFacts
from container_magics.core.units import count, size
from container_magics.view.model import Column, Group, Note, Table, View


def engine(facts: EngineFacts, *, stable: bool = False) -> View:
    """The engine that answers, a row a fact, and the places that were tried before it.

    ``stable`` leaves out what differs from machine to machine: versions, addresses, sizes.
    """
    if stable:
        return Note("A container engine answers.", level="ok")
    rows = (
        ("engine", f"{facts.name} {facts.version}"),
        ("API version", facts.api_version),
        ("found by", facts.found_by),
        ("address", facts.url),
        ("storage", facts.storage),
        ("runs as", "an ordinary user (rootless)" if facts.rootless else "root"),
        ("host", f"{facts.operating_system}, {facts.architecture}"),
        ("kernel", f"{facts.kernel}, cgroup version {facts.cgroup_version}"),
        ("resources", f"{count(facts.cpus, 'CPU')}, {size(facts.memory_bytes)} of memory"),
    )
    table = Table((Column("fact"), Column("value")), rows, caption="The engine in use")
    if len(facts.tried) < 2:
        return table
    lines = tuple(attempt.line() for attempt in facts.tried)
    return Group((table, Note("Looked for an engine in this order:", facts=lines)))


def capabilities(found: Capabilities, *, stable: bool = False) -> View:
    """A row for each feature; ``stable`` leaves out by what it is done, for versions are in it."""
    rows = tuple(
        (
            each.feature,
            FEATURES[each.feature],
            "yes" if each.can else "no",
            "" if stable and each.can else each.words,
        )
        for each in found
    )
    columns = (Column("feature"), Column("what it is"), Column("here"), Column("by, or why not"))
    return Table(columns, rows, caption="What this place can do")


def doctor(checks: Sequence[Check]) -> View:
    """A row for each check, then one sentence, and a line to mend each thing that is wrong."""
    columns = (Column(""), Column("looked at"), Column("found"))
    rows = tuple(("ok" if check.ok else "wrong", check.name, check.found) for check in checks)
    details = tuple(line for check in checks for line in check.details)
    tried = (Note("Looked for an engine in this order:", facts=details),) if details else ()
    return Group((Table(columns, rows, caption="Doctor"), *tried, _sum(checks)))


def _sum(checks: Sequence[Check]) -> Note:
    wrong = [check for check in checks if not check.ok]
    if not wrong:
        return Note("Everything that was looked at is as it should be.", level="ok")
    lines = tuple(f"{check.name}: {check.what_to_do}" for check in wrong)
    return Note(f"{count(len(wrong), 'thing')} to mend.", level="error", facts=lines)

"""The gateway: one ordinary container beside the swarm's manager, the only door to the class.

It is no service, for a service's port is published on every address of a node (the Engine API has
no field for another), and for a service that is put on one more network is made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files
from typing import Any

from container_magics.classroom.folder import SSH_PORT, ClassFolder
from container_magics.core.classplan import gate_name, labels
from container_magics.core.spec import ContainerSpec, Limits, Port
from container_magics.engine import files as inside
from container_magics.engine import policyfile
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.keys import public_key
from container_magics.engine.reach import ANYWHERE, LOOPBACK, engine_host, is_here
from container_magics.errors import EngineRefused, NameTaken, NotFound, SshFailed, UsageError
from container_magics.practice.boxspec import HARDENING

OWN = "/etc/class"
LIMITS = Limits(memory_bytes=1024**3, pids=4096)
ADDRESS_S = 120.0
GATE_HARDENING = replace(
    # KILL: a login's process is the student's, and is ended by root when the class is over
    HARDENING,
    add_capabilities=(*HARDENING.add_capabilities, "KILL"),
)


@dataclass(frozen=True, slots=True)
class Door:
    """Where the gateway listens (``address``, ``port`` None for one that is free), and as what
    students reach that (``host`` "" for the same, ``outer_port`` None for the same)."""

    address: str = LOOPBACK
    port: int | None = None
    host: str = ""
    outer_port: int | None = None


USUAL_DOOR = Door()


def door(publish: str, reached: str) -> Door:
    """Read "ADDRESS[:PORT]" twice; UsageError. ``reached`` "" for the same as ``publish``."""
    address, port = split(publish or LOOPBACK)
    host, outer = split(reached) if reached else ("", None)
    return Door(address, port, host, outer)


def split(text: str) -> tuple[str, int | None]:
    """("ADDRESS", PORT or None) of "ADDRESS[:PORT]"; UsageError."""
    host, colon, port = text.partition(":")
    if not host or (colon and not (port.isdigit() and 0 < int(port) < 65536)):
        raise UsageError(f"{text!r} is not ADDRESS or ADDRESS:PORT.", hint="Such as 0.0.0.0:2222.")
    return host, int(port) if colon else None


def part(name: str) -> str:
    """A file of this package, as text."""
    return (files("container_magics.classroom") / name).read_text(encoding="utf-8")


def found(engine: Engine, room: str, identity: str) -> dict[str, Any] | None:
    """The gateway, running or not; None for none. NameTaken when another has its name."""
    # while it comes to its networks the engine says nothing of it
    facts = verbs.named(engine, gate_name(room), ADDRESS_S)
    wanted = labels(room, identity)
    if facts and not wanted.items() <= (facts["Config"]["Labels"] or {}).items():
        raise NameTaken(f"A container {gate_name(room)} is there already, and not of this class.")
    return facts


def ensure(engine: Engine, folder: ClassFolder, image: str, asked: Door, ends_s: float) -> str:
    """The gateway's container, running; made anew where it does not fit. Returns its ID.

    Also where it does not run: the engine would start it with all of its networks in one call,
    and wait for each; a new one comes to them by one call each, which are tried again."""
    facts = found(engine, folder.name, folder.identity)
    if facts and not (facts["State"]["Running"] and fits(facts, image, asked)):
        remove(engine, facts["Id"])
        facts = None
    if facts is None:
        facts = _made(engine, folder, image, asked, ends_s)
        if not fits(facts, image, asked):
            # the engine has chosen a port, and would choose another at its next start: now it is
            # asked for, since it stands in what the students have
            folder.listen_at(published_at(facts)[1])
            remove(engine, facts["Id"])
            facts = _made(engine, folder, image, asked, ends_s)
    end_at(engine, facts["Id"], ends_s)
    folder.listen_at(published_at(verbs.inspect(engine, facts["Id"]))[1])
    return str(facts["Id"])


def fits(facts: Mapping[str, Any], image: str, asked: Door) -> bool:
    """Whether a gateway is as it is asked for, and always at the same port."""
    bindings = facts["HostConfig"]["PortBindings"].get(f"{SSH_PORT}/tcp") or [{}]
    there = bindings[0].get("HostIp") or "0.0.0.0", bindings[0].get("HostPort")  # noqa: S104
    chosen = there[1] in (None, "", "0")
    port = str(asked.port) if asked.port else there[1]
    program = facts["Config"]["Cmd"][-1] == part("start-gate")
    where = not chosen and there == (asked.address, port)
    return facts["Config"]["Image"] == image and program and where


def _made(
    engine: Engine, folder: ClassFolder, image: str, asked: Door, ends_s: float
) -> dict[str, Any]:
    # the last life's port: it stands in what the students have
    port = Port(SSH_PORT, host_port=asked.port or folder.port, address=asked.address)
    spec = ContainerSpec(
        image=image,
        command=("/bin/sh", "-c", part("start-gate")),
        name=gate_name(folder.name),
        hostname="gate",
        ports=(port,),
        limits=policyfile.capped(LIMITS),
        hardening=GATE_HARDENING,
        init=True,
        restart="always",
        files=(
            (f"{OWN}/sshd_config", part("sshd_config").encode(), 0o644),
            (f"{OWN}/host_key", folder.gate_key.read_bytes(), 0o600),
            (f"{OWN}/host_key.pub", public_key(folder.gate_key), 0o644),
            (f"{OWN}/authorized_keys", b"", 0o644),
            (f"{OWN}/end", f"{int(ends_s)}\n".encode(), 0o644),
        ),
    )
    marks = labels(folder.name, folder.identity)
    made = verbs.create(engine, spec, marks, auto_remove=False, logs=True)
    try:
        path = f"/containers/{made.container_id}/start"
        engine.request("POST", path, timeout_s=ADDRESS_S)
    except BaseException:
        remove(engine, made.container_id)
        raise
    return verbs.inspect(engine, made.container_id)


def remove(engine: Engine, container: str) -> None:
    """Remove a gateway: the engine takes it off its networks one after the other before that."""
    verbs.remove(engine, container, ADDRESS_S)


def made_s(facts: Mapping[str, Any]) -> float:
    """When the gateway was made, in seconds since 1970: the end of that second."""
    # "2026-11-27T18:00:00.123456789Z": a fraction of nine digits is none of Python's
    return datetime.fromisoformat(facts["Created"][:19] + "+00:00").timestamp() + 1


def networks_of(facts: Mapping[str, Any]) -> set[str]:
    """The names of the networks that the gateway is on."""
    return set(facts["NetworkSettings"]["Networks"])


def join(engine: Engine, container: str, network_id: str, name: str) -> None:
    """Put the gateway on a student's network; nothing happens when it is there."""
    try:
        engine.request(
            "POST",
            f"/networks/{network_id}/connect",
            json={"Container": container},
            timeout_s=ADDRESS_S,
        )
    except EngineRefused:
        if name not in networks_of(verbs.inspect(engine, container)):
            raise


def leave(engine: Engine, container: str, network: str) -> None:
    """Take it off one; nothing happens when it is not there."""
    with suppress(NotFound, EngineRefused):
        engine.request(
            "POST",
            f"/networks/{network}/disconnect",
            json={"Container": container, "Force": True},
            timeout_s=ADDRESS_S,
        )


def allow(engine: Engine, container: str, authorized_keys: bytes) -> None:
    """Say whose keys open the door, and to where; from the next login on."""
    inside.put_files(engine, container, [(f"{OWN}/authorized_keys", authorized_keys, 0o644)])


def end_at(engine: Engine, container: str, ends_s: float) -> None:
    """Say when the door closes; one that was closed opens again. What is there already is not
    written anew, for the gateway reads it every second."""
    path, content = f"{OWN}/end", f"{int(ends_s)}\n".encode()
    if inside.read_file(engine, container, path) != content:
        inside.put_files(engine, container, [(path, content, 0o644)])


def published_at(facts: Mapping[str, Any]) -> tuple[str, int]:
    """The address and the port of the engine's machine; SshFailed when it does not listen."""
    places = (facts["NetworkSettings"]["Ports"] or {}).get(f"{SSH_PORT}/tcp")
    if not places:
        raise SshFailed("The gateway of the class does not run.", hint="Run start again.")
    return places[0]["HostIp"], int(places[0]["HostPort"])


def reached_at(engine: Engine, facts: Mapping[str, Any], asked: Door) -> tuple[str, int]:
    """The address and the port by which students, and this machine, come to the gateway.

    UsageError when only the teacher can know that.
    """
    host, port = published_at(facts)
    port = asked.outer_port or port
    if asked.host:
        return asked.host, port
    if host.startswith("127.") and not is_here(engine):
        raise UsageError(
            "The gateway listens on the engine's own 127.0.0.1, which is not reached from here.",
            hint='Publish it: publish="ADDRESS:PORT", an address of that machine.',
        )
    if host in ANYWHERE and is_here(engine):
        raise UsageError(
            "The gateway listens on every address of this machine.",
            hint='Say by which one your students reach it: door="NAME:PORT".',
        )
    return (engine_host(engine) if host in ANYWHERE else host), port

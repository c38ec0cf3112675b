"""A class as it was asked for, and what of it a swarm is told: names, labels, services.

The bodies are those of the Engine API ("Create a service", "Create a secret"), version 1.41.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from container_magics.core.roster import Student
from container_magics.core.spec import Limits

OURS = "container-magics."
CLASS, CLASS_ID = OURS + "class", OURS + "classid"
STUDENT, KEY, SPEC, HOME = OURS + "student", OURS + "studentkey", OURS + "spec", OURS + "home"
PURPOSE = OURS + "purpose"
USER_HOME = "/home/student"
NANO, MILLION = 10**9, 10**6
CAPABILITIES = ("SETUID", "SETGID", "SYS_CHROOT", "CHOWN", "AUDIT_WRITE")
NODE_ID, NOT_NODE_ID = "node.id==", "node.id!="
USUAL_LIMITS = Limits(memory_bytes=256 * 1024**2, nano_cpus=NANO // 2, pids=128)
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class ClassSettings:
    """``image`` "" is the practice box's own. ``ttl_s``: so long after the first start the door
    closes. ``idle_s``: a box ends when nobody was logged in for so long, 0 for never. ``files``:
    each student's home is a volume, which stays when the box is made anew; it lies on one node,
    and so the box stays there. Without, homes go with the boxes, and a box may move.
    """

    image: str = ""
    limits: Limits = USUAL_LIMITS
    ttl_s: float = 8 * HOUR_S
    idle_s: float = 2 * HOUR_S
    files: bool = True


@dataclass(frozen=True, slots=True)
class BoxKeys:
    """Of one student's box: the private host key, and the public keys that may log in."""

    host: bytes
    authorized: bytes


@dataclass(frozen=True, slots=True)
class Placed:
    """The names of the swarm's secret, config and node that a box's service uses; ``node_id`` ""
    leaves the place to the swarm."""

    secret: tuple[str, str]
    config: tuple[str, str]
    node_id: str


def object_name(room: str, key: str) -> str:
    """The name of a student's service, network and volume. Neither part can have a "_"."""
    return f"{room}_{key}"


def claim_name(room: str) -> str:
    """The name of the config that says whose class it is; no student's can be so called."""
    return f"{room}_class"


def gate_name(room: str) -> str:
    """The name of the gateway's container."""
    return f"{room}_gate"


def prefetch_name(room: str) -> str:
    """The name of the service that has nodes pull; no student's can be so called."""
    return f"{room}__prefetch"


def versioned(name: str, content: bytes) -> str:
    """The name of a secret or config, which cannot be changed: another content, another name."""
    return f"{name}-{hashlib.sha256(content).hexdigest()[:10]}"


def labels(room: str, identity: str, student: Student | None = None) -> dict[str, str]:
    """What is written on all that belongs to a class."""
    found = {PURPOSE: "class", CLASS: room, CLASS_ID: identity}
    if student:
        found |= {STUDENT: student.name, KEY: student.key}
    return found


def stored(name: str, content: bytes, marks: Mapping[str, str]) -> dict[str, Any]:
    """The body of a secret or a config."""
    return {"Name": name, "Labels": dict(marks), "Data": base64.b64encode(content).decode()}


def network(name: str, marks: Mapping[str, str]) -> dict[str, Any]:
    """The body of a student's network: it reaches every node, and nothing outside of it."""
    return {
        "Name": name,
        "Driver": "overlay",
        "Attachable": True,  # for the gateway, which is no service
        "Internal": True,
        "CheckDuplicate": True,
        "Labels": dict(marks),
    }


def service(
    room: str,
    identity: str,
    student: Student,
    settings: ClassSettings,
    placed: Placed,
    script: str,
) -> dict[str, Any]:
    """The body of a student's service: one box, hardened and limited."""
    name, marks = object_name(room, student.key), labels(room, identity, student)
    container = {
        "Image": settings.image,
        "Hostname": student.key,
        "Command": ["/bin/sh", "-c", script],
        "Env": [f"BOX_IDLE_S={int(settings.idle_s)}"],
        "Init": True,
        "StopGracePeriod": 3 * NANO,  # its first process ends at once when it is told to
        "Labels": marks,
        # else the engine would ask the node's own name servers for whatever name a box says
        "DNSConfig": {"Nameservers": ["127.0.0.1"], "Options": ["timeout:1", "attempts:1"]},
        "CapabilityDrop": ["ALL"],
        "CapabilityAdd": [f"CAP_{each}" for each in CAPABILITIES],
        "Secrets": [_file(placed.secret, "/etc/ssh/ssh_host_ed25519_key", 0o600, "Secret")],
        "Configs": [_file(placed.config, "/etc/ssh/authorized_keys/student", 0o644, "Config")],
        "Mounts": [_home(name, marks)] if settings.files else [],
    }
    task = {
        "ContainerSpec": container,
        "Resources": {"Limits": _limits(settings.limits)},
        "RestartPolicy": {"Condition": "on-failure", "Delay": NANO},
        "Placement": {"Constraints": [NODE_ID + placed.node_id] if placed.node_id else []},
        "Networks": [{"Target": name}],
    }
    body = {
        "Name": name,
        "TaskTemplate": task,
        "Mode": {"Replicated": {"Replicas": 1}},
        # one box with one volume: the old one ends before the new one begins
        "UpdateConfig": {"Parallelism": 1, "Order": "stop-first", "FailureAction": "continue"},
        "EndpointSpec": {"Mode": "dnsrr"},
    }
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
    return {**body, "Labels": {**marks, SPEC: digest, HOME: placed.node_id}}


def pulling(room: str, identity: str, image: str, but: Sequence[str]) -> dict[str, Any]:
    """The body of a service that has every node pull an image, but those with these IDs: it waits
    there until it is removed. One that had ended by itself would leave its container behind."""
    marks = labels(room, identity)
    container = {
        "Image": image,
        "Command": ["/bin/sh", "-c", "exec sleep 3600"],
        "Init": True,
        "StopGracePeriod": NANO,
        "Labels": marks,
        "CapabilityDrop": ["ALL"],
    }
    task = {
        "ContainerSpec": container,
        "Resources": {"Limits": _limits(USUAL_LIMITS)},
        "RestartPolicy": {"Condition": "none"},
        "Placement": {"Constraints": [NOT_NODE_ID + each for each in but]},
    }
    name = prefetch_name(room)
    return {"Name": name, "TaskTemplate": task, "Mode": {"Global": {}}, "Labels": marks}


def again(body: Mapping[str, Any], counter: int) -> dict[str, Any]:
    """The same service with a fresh box, whether it has changed or not (API: ForceUpdate)."""
    return {**body, "TaskTemplate": {**body["TaskTemplate"], "ForceUpdate": counter}}


def _file(item: tuple[str, str], path: str, mode: int, kind: str) -> dict[str, Any]:
    """A secret or config as a file: ``item`` is its (ID, name)."""
    target = {"Name": path, "UID": "0", "GID": "0", "Mode": mode}
    return {"File": target, f"{kind}ID": item[0], f"{kind}Name": item[1]}


def _home(name: str, marks: Mapping[str, str]) -> dict[str, Any]:
    options = {"Labels": dict(marks)}
    return {"Type": "volume", "Source": name, "Target": USER_HOME, "VolumeOptions": options}


def _limits(limits: Limits) -> dict[str, int]:
    found = {
        "NanoCPUs": limits.nano_cpus,
        "MemoryBytes": limits.memory_bytes,
        "Pids": limits.pids,
    }
    return {name: value for name, value in found.items() if value is not None}


def spread(loads: Mapping[str, int], count: int) -> list[str]:
    """``count`` nodes, the least loaded first, as evenly as can be; [] where there is no node.
    ``loads`` are boxes by node ID; of equals the first takes the next."""
    now, chosen = dict(loads), list[str]()
    for _ in range(count if now else 0):
        least = min(now, key=lambda node: now[node])  # of equals the first
        now[least] += 1
        chosen.append(least)
    return chosen


def gate_keys(entries: Iterable[tuple[bytes, Sequence[str]]]) -> bytes:
    """authorized_keys of the gateway, from (public key, the boxes it may go on to): a key gets no
    shell, no terminal and no other way (sshd(8), "AUTHORIZED_KEYS FILE FORMAT")."""
    lines = []
    for key, boxes in entries:
        if not boxes:
            continue  # without a permitopen every way would be open
        ways = ",".join(f'permitopen="{box}:22"' for box in boxes)
        lines.append(
            f'restrict,port-forwarding,command="/bin/false",{ways} '.encode() + key.strip()
        )
    return b"\n".join(lines) + b"\n"

"""The verbs of a container's life, each one call or two, with the engine's refusals explained."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from docker.types import LogConfig

from container_magics.core.events import Created, Exited, Started
from container_magics.core.spec import ContainerSpec, Mount
from container_magics.engine import further, policyfile, reach
from container_magics.engine.client import ANSWER_S, LONG_S, Engine
from container_magics.engine.exitwatch import REMOVAL_S, output_cut
from container_magics.engine.exitwatch import ExitWatch as ExitWatch
from container_magics.engine.exitwatch import exit_watch as exit_watch
from container_magics.engine.files import put_files
from container_magics.engine.mounts import source_of
from container_magics.engine.streams import Hijacked, hijack
from container_magics.errors import Conflict, NotFound

GENERATED = "cm-"


def generated_name() -> str:
    """A name that nobody else has, so that a container can be found before its ID is known."""
    return GENERATED + uuid.uuid4().hex[:12]


def is_generated(name: str) -> bool:
    """Whether a name is one of those."""
    return bool(re.fullmatch(GENERATED + "[0-9a-f]{12}", name))


def create(
    engine: Engine,
    spec: ContainerSpec,
    labels: Mapping[str, str],
    *,
    stdin: bool = False,
    auto_remove: bool = True,
    logs: bool = False,
) -> Created:
    """Make the container and put its files in; NotFound when the image is not here, PolicyDenied
    when the policy of this machine is against it: here alone a spec becomes a request.

    Without ``logs`` the engine keeps no copy of the output: whoever is attached has it.
    """
    spec = policyfile.allowed(engine, spec, labels)
    body: dict[str, Any] = {
        "Image": spec.image,
        "Cmd": [*spec.entrypoint, *spec.command] or None,
        # an empty entrypoint, and not none, is what overrides the image's own
        "Entrypoint": [""] if spec.command or spec.entrypoint else None,
        "Env": [f"{name}={value}" for name, value in spec.environment],
        "Labels": {**dict(spec.labels), **labels},  # what is ours cannot be written over
        "Healthcheck": further.health(spec),
        "Hostname": spec.hostname,
        "User": spec.user,
        "WorkingDir": spec.working_dir,
        "OpenStdin": stdin,
        "StdinOnce": stdin,
        "ExposedPorts": {f"{p.container_port}/{p.protocol}": {} for p in spec.ports},
        "HostConfig": host_config(engine, spec, auto_remove=auto_remove, logs=logs),
    }
    params = {"name": spec.name, "platform": spec.platform}
    made = engine.request(
        "POST", "/containers/create", timeout_s=LONG_S,
        params={word: value for word, value in params.items() if value},
        json={word: value for word, value in body.items() if value is not None},
    ).json()  # fmt: skip
    policyfile.keep_lifetime(engine, made["Id"])
    put_files(engine, made["Id"], spec.files)
    return Created(made["Id"], spec.name, tuple(made.get("Warnings") or ()))


def host_config(
    engine: Engine, spec: ContainerSpec, *, auto_remove: bool, logs: bool
) -> dict[str, Any]:
    """The part of a container's settings that concerns the engine's machine."""
    hardening = spec.hardening
    bindings: dict[int | str, list[tuple[str, int | None]]] = defaultdict(list)
    for port in spec.ports:
        bindings[f"{port.container_port}/{port.protocol}"].append((port.address, port.host_port))
    config = engine.api.create_host_config(
        auto_remove=auto_remove,
        binds=[bind(mount) for mount in spec.mounts if not mount.alone],
        mounts=further.alone(spec.mounts),
        port_bindings=dict(bindings),
        network_mode=spec.network or None,
        mem_limit=spec.limits.memory_bytes,
        nano_cpus=spec.limits.nano_cpus,
        pids_limit=spec.limits.pids,
        cap_drop=list(hardening.drop_capabilities) or None,
        cap_add=list(hardening.add_capabilities) or None,
        security_opt=["no-new-privileges"] if hardening.no_new_privileges else None,
        log_config=None if logs else LogConfig(type="none"),
        **further.host_settings(spec),
    )
    return dict(config)


def bind(mount: Mount) -> str:
    """Docker's own form; a source that starts with . or ~ is a folder of this machine."""
    return f"{source_of(mount)}:{mount.target}:{'ro' if mount.read_only else 'rw'}"


def start(engine: Engine, created: Created, *, ports: bool = False) -> Started:
    """Start the first process; the addresses are asked for only when ``ports`` are published.
    There are none of a container that was removed as it ended, before we could ask."""
    engine.request("POST", f"/containers/{created.container_id}/start", timeout_s=LONG_S)
    found: tuple[tuple[str, str], ...] = ()
    if ports:
        with suppress(NotFound):
            found = published(engine, inspect(engine, created.container_id))
    return Started(created.container_id, found)


def published(engine: Engine, facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """(container port, "address:port") pairs of an inspected container, sorted; by ssh:// the
    address of a TCP port is that of a forward, which is made now."""
    bindings = facts["NetworkSettings"]["Ports"] or {}
    return tuple(
        sorted(
            (port, reach.shown_address(engine, port, place["HostIp"], int(place["HostPort"])))
            for port, places in bindings.items()
            for place in places or ()
        )
    )


def attach(engine: Engine, container_id: str, *, stdin: bool = False) -> Hijacked:
    """Take hold of the streams; before ``start``, or the first lines may be lost."""
    params = {"stdin": int(stdin), "stdout": 1, "stderr": 1, "stream": 1}
    streams = hijack(engine, f"/containers/{container_id}/attach", params=params)
    if streams.has_ended():  # a program that has not started has not ended its output
        streams.close()
        raise output_cut()
    return streams


def signal(engine: Engine, container: str, name: str) -> None:
    """Send a signal ("TERM") to the first process; nothing happens when it has ended."""
    with suppress(NotFound, Conflict):
        path = f"/containers/{container}/kill"
        engine.request("POST", path, params={"signal": name})


def remove(engine: Engine, container: str, timeout_s: float = REMOVAL_S) -> None:
    """Remove a container, running or not, with its anonymous volumes, and wait until it is gone.

    No error if it is gone already, or while somebody else removes it. EngineLost after the time.
    """
    path = f"/containers/{container}"
    with suppress(NotFound):
        with suppress(Conflict):
            engine.request("DELETE", path, params={"v": "1", "force": "1"}, timeout_s=timeout_s)
            return
        params = {"condition": "removed"}
        engine.request("POST", f"{path}/wait", params=params, timeout_s=timeout_s)


def ended_within(engine: Engine, container: str, limit_s: float) -> Exited | None:
    """How a container has ended, if it does so within ``limit_s``; None while it runs."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        state = inspect(engine, container)["State"]
        if not state["Running"]:
            return Exited(state["ExitCode"], state["OOMKilled"])
        time.sleep(limit_s / 5)
    return None


def named(engine: Engine, name: str, timeout_s: float = ANSWER_S) -> dict[str, Any] | None:
    """What the engine knows of the container with exactly this name; None if there is none.

    The engine itself would also take ``name`` for the beginning of an ID.
    """
    try:
        facts = inspect(engine, name, timeout_s)
    except NotFound:
        return None
    return facts if facts["Name"] == f"/{name}" else None


def inspect(engine: Engine, container: str, timeout_s: float = ANSWER_S) -> dict[str, Any]:
    """Everything the engine knows of a container; NotFound when there is none."""
    path = f"/containers/{container}/json"
    facts: dict[str, Any] = engine.request("GET", path, timeout_s=timeout_s).json()
    return facts


def running(engine: Engine, name: str) -> tuple[str, str]:
    """(ID, name) of a container that runs, by either; NotFound when there is none, Conflict when
    it does not run."""
    facts = inspect(engine, name)
    if not facts["State"]["Running"]:
        raise Conflict(f"{name} does not run.", hint=f"`%container start {name}`")
    return facts["Id"], facts["Name"].lstrip("/")


def containers(engine: Engine, *labels: str, everything: bool = True) -> list[dict[str, Any]]:
    """Summaries, newest first, of containers with all these labels ("KEY" or "KEY=VALUE")."""
    params = {"all": str(int(everything))}
    if labels:
        params["filters"] = json.dumps({"label": labels})
    found: list[dict[str, Any]] = engine.request(
        "GET", "/containers/json", timeout_s=LONG_S, params=params
    ).json()
    return found

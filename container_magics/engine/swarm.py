"""The verbs of a swarm: nodes, services, tasks, networks, secrets, configs, found by label."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from container_magics.engine.client import Engine
from container_magics.errors import NotFound, NotSupported

ANSWER_S = 60.0
"""A manager answers when most managers agree, which takes longer than one engine's answer."""
Kind = Literal["services", "networks", "secrets", "configs"]
KINDS: tuple[Kind, ...] = ("services", "networks", "secrets", "configs")
"""In the order in which they can be removed."""
Facts = dict[str, Any]
NO_LOGIN: Mapping[str, str] = {}


def expect_manager(engine: Engine) -> None:
    """NotSupported where the engine cannot manage a swarm. It may have begun to since it was asked
    for its capabilities, so it is asked anew."""
    swarm = engine.request("GET", "/info", timeout_s=ANSWER_S).json().get("Swarm") or {}
    if swarm.get("ControlAvailable"):
        return
    state = swarm.get("LocalNodeState") or "none"
    if state == "inactive":
        hint = "Make it one: `docker swarm init`. A swarm of one node does."
    else:
        hint = "Use the engine of a manager: `docker node ls` works there."
    raise NotSupported(
        engine.endpoint.url,
        "class",
        hint,
        why="it needs an engine that manages a swarm, and this one does not",
        facts=(f"swarm: {state}",),
    )


def listed(engine: Engine, kind: Kind | Literal["tasks"], *labels: str) -> list[Facts]:
    """What carries all these labels ("KEY=VALUE"), in one call."""
    filters = {"filters": json.dumps({"label": list(labels)})}
    found = engine.request("GET", f"/{kind}", params=filters, timeout_s=ANSWER_S).json()
    return list(found or ())


def tasks_of(engine: Engine, service: str) -> list[Facts]:
    """The tasks of one service, by its name."""
    filters = {"filters": json.dumps({"service": [service]})}
    return list(engine.request("GET", "/tasks", params=filters, timeout_s=ANSWER_S).json())


def nodes(engine: Engine) -> list[Facts]:
    """Every node, as the manager sees it."""
    return list(engine.request("GET", "/nodes", timeout_s=ANSWER_S).json())


def create(
    engine: Engine, kind: Kind, body: Mapping[str, Any], login: Mapping[str, str] = NO_LOGIN
) -> str:
    """Make one thing; returns its ID. Conflict when its name is taken. ``login`` is the header by
    which the nodes pull a service's image; the swarm keeps it as long as the service."""
    path = f"/{kind}/create"
    answer = engine.request("POST", path, json=body, timeout_s=ANSWER_S, headers=login).json()
    return str(answer.get("ID") or answer["Id"])


def update(
    engine: Engine,
    service: Mapping[str, Any],
    body: Mapping[str, Any],
    login: Mapping[str, str] = NO_LOGIN,
) -> None:
    """Change a service, as it was listed, into ``body``; EngineRefused when somebody else has
    changed it since. Without a ``login`` it keeps the one that it has."""
    version = {"version": str(service["Version"]["Index"])}
    path = f"/services/{service['ID']}/update"
    engine.request("POST", path, params=version, json=body, timeout_s=ANSWER_S, headers=login)


def remove(engine: Engine, kind: Kind, identity: str) -> bool:
    """Remove one thing; False when it is gone already. EngineRefused while something uses it."""
    with suppress(NotFound):
        engine.request("DELETE", f"/{kind}/{identity}", timeout_s=ANSWER_S)
        return True
    return False


def name_of(facts: Mapping[str, Any]) -> str:
    """The name of what was listed."""
    return str(facts.get("Name") or facts["Spec"]["Name"])


def labels_of(facts: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of what was listed."""
    found: Mapping[str, str] = facts.get("Labels") or facts.get("Spec", {}).get("Labels") or {}
    return found


def id_of(facts: Mapping[str, Any]) -> str:
    """The ID of what was listed."""
    return str(facts.get("ID") or facts["Id"])

"""Which features a place has: asked of the engine itself, never concluded from its name.

An engine may be behind something that lets only some of it through, such as a proxy of its socket.
So each verb is asked for a container that cannot be there: "there is none" is the answer of one
that serves it (Engine API, "Containers", "Exec"). Nothing is made by asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container_magics.core.capabilities import FEATURES, Capabilities, Capability
from container_magics.engine.client import Engine
from container_magics.engine.enginefacts import LIMITS
from container_magics.engine.keptback import ELSEWHERE, KEPT, NOBODY, STATUSES
from container_magics.errors import (
    Conflict,
    EngineDenied,
    EngineRefused,
    NotFound,
)

BUILD = ("POST", f"/build?version={NOBODY}", dict[str, Any]())
ASKED: Mapping[str, tuple[tuple[str, str, dict[str, Any] | None], ...]] = {
    # without an image no container can be made of it
    "run": (
        ("POST", f"/containers/create?name={NOBODY}", {}),
        ("POST", f"/containers/{NOBODY}/start", None),
    ),
    "layers": (("GET", f"/images/{NOBODY}/history", None), ("GET", f"/images/{NOBODY}/get", None)),
    "diff": (("GET", f"/containers/{NOBODY}/changes", None),),
    "exec": (
        ("POST", f"/containers/{NOBODY}/exec", {"Cmd": ["true"]}),
        ("POST", f"/exec/{NOBODY}/start", {"Detach": True}),
    ),
    "terminal": (
        ("POST", f"/containers/{NOBODY}/exec", {"Cmd": ["true"], "Tty": True}),
        ("POST", f"/exec/{NOBODY}/resize?h=24&w=80", None),
    ),
    "stats": (("GET", f"/containers/{NOBODY}/stats?stream=false", None),),
    "volumes": (("GET", f"/volumes?{NOBODY}", None), ("DELETE", f"/volumes/{NOBODY}", None)),
}
PLACE_S = 20.0


def capabilities(engine: Engine) -> Capabilities:
    """What this place can do. Raises EngineLost, EngineDenied."""
    ping = engine.request("GET", "/_ping").headers
    info = facts(engine)
    found = {feature: asked(engine, feature) for feature in ASKED}
    found["build"] = builder(engine, ping)
    found["limits"] = kept_back("limits") if info is None else limits(info)
    found["class"] = kept_back("class") if info is None else swarm(info)
    return Capabilities(tuple(found[feature] for feature in FEATURES))


def facts(engine: Engine) -> Mapping[str, Any] | None:
    """What the engine says of itself (Engine API, "Info"); None where that is kept back."""
    try:
        found: Mapping[str, Any] = engine.request("GET", "/info", timeout_s=PLACE_S).json()
    except EngineRefused as refusal:
        if refusal.status in STATUSES:
            return None
        raise
    return found


def asked(engine: Engine, feature: str) -> Capability:
    """Whether every verb of a feature is served."""
    return Capability(feature, can=True) if lets_through(engine, feature) else kept_back(feature)


def lets_through(engine: Engine, feature: str) -> bool:
    """Whether nothing before the engine keeps a feature's verbs back. EngineLost."""
    calls = (BUILD,) if feature == "build" else ASKED[feature]
    return all(serves(engine, *call) for call in calls)


def kept_back(feature: str) -> Capability:
    """A feature of which something before the engine lets nothing through."""
    return Capability(feature, can=False, words=KEPT, hint=ELSEWHERE)


def serves(engine: Engine, method: str, path: str, content: dict[str, Any] | None) -> bool:
    """Whether the engine takes the question; what it asks for is not there."""
    try:
        engine.request(method, path, json=content, timeout_s=PLACE_S)
    except EngineRefused as refusal:
        return refusal.status not in STATUSES
    except EngineDenied:
        return False
    except (NotFound, Conflict):
        return True  # it looked for the thing
    return True


def builder(engine: Engine, ping: Mapping[str, str]) -> Capability:
    """By what it builds. Its answer to /_ping names it (Engine API, "Ping"; Podman has a header of
    its own); Docker 20.10 names none, and has BuildKit where it takes the order to cancel one. All
    of it counts only where a build may be asked for: this one has no context, and a version of the
    builder that there is not."""
    if not lets_through(engine, "build"):
        return kept_back("build")
    if buildah := ping.get("Libpod-Buildah-Version"):
        return Capability("build", can=True, words=f"Buildah {buildah}")
    if ping.get("Builder-Version") == "2" or cancels_builds(engine):
        return Capability("build", can=True, words="BuildKit")
    if ping.get("Builder-Version"):
        return Capability("build", can=True, words="the classic builder")
    return Capability("build", can=False, words="the engine names no builder", hint=ELSEWHERE)


def cancels_builds(engine: Engine) -> bool:
    """Whether a build of BuildKit could be cancelled; there is none of that name."""
    try:
        engine.request("POST", f"/build/cancel?id={NOBODY}", timeout_s=PLACE_S)
    except (NotFound, EngineRefused):
        return False
    return True


def limits(info: Mapping[str, Any]) -> Capability:
    """Which limits hold there; at least one has to."""
    there = [words for name, words in LIMITS.items() if info.get(name)]
    if there:
        return Capability("limits", can=True, words=", ".join(there))
    why = "the engine may not set limits"
    return Capability("limits", can=False, words=why, hint=ELSEWHERE)


def swarm(info: Mapping[str, Any]) -> Capability:
    """Whether it is a manager of a swarm, and of how many nodes."""
    found = info.get("Swarm") or {}
    if found.get("ControlAvailable"):
        nodes = int(found.get("Nodes") or 1)
        return Capability("class", can=True, words=f"{nodes} node{'s' if nodes > 1 else ''}")
    state = str(found.get("LocalNodeState") or "inactive")
    why = "it is a worker of a swarm" if state == "active" else "it is in no swarm"
    return Capability(
        "class",
        can=False,
        words=why,
        hint="Choose a manager: `%engine use`; or make a swarm of it: `docker swarm init`.",
    )

"""The names of what an engine holds, one quick call a kind: for Tab, which cannot wait."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from container_magics.core.completion import EngineKind
from container_magics.core.compose import PROJECT, SERVICE
from container_magics.engine.client import Engine
from container_magics.engine.containers import is_spare
from container_magics.engine.ownership import PURPOSE
from container_magics.engine.run import GENERATED

ANSWER_S = 2.0
"""How long the engine may take. Nobody waits so long; a late answer serves the next Tab."""


def of_kind(engine: Engine, kind: EngineKind) -> list[str]:
    """Names, newest first (networks and volumes: sorted). "container" is any, "running" one
    that runs, "box" anybody's practice box, "project" Compose's, "service" PROJECT/SERVICE.
    Raises what ``Engine.request`` raises."""
    return CALLS[kind](engine)


def shown_name(summary: dict[str, Any]) -> str:
    """A container's name in the engine's list, or the short ID where it has none."""
    names = summary["Names"]
    return str(names[0].lstrip("/") if names else summary["Id"][:12])


def containers(engine: Engine, **filters: list[str]) -> list[str]:
    """Names of containers, newest first, those that ended as well, narrowed by ``filters``.
    Names that nobody chose come last: they are of cells that run. Spares are left out."""
    params = {"all": "1", "filters": json.dumps(filters)}
    found = asked(engine, "/containers/json", **params)
    names = [shown_name(summary) for summary in found if not is_spare(summary)]
    return sorted(names, key=lambda name: name.startswith(GENERATED))


def projects(engine: Engine) -> list[str]:
    """Compose projects that have a container, sorted."""
    params = {"all": "1", "filters": json.dumps({"label": [PROJECT]})}
    found = asked(engine, "/containers/json", **params)
    return sorted({container["Labels"][PROJECT] for container in found})


def services(engine: Engine) -> list[str]:
    """PROJECT/SERVICE of all Compose projects, sorted; neither name can have a / in it."""
    params = {"all": "1", "filters": json.dumps({"label": [PROJECT, SERVICE]})}
    found = (one["Labels"] for one in asked(engine, "/containers/json", **params))
    return sorted({f"{labels[PROJECT]}/{labels[SERVICE]}" for labels in found})


def images(engine: Engine) -> list[str]:
    """NAME:TAG of each image, newest first; of those tagged latest the bare name."""
    tags = [tag for image in asked(engine, "/images/json") for tag in image["RepoTags"] or ()]
    return [tag.removesuffix(":latest") for tag in tags if tag != "<none>:<none>"]


def networks(engine: Engine) -> list[str]:
    """Names of networks, sorted."""
    return sorted(network["Name"] for network in asked(engine, "/networks"))


def volumes(engine: Engine) -> list[str]:
    """Names of volumes, sorted."""
    return sorted(volume["Name"] for volume in asked(engine, "/volumes")["Volumes"] or ())


def asked(engine: Engine, path: str, **params: str) -> Any:
    """The engine's answer to one list call; raises the errors of ``Engine.request``."""
    return engine.request("GET", path, params=params, timeout_s=ANSWER_S).json()


CALLS: dict[EngineKind, Callable[[Engine], list[str]]] = {
    "container": containers,
    "running": lambda engine: containers(engine, status=["running"]),
    "box": lambda engine: containers(engine, label=[f"{PURPOSE}=sshbox"]),
    "project": projects,
    "service": services,
    "image": images,
    "network": networks,
    "volume": volumes,
}

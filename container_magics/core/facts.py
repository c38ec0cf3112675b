"""What an engine says of what it holds, as values: containers, images, networks, volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ChangeKind = Literal["added", "changed", "deleted"]


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """One line of a list of containers. ``ports`` are (container port, "address:port") pairs;
    ``state`` is the engine's word ("running", "exited", ...), ``status`` its sentence."""

    container_id: str
    name: str
    image: str
    state: str
    status: str
    created_s: int
    ports: tuple[tuple[str, str], ...]
    labels: Mapping[str, str]
    mine: bool = False


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One image. ``tags`` is empty for one without a name; ``digests`` are NAME@DIGEST, as the
    registries know it; ``size_bytes`` counts every layer."""

    image_id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    created_s: int
    size_bytes: int
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """One network. ``subnets`` are written as ADDRESS/BITS; ``containers`` are the names of
    those that run on it, sorted; ``internal`` is one with no way out."""

    network_id: str
    name: str
    driver: str
    scope: str
    internal: bool
    subnets: tuple[str, ...]
    containers: tuple[str, ...]
    labels: Mapping[str, str]
    mine: bool = False


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """One volume. ``containers`` are the names of those that have it, running or not, sorted;
    ``size_bytes`` is None where it was not asked for, or the driver cannot say."""

    name: str
    driver: str
    containers: tuple[str, ...]
    labels: Mapping[str, str]
    mine: bool = False
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One instruction of an image's history; ``size_bytes`` is 0 where it made no layer."""

    instruction: str
    created_s: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Change:
    """A path in a container's writable layer, and what happened to it there."""

    kind: ChangeKind
    path: str


@dataclass(frozen=True, slots=True)
class Process:
    """A process in a container, its number as the host counts; ``command`` with arguments."""

    host_pid: str
    user: str
    command: str


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of a container ("80/tcp"), and where it is reached ("ADDRESS:PORT")."""

    container_port: str
    address: str


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What one kind takes on the engine's disk; ``reclaimable_bytes`` is the part that no
    container needs."""

    kind: str
    number: int
    size_bytes: int
    reclaimable_bytes: int

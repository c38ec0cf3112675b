"""What is known of an engine, of the places tried for one, and of the machine around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal[
    "answers",
    "missing",
    "denied",
    "refused",
    "silent",
    "foreign",
    "untrusted",
    "unreached",
    "unproven",
    "shut",
]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One place where an engine was looked for, and what was found there.

    "missing": no such socket; "denied": this user may not use it; "refused": nobody listens;
    "silent": no answer within the limit; "foreign": what answers is not a container engine;
    "unproven": its TLS certificate is not that of an engine which the given CA vouches for;
    "shut": TLS does not come about, as where it wants a certificate of the client's;
    "unreached": ssh does not come to its machine;
    "untrusted": the socket's folder is not this user's alone, so it was not tried either.
    ``words`` are for the reader ("" when the outcome says it all).
    """

    found_by: str
    url: str
    outcome: Outcome
    words: str = ""

    def line(self) -> str:
        """One line for a list of what was tried."""
        said = {
            "answers": "answers",
            "missing": "no socket there",
            "denied": "this user may not use it",
            "refused": "nobody listens there",
            "silent": "no answer in time",
            "foreign": "what answers is not a container engine",
            "unproven": "its certificate is not vouched for",
            "shut": "no TLS connection comes about",
            "unreached": "ssh does not come there",
            "untrusted": "its folder is not yours alone, so it was not asked",
        }[self.outcome]
        more = f" ({self.words})" if self.words else ""
        return f"{self.found_by}, {self.url}: {said}{more}"


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """Which engine answers. Versions as the engine writes them; sizes in bytes.

    ``name`` is "Docker" or "Podman"; ``containerd_store``: images lie in containerd's store and
    not in a graph driver's. ``data_folder`` is where the engine keeps all of it, on its own
    machine; "" where it does not say. ``tried`` are the places looked at, in order, the one
    that answers last. ``limits_lacking`` are those that it cannot set, such as "memory".
    """

    name: str
    version: str
    api_version: str
    storage: str
    containerd_store: bool
    operating_system: str
    kernel: str
    architecture: str
    cpus: int
    memory_bytes: int
    cgroup_version: str
    found_by: str
    url: str
    rootless: bool
    data_folder: str = ""
    tried: tuple[Attempt, ...] = ()
    limits_lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the doctor looked at. ``what_to_do`` is one line, "" when ``ok``;
    ``details`` are lines that say how it was looked at."""

    name: str
    ok: bool
    found: str
    what_to_do: str = ""
    details: tuple[str, ...] = ()

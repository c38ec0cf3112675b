"""The rules of a shared machine: text -> Policy, and what a request may not ask for.

Pure: the file is found and trusted in engine/policyfile.py. Nothing here is a boundary: whoever
may talk to the engine may do so without us (docs/policy.md).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from container_magics.core.asked import Asked
from container_magics.core.flagtypes import size as parse_size
from container_magics.core.names import ImageRef
from container_magics.core.units import duration, size
from container_magics.errors import UsageError

USUAL_CAPABILITIES = frozenset((
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
    "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
))  # fmt: skip
"""What Docker gives every container (moby, oci/caps/defaults.go): to drop all and add one of these
is no addition."""
SOCKETS = ("docker.sock", "podman.sock", "containerd.sock")
DEFAULT_REGISTRY = "docker.io"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Denial:
    """What is not allowed. ``rule`` is the key of the file ("limits.memory")."""

    rule: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules. None and () mean: no limit for ``images`` and the limits, none allowed for
    ``folders`` and ``capabilities``. Sizes in bytes, ``cpus`` in whole processors."""

    images: tuple[str, ...] | None = None
    memory_bytes: int | None = None
    cpus: float | None = None
    pids: int | None = None
    containers: int | None = None
    students: int | None = None
    lifetime_s: float | None = None
    folders: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    privileged: bool = False
    host_namespaces: bool = False
    gpus: bool = False

    def check(self, asked: Asked) -> Denial | None:
        """The first rule that a container breaks, in the order of the file; None for none. A limit
        that is not asked for is no offence: ``bounded`` sets it."""
        for look in (self._image, self._limits, self._mounts, self._security):
            denial = look(asked)
            if denial is not None:
                return denial
        return None

    def allows_image(self, image: str) -> bool:
        """Whether an image may be used; a name without a registry is Docker Hub's."""
        return self.images is None or any(matches(pattern, image) for pattern in self.images)

    def _image(self, asked: Asked) -> Denial | None:
        for image in (asked.image, *asked.mounted_images):
            if not self.allows_image(image):
                allowed = ", ".join(self.images or ()) or "none"
                sentence = f"The image {image} is not among those allowed: {allowed}"
                return Denial("images.allow", sentence)
        return None

    def _limits(self, asked: Asked) -> Denial | None:
        if self.cpus is not None and asked.cpus is not None and not 0 < asked.cpus <= self.cpus:
            return Denial("limits.cpus", f"{asked.cpus:g} CPUs are more than {self.cpus:g}")
        most = self.memory_bytes
        memory = asked.memory_bytes
        if most is not None and memory is not None and not 0 < memory <= most:
            wanted_size = size(memory) if memory > 0 else "no limit"
            return Denial("limits.memory", f"{wanted_size} of memory is more than {size(most)}")
        swap = asked.swap_bytes  # Docker's own choice, where none is asked for, is twice the memory
        if most is not None and swap is not None and not 0 < swap <= 2 * most:
            wanted_size = size(swap) if swap > 0 else "no limit"
            return Denial("limits.memory", f"{wanted_size} with swap is more than {size(2 * most)}")
        if self.pids is not None and asked.pids is not None and not 0 < asked.pids <= self.pids:
            return Denial("limits.pids", f"{asked.pids} processes are more than {self.pids}")
        return None

    def _mounts(self, asked: Asked) -> Denial | None:
        for folder in asked.folders:
            if holds_a_socket(folder):
                return Denial("mounts.docker_socket", f"{folder} would give away an engine")
            if not any(is_under(folder, allowed) for allowed in self.folders):
                return Denial("mounts.folders", f"The folder {folder} of the host may not be given")
        return None

    def _security(self, asked: Asked) -> Denial | None:
        if asked.privileged and not self.privileged:
            return Denial("security.privileged", f"{asked.privileged} is not allowed")
        if asked.host_namespaces and not self.host_namespaces:
            shared = ", ".join(asked.host_namespaces)
            sentence = f"{shared[0].upper()}{shared[1:]} may not be shared"
            return Denial("security.host_namespaces", sentence)
        if asked.gpus and not self.gpus:
            return Denial("security.gpus", "The host's graphics cards may not be used")
        allowed = USUAL_CAPABILITIES | {plain_capability(each) for each in self.capabilities}
        more = [each for each in asked.capabilities if plain_capability(each) not in allowed]
        if more:
            return Denial("security.capabilities", f"{', '.join(more)} may not be added")
        return None

    def check_file(self, volumes: Sequence[str], networks: Sequence[str]) -> Denial | None:
        """The same of what a Compose file has beside its services: volumes with options that are
        not seen through, and networks that are the host's."""
        if volumes:
            sentence = f"Volume {volumes[0]}: of driver_opts, a bind and type tmpfs may be given"
            return Denial("mounts.folders", sentence)
        if networks and not self.host_namespaces:
            sentence = f"Network {networks[0]}: The host's network may not be shared"
            return Denial("security.host_namespaces", sentence)
        return None

    def check_count(self, running: int) -> Denial | None:
        """Whether one more may be made, where ``running`` of this user run."""
        if self.containers is None or running < self.containers:
            return None
        return Denial(
            "limits.containers", f"{running} containers of yours run, and {self.containers} may"
        )

    def check_class(self, boxes: int, lasts_s: float) -> Denial | None:
        """Whether a class may have so many boxes, and last for so long in all."""
        rule, most = "limits.students", self.students
        if most is None:
            rule, most = "limits.containers", self.containers
        if most is not None and boxes > most:
            return Denial(rule, f"{boxes} boxes of a class are more than {most}")
        if self.lifetime_s is not None and lasts_s > self.lifetime_s:
            sentence = f"A class of {duration(lasts_s)} is longer than {duration(self.lifetime_s)}"
            return Denial("limits.lifetime", sentence)
        return None

    def check_builds_from(self, images: Sequence[str], network: str = "") -> Denial | None:
        """The same of a build: what its stages begin with, and the network of its steps."""
        denials = (self._image(Asked(image)) for image in images)
        refused = next((denial for denial in denials if denial), None)
        if refused is None and network == "host" and not self.host_namespaces:
            return Denial("security.host_namespaces", "The host's network may not be shared")
        return refused


def matches(pattern: str, image: str) -> bool:
    """Whether an image's name fits: * stands for anything but a slash, ** for that too. A pattern
    without a tag fits every tag and digest."""
    wanted, found = whole(pattern), whole_image(image)
    words = re.split(r"(\*\*|\*|\?)", wanted)
    signs = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    expression = "".join(signs.get(word, re.escape(word)) for word in words)
    last = wanted.rpartition("/")[2]
    any_tag = "" if ":" in last or "@" in last or wanted.endswith("**") else "(?:[:@].*)?"
    return re.fullmatch(expression + any_tag, found) is not None


def whole(pattern: str) -> str:
    """A pattern with its registry, and Docker Hub's own folder."""
    first, slash, _ = pattern.partition("/")
    if not slash:
        return pattern if pattern == "**" else f"{DEFAULT_REGISTRY}/library/{pattern}"
    if "." in first or ":" in first or first in ("localhost", "**"):
        return pattern
    return f"{DEFAULT_REGISTRY}/{pattern}"


def whole_image(image: str) -> str:
    """An image's whole name, a tag always; an ID as it is, which fits no pattern but "**"."""
    try:
        return whole(str(ImageRef.parse(image)))
    except UsageError:
        return image


def is_under(path: str, folder: str) -> bool:
    """Whether a path is the folder, or lies in it; one with .. in it never does."""
    inside = PurePosixPath(path)
    return ".." not in inside.parts and inside.is_relative_to(PurePosixPath(folder))


def holds_a_socket(path: str) -> bool:
    """Whether it is an engine's socket by its name."""
    return PurePosixPath(path).name in SOCKETS


def plain_capability(name: str) -> str:
    """CAP_SYS_ADMIN, sys_admin and SYS_ADMIN are one."""
    return name.upper().removeprefix("CAP_")


def parse_policy(text: str) -> Policy:
    """The file's text; UsageError, with the key, for one that is not TOML, an unknown key, and a
    value of the wrong kind: a rule with a mistake in its name would be no rule."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"It is not TOML: {error}.") from error
    made: dict[str, Any] = {}
    for section, entries in found.items():
        if section not in KEYS or not isinstance(entries, Mapping):
            raise UsageError(f"[{section}] is no section of it: {', '.join(KEYS)}.")
        for key, value in entries.items():
            if key not in KEYS[section]:
                known = ", ".join(KEYS[section])
                raise UsageError(f"{section}.{key} is no rule: {known}.")
            field, read = KEYS[section][key]
            made[field] = wanted(f"{section}.{key}", read, value)
    return Policy(**made)


def wanted(rule: str, read: Any, value: Any) -> Any:
    """The value, read; UsageError for one that it cannot be."""
    try:
        return read(value)
    except (ValueError, TypeError, AttributeError, UsageError) as error:
        raise UsageError(f"{rule} cannot be {value!r}.") from error


def names(value: Any) -> tuple[str, ...]:
    """A list of words."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError
    return tuple(value)


def switch(value: Any) -> bool:
    """True or false, and no word for them."""
    if not isinstance(value, bool):
        raise TypeError
    return value


def number(value: Any) -> float:
    """A number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise TypeError
    return float(value)


def whole_number(value: Any) -> int:
    """A whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise TypeError
    return value


def seconds(value: Any) -> float:
    """ "90s", "15m", "8h", "2d"."""
    found = re.fullmatch(r"(\d+)([smhd])", value)
    if found is None or int(found[1]) == 0:
        raise ValueError
    return float(int(found[1]) * SECONDS[found[2]])


KEYS: dict[str, dict[str, tuple[str, Any]]] = {
    "images": {"allow": ("images", names)},
    "limits": {
        "cpus": ("cpus", number),
        "memory": ("memory_bytes", parse_size),
        "pids": ("pids", whole_number),
        "containers": ("containers", whole_number),
        "students": ("students", whole_number),
        "lifetime": ("lifetime_s", seconds),
    },
    "mounts": {"folders": ("folders", names)},
    "security": {
        "privileged": ("privileged", switch),
        "host_namespaces": ("host_namespaces", switch),
        "gpus": ("gpus", switch),
        "capabilities": ("capabilities", names),
    },
}
"""Section -> key -> (field of Policy, how it is read)."""

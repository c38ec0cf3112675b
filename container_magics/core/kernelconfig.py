"""What a kernelspec says of a kernel in a container: read from its JSON, or from an argv."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from container_magics.core.flags import parse_run
from container_magics.core.kernelnets import NETS
from container_magics.core.spec import CellOptions, ContainerSpec
from container_magics.errors import UsageError

PROVISIONER = "container-provisioner"
"""The name of our provisioner in a kernelspec's metadata."""
OWN, IMAGE = "own", "image"
USERS = (OWN, IMAGE)
HERE, NOWHERE = ".", "none"
PASSED = ("JPY_SESSION_NAME", "TZ")
"""Variables of the server that every kernel gets: the notebook's path, and the time zone."""
SHORT = ("memory", "cpus", "gpus")
"""Keys of a config that stand for the flag of that name."""
USUAL_ARGV = ("python3", "-m", "ipykernel_launcher", "-f", "{connection_file}")
CONNECTION_FILE = "{connection_file}"


@dataclass(frozen=True, slots=True)
class KernelConfig:
    """How a kernel is put into a container.

    ``flags`` are words of ``docker run``; ``net`` is "ipc" (sockets in a folder that both see),
    "publish" (ports on the loopback address) or "auto" (ipc where it works); ``user`` is "own"
    (this user's numbers) or "image", and a flag -u goes before it; ``mount`` is the folder that
    the kernel sees at its own path: "." for the one it starts in, "none" for none;
    ``environment`` names the variables that are handed in, beside PASSED.
    """

    image: str
    flags: tuple[str, ...] = ()
    net: str = "auto"
    user: str = OWN
    mount: str = HERE
    environment: tuple[str, ...] = ()
    start_timeout_s: float = 60.0

    def spec(self, argv: Sequence[str]) -> ContainerSpec:
        """The container of this config, with ``argv`` as its program. UsageError for flags that
        a kernel cannot have."""
        request = parse_run(shlex.join([*self.flags, self.image]))
        if request.options != CellOptions():
            raise UsageError(
                "A kernel takes the flags of docker run alone, and not those of a cell.",
                hint="Leave out -d, --rm, --env-file and what else goes with a cell.",
                facts=(shlex.join(self.flags),),
            )
        spec = request.spec
        for flag, value in (("--name", spec.name), ("--read-only", spec.read_only)):
            if value:
                raise UsageError(f"A kernel's container cannot have {flag}.", hint="Leave it out.")
        return replace(spec, command=tuple(argv), init=True)


def read_config(config: Mapping[str, Any]) -> KernelConfig:
    """The ``config`` of a kernelspec's ``kernel_provisioner``. UsageError for a key that is
    unknown, or a value of another kind; an image is needed."""
    known = [field.name for field in fields(KernelConfig)]
    for key in config:
        if key not in (*known, *SHORT):
            near = difflib.get_close_matches(key, [*known, *SHORT], n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
            raise UsageError(f"The kernelspec's config has an unknown key {key!r}.", hint=hint)
    short = [f"--{key}={config[key]}" for key in SHORT if config.get(key)]
    return KernelConfig(
        image=_text(config, "image", ""),
        flags=(*_words(config, "flags"), *short),
        net=_one_of(config, "net", NETS),
        user=_one_of(config, "user", USERS),
        mount=_text(config, "mount", HERE) if config.get("mount") is not False else NOWHERE,
        environment=_words(config, "environment"),
        start_timeout_s=_seconds(config),
    )


def _text(config: Mapping[str, Any], key: str, usual: str) -> str:
    value = config.get(key, usual)
    if not isinstance(value, str) or not value:
        raise UsageError(
            f"The kernelspec's config needs a text for {key!r}.",
            hint='Such as {"provisioner_name": "container-provisioner", "config": '
            '{"image": "IMAGE"}}.',
        )
    return value


def _one_of(config: Mapping[str, Any], key: str, words: tuple[str, ...]) -> str:
    value = config.get(key, words[0])
    if value not in words:
        raise UsageError(
            f"The kernelspec's config has {key} {value!r}.", hint=f"Write {' or '.join(words)}."
        )
    return str(value)


def _words(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of texts, or one text with blanks between the words as in a shell."""
    value = config.get(key, ())
    try:
        words: list[Any] = shlex.split(value) if isinstance(value, str) else list(value)
    except (TypeError, ValueError):
        words = [None]
    if not all(isinstance(word, str) and word for word in words):
        raise UsageError(f"The kernelspec's config needs a list of texts for {key!r}.")
    return tuple(words)


def _seconds(config: Mapping[str, Any]) -> float:
    value = config.get("start_timeout_s", 60.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise UsageError("The kernelspec's config needs seconds for 'start_timeout_s'.")
    return float(value)


def filled(argv: Sequence[str], inside: str, host: str = "") -> tuple[str, ...]:
    """A kernel's argument vector for the container: ``inside`` in place of {connection_file},
    and of the file's path on this machine, ``host``, where a front end has put that in already."""
    words = [word.replace(CONNECTION_FILE, inside) for word in argv]
    return tuple(word.replace(host, inside) if host else word for word in words)

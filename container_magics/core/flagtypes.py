"""The values of flags: a size, a time, a port, a mount, a variable's name, read from text.

Each raises UsageError for what it cannot read, with an example of what it can.
"""

from __future__ import annotations

import ipaddress
import keyword
import re
import shlex
from dataclasses import replace

from container_magics.core.spec import Mount, Port
from container_magics.errors import UsageError

SIZE = re.compile(r"(\d+(?:\.\d+)?)([bkmg]?)b?\Z", re.IGNORECASE)
SIZE_UNIT = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)\Z")
DURATION_UNIT = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600}
RESTART = re.compile(r"no|always|unless-stopped|on-failure(:\d+)?\Z")
RESERVED = "container-magics."
"""Labels that begin so say whose a thing is, and are written by nobody but us."""


def variable(text: str) -> tuple[str, str]:
    """``NAME=VALUE``; unlike docker, a bare NAME is refused: no secret slips in unseen."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"-e {text}: write NAME=VALUE.", hint="An empty value is NAME= .")
    return key, value


def environment_lines(text: str, where: str) -> tuple[tuple[str, str], ...]:
    """The NAME=VALUE lines of a file, as docker reads them: nothing is unquoted, blank lines and
    those that begin with # are left out. UsageError, which names ``where`` and the line's number
    and not what it says, for it may be a secret."""
    found: list[tuple[str, str]] = []
    for number, whole in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = whole.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key or any(map(str.isspace, key)):
            raise UsageError(
                f"--env-file {where}: line {number} is not NAME=VALUE.",
                hint="A line that begins with # is a comment; an empty value is NAME= .",
            )
        found.append((key, value))
    return tuple(found)


def label(text: str) -> tuple[str, str]:
    """``NAME=VALUE``, or ``NAME`` for an empty value, as docker reads it."""
    key, _, value = text.partition("=")
    if not key:
        raise UsageError(f"--label {text}: write NAME=VALUE.", hint="Such as --label lesson=3.")
    if key.startswith(RESERVED):
        raise UsageError(
            f"--label {key}: labels that begin with {RESERVED} say whose a thing is.",
            hint="Choose another name.",
        )
    return key, value


def tmpfs(text: str) -> tuple[str, str]:
    """``PATH`` or ``PATH:OPTIONS``, the options as mount(8) has them."""
    path, _, options = text.partition(":")
    if not path.startswith("/"):
        raise UsageError(
            f"--tmpfs {text}: write a full path in the container.", hint="Such as /tmp:size=64m."
        )
    return path, options


def extra_host(text: str) -> str:
    """``NAME:ADDRESS``; the address may be host-gateway, which the engine knows."""
    key, _, address = text.partition(":")
    if address != "host-gateway":
        try:
            address = str(ipaddress.ip_address(address.strip("[]")))
        except ValueError:
            address = ""
    if not key or not address:
        raise UsageError(
            f"--add-host {text}: write NAME:ADDRESS.", hint="Such as db.local:192.168.1.7."
        )
    return f"{key}:{address}"


def restart(text: str) -> str:
    """A restart policy as docker names it; "" for no."""
    if not RESTART.match(text):
        raise UsageError(
            f"--restart {text}: there is no such policy.",
            hint="Write no, on-failure, on-failure:3, unless-stopped or always.",
        )
    return "" if text == "no" else text


def platform(text: str) -> str:
    """``OS/ARCHITECTURE`` or that with a variant."""
    parts = text.split("/")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise UsageError(f"--platform {text}: write OS/ARCHITECTURE.", hint="Such as linux/arm64.")
    return text


def gpus(text: str) -> str:
    """``all``, a number of them, or ``device=`` and their names with commas between."""
    kind, _, names = text.partition("=")
    counted = text.isascii() and text.isdigit() and int(text) > 0
    if text == "all" or counted or (kind == "device" and all(names.split(","))):
        return text
    raise UsageError(
        f"--gpus {text}: write all, a number or device=ID.", hint="Such as --gpus all."
    )


def mount(text: str) -> Mount:
    """``SOURCE:TARGET`` or ``SOURCE:TARGET:ro``."""
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not target.startswith("/") or mode not in ("", "ro", "rw"):
        raise UsageError(
            f"-v {text}: write SOURCE:TARGET or SOURCE:TARGET:ro.",
            hint="TARGET is a full path in the container, such as /data.",
        )
    return Mount(source, target, mode == "ro")


def port(text: str) -> Port:
    """``80``, ``8080:80``, ``127.0.0.1:8080:80``, ``[::1]:8080:80``; each with /udp or /tcp."""
    rest, _, protocol = text.partition("/")
    before, _, container_port = rest.rpartition(":")
    address, _, host_port = before.rpartition(":")
    try:
        read = Port(int(container_port), protocol or "tcp", int(host_port) if host_port else None)
    except ValueError:
        read = Port(0)
    numbers = (read.container_port, 1 if read.host_port is None else read.host_port)
    if not all(0 < number < 65536 for number in numbers) or read.protocol not in ("tcp", "udp"):
        raise UsageError(f"-p {text}: write PORT, or PORT:PORT.", hint="Such as -p 8080:80.")
    if not address:
        return read
    return replace(read, address=ip_address(address.strip("[]")))


def ip_address(text: str) -> str:
    """An address of this machine, as numbers."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise UsageError(
            f"-p: {text!r} is not an address.", hint="Such as 127.0.0.1, or 0.0.0.0 for all."
        ) from None


def argument_vector(text: str) -> tuple[str, ...]:
    """Words as a POSIX shell would read them, nothing expanded."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        raise UsageError(
            f"--entrypoint {text}: a quotation mark is not closed.",
            hint="Close it, or put a backslash before it.",
        ) from None


def size(text: str) -> int:
    """Bytes from docker's form: 64m is 64 MiB."""
    match = SIZE.match(text)
    if not match:
        raise UsageError(f"{text!r} is not a size.", hint="Such as 256m or 1g.")
    return int(float(match[1]) * SIZE_UNIT[match[2].lower()])


def cpus(text: str) -> int:
    """Billionths of a processor, the Engine API's NanoCpus."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 < value < 10_000:
        raise UsageError(f"--cpus {text}: not a number of processors.", hint="Such as --cpus 1.5.")
    return round(value * 1_000_000_000)


def duration(text: str) -> float:
    """Seconds from 30s, 1.5m, 200ms or a bare number."""
    match = DURATION.match(text)
    if not match or not float(match[1]):
        raise UsageError(f"{text!r} is not a time.", hint="Such as 30s, 2m or 500ms.")
    return float(match[1]) * DURATION_UNIT[match[2]]


def name(text: str) -> str:
    """A Python variable's name."""
    if not is_name(text):
        raise UsageError(f"{text!r} cannot name a Python variable.")
    return text


def is_name(text: str) -> bool:
    """Whether a statement could assign to it: a keyword is spelt like a name and is none."""
    return text.isidentifier() and not keyword.iskeyword(text)


def pairing(text: str) -> tuple[str, str]:
    """``PATH=VAR``: a path in the container and a Python variable's name."""
    path, equals, variable_name = text.rpartition("=")
    if not equals or not is_name(variable_name):
        raise UsageError(
            f"{text!r}: write PATH=VAR.",
            hint="VAR is the name of a Python variable, such as /data/table.csv=table.",
        )
    return path, variable_name

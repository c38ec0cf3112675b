"""Logins of registries, as ``docker login`` left them: in Docker's configuration or its stores.

Each is read anew when it is wanted, so that a login in a terminal counts at once. The docker SDK
keeps the first configuration that it has read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from docker.auth import INDEX_NAME, INDEX_URL, encode_header, load_config
from docker.errors import DockerException

HEADER = "X-Registry-Auth"
BROKEN = (DockerException, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Login:
    """What an engine is told for a registry: ``user`` is "" for nobody, or for a token.

    ``trouble`` says why Docker's store gave none; "" when it is well.
    """

    header: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    trouble: str = ""


def login(host: str) -> Login:
    """The login for a registry's host, "" for the default one. A store that is broken has none."""
    try:
        found = stored(host or INDEX_NAME)
    except BROKEN as error:
        return Login(trouble=f"Docker's store of logins failed: {error}")
    return Login(header(found), found.get("username", "")) if found else Login()


def header(found: Mapping[str, str]) -> dict[str, str]:
    """The header by which the Engine API takes a login ("Authentication")."""
    return {HEADER: str(encode_header(dict(found)), "ascii")}


def credentials(host: str) -> tuple[str, str]:
    """(user, password) for a registry's host, ("", "") for none."""
    try:
        found = stored(host)
    except BROKEN:
        return "", ""
    if token := found.get("identitytoken"):
        return "", token
    return found.get("username", ""), found.get("password", "")


def stored(host: str) -> dict[str, str]:
    """What Docker has for a host, the names in lower case; raises one of BROKEN."""
    found = load_config().resolve_authconfig(key_of(host)) or {}
    return {name.lower(): str(value) for name, value in found.items() if value}


def key_of(host: str) -> str:
    """By what name the login is kept: the default registry's is its old address."""
    default = host == INDEX_NAME or host.endswith(f".{INDEX_NAME}")
    return INDEX_URL if default else host

"""A place by the word that a user writes for it: a context, an address, podman, swarm, default."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from container_magics.engine.endpoint import (
    Endpoint,
    candidates,
    config_folder,
    context,
    context_names,
    tls_from,
    well_known,
)
from container_magics.engine.sshtarget import parse_target, without_password
from container_magics.errors import UsageError

SCHEMES = ("unix", "tcp", "http", "https", "ssh")
DEFAULT, PODMAN, SWARM = "default", "podman", "swarm"
SAID = "%engine use"


def places(word: str, environ: Mapping[str, str], home: Path) -> list[Endpoint]:
    """Where the engine may be that the word means; nothing is contacted. A context that has a name
    of ours wins, but for "default". UsageError, with what is known, for a word that means none."""
    if "://" in word:
        return [address(word, environ, home)]
    config = config_folder(environ, home)
    known = context_names(config)
    if word in known and word != DEFAULT:
        return [replace(context(config, word, binding=True), found_by=f"{SAID} {word}")]
    match word:
        case "default" | "swarm":
            return candidates(environ, home)
        case "podman":
            return podman(environ, home)
    raise unknown(word, environ, home)


def known_words(environ: Mapping[str, str], home: Path) -> tuple[str, ...]:
    """The words that mean a place here: the Docker contexts, then those of ours."""
    contexts = context_names(config_folder(environ, home))
    return tuple(dict.fromkeys((*contexts, DEFAULT, PODMAN, SWARM)))


def address(url: str, environ: Mapping[str, str], home: Path) -> Endpoint:
    """A place by its address; where it is TCP, TLS is as DOCKER_CERT_PATH and DOCKER_TLS_VERIFY
    say."""
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES or not rest:
        raise UsageError(
            f"{without_password(url)} is no address of an engine.",
            hint="Write ssh://[USER@]HOST, tcp://HOST:PORT or unix:///PATH.",
        )
    if scheme == "ssh":
        parse_target(url)
    tls = tls_from(environ, home) if scheme in ("tcp", "https") else None
    return Endpoint(url, f"{SAID} {url}", tls, binding=True)


def podman(environ: Mapping[str, str], home: Path) -> list[Endpoint]:
    """Podman's own sockets, and what CONTAINER_HOST names, by which Podman itself finds one."""
    named = environ.get("CONTAINER_HOST")
    if named:
        return [Endpoint(named, f"{SAID} podman, by CONTAINER_HOST", binding=True)]
    return [each for each in well_known(environ, home) if each.url.endswith("/podman.sock")]


def unknown(word: str, environ: Mapping[str, str], home: Path) -> UsageError:
    """The error for a word that means no place."""
    known = context_names(config_folder(environ, home))
    close = difflib.get_close_matches(word, known_words(environ, home), n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    there = ", ".join(known) or "there are none here"
    return UsageError(
        f"{word!r} is no Docker context: {there}.{meant}",
        hint="Write a context's name, ssh://HOST, tcp://HOST:PORT, unix:///PATH, podman, swarm or "
        "default.",
    )


def searched(
    where: str | Mapping[str, str] | None, home: Path | None
) -> tuple[list[Endpoint], str]:
    """The places to look at, in order, and the word that a user gave for them, "" for none."""
    home = home or Path.home()
    if isinstance(where, str):
        word = where.strip()
        return places(word, os.environ, home) if word else candidates(os.environ, home), word
    return candidates(os.environ if where is None else where, home), ""

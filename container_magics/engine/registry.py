"""Why a registry gave or took nothing: known by a status, never by the engine's words.

When a pull or a push fails, engines tell the reason as a sentence. Asked for the image's
description with the same login (API, "Get image information from the registry"), they answer
with the registry's own status, if it gave its error in the form that registries agreed on (OCI
distribution specification, "Error Codes").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import requests

from container_magics.core.names import ImageRef
from container_magics.core.terminal import plain
from container_magics.engine.client import Engine, told
from container_magics.engine.credentials import Login, header
from container_magics.errors import EngineError, LoginNeeded, RateLimited, RegistryRefused

LOOK_S = 5.0
"""How long the engine may take to ask a registry once more."""
LOOPBACK = re.compile(r"(localhost|\[::1\]|127(\.\d{1,3}){3})(:\d+)?")
NOBODY = {"username": "nobody", "password": "nobody"}


def refusal(
    engine: Engine, reference: ImageRef, login: Login, cause: Exception
) -> RegistryRefused | None:
    """LoginNeeded or RateLimited, if it is one of these; None when nobody can tell.

    Where a registry wants a password, engines fail before they ask it when they have none. So it
    is asked with one that is nobody's: its answer then says whether it was a matter of that.
    """
    status = looked(engine, reference, login.header)
    if status >= 500 and not login.header:
        status = looked(engine, reference, header(NOBODY))
    words = tuple(plain(fact) for fact in (str(cause), login.trouble) if fact)
    match status:
        case 401 | 403:
            return login_needed(reference, login, words)
        case 429:
            return rate_limited(reference, words)
    return None


def without_tls(engine: Engine, reference: ImageRef) -> bool:
    """Whether it has to be said that the registry may have no TLS: Docker takes one on this
    machine as it is (dockerd(8), "--insecure-registry"), Podman where a request says so."""
    return bool(LOOPBACK.fullmatch(reference.registry)) and engine.facts().name == "Podman"


def looked(engine: Engine, reference: ImageRef, login: Mapping[str, str]) -> int:
    """The status with which the engine answers when it is to ask the registry; 0 for none."""
    url = engine.url(f"/distribution/{reference}/json")
    try:
        with told():
            answer = requests.Session.request(
                engine.api, "GET", url, headers=dict(login), timeout=LOOK_S
            )
    except EngineError:
        return 0
    return answer.status_code


def login_needed(reference: ImageRef, login: Login, words: tuple[str, ...]) -> LoginNeeded:
    """The error of an image that is not given to nobody, or not to this user."""
    where, command = place(reference), login_command(reference)
    if login.header:
        who = f"user {login.user!r}" if login.user else "a token"
        sentence = f"{where} does not accept the login that Docker has for it ({who}): {command}"
    else:
        sentence = f"{where} needs a login: {command}"
    hint = (
        f"Type it in a terminal; it counts at once. Is {reference} right? Many registries say "
        "the same of an image that does not exist."
    )
    return LoginNeeded(sentence, hint=hint, facts=words)


def rate_limited(reference: ImageRef, words: tuple[str, ...]) -> RateLimited:
    """The error of a registry that was asked too often."""
    return RateLimited(
        f"{place(reference)} was asked too often, by you or from your network, and gives "
        f"{reference} later.",
        hint="Wait, from minutes to some hours. Docker Hub allows more to those who are logged "
        f"in: `{login_command(reference)}` in a terminal.",
        facts=words,
    )


def place(reference: ImageRef) -> str:
    """The registry of a name, as a sentence begins."""
    return f"The registry {reference.registry}" if reference.registry else "Docker Hub"


def login_command(reference: ImageRef) -> str:
    """What to type for a login there."""
    return f"docker login {reference.registry}".rstrip()

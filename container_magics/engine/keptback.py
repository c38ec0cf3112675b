"""A verb that something before the engine lets through to nobody: refused by the feature's name.

Such as a proxy of the socket (docs/policy.md). The same HTTP status may be the engine's own word,
about this one container; so when a verb is refused, the same is asked of what cannot be there
(capabilities.py), and where that is let through the refusal stays as it is.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from container_magics.errors import ContainerMagicsError, EngineLost, KeptBack

if TYPE_CHECKING:
    from container_magics.engine.client import Engine

NOBODY = "container-magics-is-not-there"
"""A name that nobody has: what is asked of it is a question, and no work."""
STATUSES = (401, 403, 405, 501)
"""HTTP statuses by which a verb is refused, and not what it was asked for (RFC 9110, 15.5-15.6)."""
ELSEWHERE = "Choose another place: `%engine use`."
KEPT = "What stands before the engine lets this through to nobody"
ASKED: tuple[tuple[str, str, str], ...] = (
    ("run", "POST", r"/containers/(create|[^/]+/start)"),
    ("build", "POST", r"/build|/session"),
    ("layers", "GET", r"/images/(get|.+/get|.+/history)"),
    ("diff", "GET", r"/containers/[^/]+/changes"),
    ("exec", "POST", r"/containers/[^/]+/exec|/exec/[^/]+/start"),
    ("terminal", "POST", r"/exec/[^/]+/resize"),
    ("stats", "GET", r"/containers/[^/]+/stats"),
    ("volumes", "GET|POST|DELETE", r"/volumes(/.+)?"),
)
"""(feature, methods, path): what a request is for; a feature of core.capabilities.FEATURES."""


def feature_of(method: str, path: str, content: Any = None) -> str:
    """What a request of the API is for; "" for none of those features. ``content`` is its JSON,
    as text or read."""
    plain = re.sub(r"^/v[\d.]+", "", urlsplit(path).path)
    for feature, methods, form in ASKED:
        if method in methods.split("|") and re.fullmatch(form, plain):
            return "terminal" if feature == "exec" and wants_terminal(content) else feature
    return ""


def wants_terminal(content: Any) -> bool:
    """Whether a program is to have a terminal."""
    if isinstance(content, str | bytes):
        with suppress(ValueError):
            content = json.loads(content)
    return isinstance(content, dict) and bool(content.get("Tty"))


def named(
    engine: Engine, method: str, path: str, content: Any, status: int, words: str
) -> KeptBack | None:
    """The error for a refusal that is nobody's fault but of what stands before the engine; None
    for one that the engine means itself, and for a question."""
    from container_magics.engine.capabilities import lets_through

    feature = feature_of(method, path, content) if status in STATUSES else ""
    if not feature or NOBODY in path:
        return None
    try:
        try:
            passes = lets_through(engine, feature)
        except EngineLost:  # by a connection that ended with the refusal: asked once more
            passes = lets_through(engine, feature)
    except ContainerMagicsError:  # what was refused first says more
        return None
    if passes:
        return None
    sentence = f"{feature}: {KEPT[0].lower()}{KEPT[1:]}."
    return KeptBack(
        sentence,
        engine=engine.endpoint.url,
        feature=feature,
        status=status,
        hint=ELSEWHERE,
        facts=(words,),
    )


def refuse(engine: Engine, response: requests.Response, **_: Any) -> None:
    """The same for an answer of requests: a response hook. Raises KeptBack."""
    from container_magics.engine.client import words_of

    if response.status_code in STATUSES:
        asked, words = response.request, words_of(response.status_code, response.content)
        body = asked.body if isinstance(asked.body, str | bytes) else None
        error = named(engine, str(asked.method), response.url, body, response.status_code, words)
        if error:
            raise error

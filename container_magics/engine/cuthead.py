"""An answer of the engine whose head was cut, and would be taken for a short answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from container_magics.errors import EngineLost


def refuse_cut_head(response: requests.Response, **_: Any) -> None:
    """EngineLost for an answer whose head was cut: without a length, an answer that is cut there
    would be taken for a short one. A response hook of requests.

    Engines give a length or chunks to all but taken-over connections (RFC 9112, 6.3).
    """
    path = response.url.partition("?")[0]
    if is_cut_head(str(response.request.method), path, response.status_code, response.headers):
        response.close()
        raise cut_head()


def is_cut_head(method: str, path: str, status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer lacks what every whole head has that has a body."""
    hijacked = method == "POST" and path.endswith(("/attach", "/start"))
    framed = "Content-Length" in headers or "Transfer-Encoding" in headers
    bodiless = method == "HEAD" or status < 200 or status in (204, 304)
    return not (framed or hijacked or bodiless)


def cut_head() -> EngineLost:
    """The error for an answer whose head was cut."""
    return EngineLost(
        "The connection to the engine broke at the beginning of an answer.",
        hint="See whether it still runs: `%engine`. Then run the cell again.",
    )

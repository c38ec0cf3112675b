"""What has to be asked of an engine to know whether a container is what one waits for."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

import requests
import urllib3

from container_magics.core.waits import listening
from container_magics.engine.client import ANSWER_S, Engine, refusal, told
from container_magics.engine.reach import own_addresses, published_addresses, takes_visitors
from container_magics.engine.streams import frames
from container_magics.errors import EngineRefused

SETTLE_S = 0.2
"""How long after a program's end its container's events may still come."""
SOCKET_TABLES = ("cat", "/proc/net/tcp", "/proc/net/tcp6")
LIMIT_PASSED = (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError)


def exit_status(engine: Engine, container_id: str, limit_s: float) -> int | None:
    """Wait for a container's end and return its exit status; None when ``limit_s`` passes.

    One call, which the engine answers at the end: so the status is known of a container, too,
    that is removed as it ends. Of one that has ended already it is known at once.
    """
    url = engine.url(f"/containers/{container_id}/wait")
    how: dict[str, Any] = {"params": {"condition": "not-running"}, "stream": True}
    with told():
        try:
            response = requests.Session.post(
                engine.api, url, timeout=(ANSWER_S, max(0.01, limit_s)), **how
            )
            with closing(response):
                if response.status_code >= 400:
                    raise refusal(response)
                return int(json.loads(response.raw.read())["StatusCode"])
        except LIMIT_PASSED:
            return None


def listens(engine: Engine, facts: Mapping[str, Any], port: int) -> bool:
    """Whether a program in the running container listens on a TCP port.

    The kernel's own tables, read in the container, are believed first: a connection would be a
    visitor to the program (sshd logs it, ``nc -l`` ends after it), and to a published port it
    proves nothing, for Docker's proxy takes it whether anybody is behind it or not. Only where
    the image has no ``cat`` a connection is tried, best to the container's own address.
    """
    tables = socket_tables(engine, facts["Id"])
    if tables:
        return port in listening(tables)
    tried = [*own_addresses(engine, facts, port), *published_addresses(engine, facts, port)]
    answers = filter(lambda answer: answer is not None, map(takes_visitors, tried))
    return bool(next(answers, False))


def socket_tables(engine: Engine, container_id: str) -> str:
    """The container's /proc/net/tcp and tcp6; "" where it has no ``cat`` to read them."""
    path, program = f"/containers/{container_id}/exec", list(SOCKET_TABLES)
    asked = {"Cmd": program, "AttachStdout": True, "User": "0"}
    try:
        made = engine.request("POST", path, json=asked).json()
        path, how = f"/exec/{made['Id']}/start", {"Detach": False, "Tty": False}
        answer = engine.request("POST", path, json=how).content
    except EngineRefused:
        return ""
    text = b"".join(output.data for output in frames(io.BytesIO(answer))).decode(errors="replace")
    return text if "local_address" in text else ""


def stopped_ago_s(engine: Engine, facts: Mapping[str, Any]) -> float | None:
    """How long ago a container has ended that somebody had stopped or killed; None for one that
    ended by itself. No inspection says it, but the engine remembers its last events."""
    state = facts["State"]
    # not "restart": that one comes after the next start
    told_to = past_events(engine, facts["Id"], ("kill", "stop"), seconds(state["StartedAt"]))
    return engine_now_s(engine) - seconds(state["FinishedAt"]) if any(told_to) else None


def exit_status_of_gone(engine: Engine, container_id: str, since_s: float) -> int | None:
    """The exit status of a container that was removed as it ended, from the engine's last
    events; None where it has forgotten."""
    for event in past_events(engine, container_id, ("die",), since_s):
        return int(event["Actor"]["Attributes"]["exitCode"])
    return None


def past_events(
    engine: Engine, container_id: str, actions: tuple[str, ...], since_s: float
) -> Iterator[dict[str, Any]]:
    """What happened to a container up to now, oldest first: of the last 256 events or so."""
    filters = json.dumps({"container": [container_id], "event": list(actions)})
    until = engine_now_s(engine) + SETTLE_S
    params = {"since": f"{since_s:.9f}", "until": f"{until:.9f}", "filters": filters}
    answer = engine.request("GET", "/events", params=params)
    return map(json.loads, answer.text.splitlines())


def engine_now_s(engine: Engine) -> float:
    """Seconds since the Unix epoch by the engine's own clock."""
    with told():
        return seconds(engine.api.info()["SystemTime"])


def seconds(stamp: str) -> float:
    """Seconds since the Unix epoch of the engine's RFC 3339."""
    return datetime.fromisoformat(stamp).timestamp()

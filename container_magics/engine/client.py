"""An Engine: typed verbs over one connection, and the one place where a status becomes an error."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException, StreamParseError
from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnectionPool
from requests.utils import requote_uri

from container_magics.core.capabilities import Capabilities
from container_magics.core.machine import Attempt, EngineFacts
from container_magics.core.terminal import plain
from container_magics.engine import keptback
from container_magics.engine.choosing import SWARM, searched
from container_magics.engine.cuthead import cut_head, is_cut_head, refuse_cut_head
from container_magics.engine.endpoint import Endpoint
from container_magics.engine.enginefacts import read_facts
from container_magics.engine.keepalive import keep_alive
from container_magics.engine.nowhere import no_engine, no_manager
from container_magics.engine.probe import probe
from container_magics.engine.tunnels import dialled, hang_up
from container_magics.errors import (
    Conflict,
    EngineDenied,
    EngineError,
    EngineLost,
    EngineRefused,
    NoEngine,
    NotFound,
)

ANSWER_S = 5.0
"""How long an engine may take for what it does at once; after that it counts as lost."""
LONG_S = 60.0
"""The same for what it may have to work for; it is the SDK's limit for all."""
IDLE = 4
"""How many idle connections to an engine of this machine are kept."""
LOST = (
    requests.exceptions.RequestException,  # an answer that is not whole JSON is one too
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    StreamParseError,
    ConnectionError,
    TimeoutError,
)
FAILED = "The engine itself failed. See whether it is well: `%doctor`. Then run the cell again."


@contextmanager
def told() -> Iterator[None]:
    """Turn what the docker SDK raises inside into our own errors, by kind and status alone."""
    try:
        yield
    except APIError as error:
        raise from_status(error.status_code or 0, str(error.explanation or error)) from error
    except PermissionError as error:
        raise EngineDenied(
            "You may not use this engine's socket.",
            hint="Ask its owner to add you to the socket's group (`docker` on most systems).",
            facts=(str(error),),
        ) from error
    except LOST as error:
        raise EngineLost(
            "The connection to the engine broke.",
            hint="See whether it still runs: `%engine`. Then run the cell again.",
            facts=(plain(str(error)),),
        ) from error
    except DockerException as error:
        raise EngineError(f"The docker client failed: {plain(str(error))}") from error


def words_of(status: int, body: bytes) -> str:
    """The engine's own words in the body of an answer of that HTTP status."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace") or f"HTTP status {status}"


def refusal(response: requests.Response) -> EngineError:
    """The error for an answer of 400 or above."""
    return from_status(response.status_code, words_of(response.status_code, response.content))


def from_status(status: int, words: str) -> EngineError:
    """The error for an HTTP status of the Engine API, with the engine's own words: they may quote
    a container's, so control sequences are dropped."""
    sentence = plain(words).strip().rstrip(".") + "."
    if status == 404:
        return NotFound(sentence, hint="`%containers -a` and `%images` list what is here.")
    if status == 409:
        return Conflict(sentence, hint="See its state: `%containers -a`.")
    return EngineRefused(sentence, status=status, hint=FAILED if status >= 500 else "")


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer of the engine, of a status below 400."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The content as it is."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """What it says; EngineLost when it is no JSON, for then a part of it is missing."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise EngineLost(
                "The connection to the engine broke in the middle of an answer.",
                hint="See whether it still runs: `%engine`. Then run the cell again.",
            ) from error


class Engine:
    """One engine. Made by ``connect()``; its verbs raise only the errors of ``errors.py``.

    ``api`` is the docker SDK's low-level client, for the modules of this floor alone.
    """

    def __init__(
        self, endpoint: Endpoint, api: docker.APIClient, tried: tuple[Attempt, ...] = ()
    ) -> None:
        """Take an open client; ``tried`` are the places that were looked at to find it."""
        self.endpoint = endpoint
        self.api = api
        self.api.hooks["response"] += [refuse_cut_head, partial(keptback.refuse, self)]
        keep_alive(api)
        self.tried = tried
        self._hung_up = False
        self._facts: EngineFacts | None = None
        self._capabilities: Capabilities | None = None
        self._pool = self._local_pool()

    def _local_pool(self) -> UnixHTTPConnectionPool | None:
        """Connections to a socket of this machine, for ``request``; None for other addresses."""
        adapter: Any = self.api.get_adapter(self.api.base_url)
        if not isinstance(adapter, UnixHTTPAdapter):
            return None
        # not the adapter's own: it keeps a pool for each path, and closes the oldest
        where: Any = adapter
        return UnixHTTPConnectionPool(self.api.base_url, where.socket_path, maxsize=IDLE)

    def url(self, path: str, version: str = "") -> str:
        """The address of a path of the API ("/containers/ID/kill"), with its version: by default
        that which we speak."""
        return f"{self.api.base_url}/v{version or self.api.api_version}{path}"

    def request(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float = ANSWER_S,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call with a time limit of its own; EngineLost when it passes. The SDK's verbs
        have one limit for all, which is too long for what ends a run."""
        with told():
            if self._pool is not None:
                return self._asked(self._pool, method, path, timeout_s, params, json, headers)
            url, more = self.url(path), dict(headers or {})
            response = requests.Session.request(
                self.api, method, url, params=params, json=json, timeout=timeout_s, headers=more
            )
        if response.status_code >= 400:
            raise refusal(response)
        return Answer(response.status_code, response.headers, response.content)

    def _asked(
        self,
        pool: urllib3.HTTPConnectionPool,
        method: str,
        path: str,
        timeout_s: float,
        params: Mapping[str, str] | None,
        content: Mapping[str, Any] | None,
        more: Mapping[str, str] | None,
    ) -> Answer:
        """The same over the socket of this machine, where a session of requests would take more
        time than the engine, and a connection of its own for each path."""
        target = requote_uri(f"/v{self.api.api_version}{path}")
        if params:
            target += f"?{urlencode(params)}"
        body = None if content is None else json.dumps(content).encode()
        headers = {name: str(value) for name, value in self.api.headers.items()}
        headers |= {"Host": "localhost", **(more or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        got = pool.urlopen(
            method, target, body, headers, retries=False, redirect=False, timeout=timeout_s
        )
        if is_cut_head(method, path, got.status, got.headers):
            raise cut_head()
        if got.status >= 400:
            words = words_of(got.status, got.data)
            kept_back = keptback.named(self, method, path, content, got.status, words)
            raise kept_back or from_status(got.status, words)
        return Answer(got.status, got.headers, got.data)

    def facts(self) -> EngineFacts:
        """Which engine this is. Asked once: Podman takes seconds to answer."""
        if self._facts is None:
            with told():
                version, info = self.api.version(), self.api.info()
                speaks = str(self.api.api_version)
                self._facts = read_facts(self.endpoint, speaks, self.tried, version, info)
        return self._facts

    def capabilities(self) -> Capabilities:
        """What can be done at this place, by its engine's own answers. Asked once. Raises
        EngineLost."""
        from container_magics.engine.capabilities import capabilities

        if self._capabilities is None:
            self._capabilities = capabilities(self)
        return self._capabilities

    def close(self) -> None:
        """End every idle connection, and with the last of an ssh:// address its ssh; the engine
        itself is left as it is."""
        if not self._hung_up:
            self._hung_up = True
            hang_up(self.endpoint)
        self.api.close()
        if self._pool is not None:
            self._pool.close()
            self._pool = self._local_pool()


def is_manager(engine: Engine) -> bool:
    """Whether it manages a swarm; closed where it does not, or cannot say."""
    found = False
    try:
        with suppress(EngineError):
            found = engine.capabilities().can("class")
    finally:
        if not found:
            engine.close()
    return found


def connect(where: str | Mapping[str, str] | None = None, home: Path | None = None) -> Engine:
    """The first engine that answers, in the order of ``endpoint.candidates``; or that of a place.

    ``where`` is a place as ``%engine use`` takes it ("ssh://host", a Docker context's name,
    "podman", "swarm"), or an environment to look in, this process's own by default. Raises
    NoEngine when none answers (its facts: the places that were tried), EngineDenied when this user
    may not use it, UsageError for an unknown place, NotSupported where "swarm" has no manager.
    """
    tried: list[Attempt] = []
    found_by_word, word = searched(where, home)
    for found in found_by_word:
        try:
            endpoint = dialled(found)
        except NoEngine as error:
            if found.binding:
                raise
            tried.append(
                Attempt(found.found_by, found.url, "unreached", (*error.facts, "")[-2:][0])
            )
            continue
        api = None
        try:
            attempt, api = probe(endpoint)
        finally:
            if api is None:  # else an engine has it, and hangs up itself
                hang_up(endpoint)
        tried.append(attempt)
        if api is not None:
            engine = Engine(endpoint, api, tuple(tried))
            if word != SWARM or is_manager(engine):
                return engine
    raise (
        no_manager(tried)
        if word == SWARM
        else no_engine(tuple(tried), named=bool(tried) and endpoint.binding)
    )

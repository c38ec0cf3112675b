"""Does an engine answer at a place? One question, a short time limit, a kind of failure each."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import requests
import urllib3
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import DockerException
from docker.tls import TLSConfig
from docker.utils import compare_version

from container_magics.core.machine import Attempt, Outcome
from container_magics.engine.endpoint import Endpoint, Tls
from container_magics.engine.statedir import is_ours_alone

PROBE_S = 3.0


def probe(
    endpoint: Endpoint, timeout_s: float = PROBE_S
) -> tuple[Attempt, docker.APIClient | None]:
    """Ask ``endpoint`` for its API version. A client of the negotiated version when it answers.

    A unix socket is first opened bare: there the system says clearly what stands in the way.
    """
    if not endpoint.url:  # the SDK would take Docker's own socket for it
        return _attempt(endpoint, "missing", "there is no such context"), None
    if endpoint.folder is not None and not is_ours_alone(endpoint.folder):
        there = os.path.lexists(endpoint.folder)
        return _attempt(endpoint, "untrusted" if there else "missing"), None
    try:
        if endpoint.socket is not None:
            _open(endpoint.socket, timeout_s)
        client = open_client(endpoint, DEFAULT_DOCKER_API_VERSION)
        answer = client.get(f"{client.base_url}/_ping", timeout=timeout_s)
    except (OSError, DockerException, ValueError) as error:  # requests' errors are OSErrors
        return _attempt(endpoint, _outcome(error), _words(error)), None
    server_version = answer.headers.get("Api-Version", "")
    client.close()
    if not server_version:
        return _attempt(endpoint, "foreign", f"HTTP status {answer.status_code}"), None
    return _attempt(endpoint, "answers"), open_client(endpoint, negotiated(server_version))


def negotiated(server_version: str) -> str:
    """The newest API version that both the engine and the docker SDK speak."""
    newer = compare_version(server_version, DEFAULT_DOCKER_API_VERSION) < 0
    return str(DEFAULT_DOCKER_API_VERSION if newer else server_version)


def open_client(endpoint: Endpoint, api_version: str) -> docker.APIClient:
    """A client for ``endpoint``; nothing is sent."""
    client = docker.APIClient(
        base_url=endpoint.dial_url,
        version=api_version,
        tls=_tls_config(endpoint.tls) if endpoint.tls else False,
    )
    # Proxies and .netrc mean nothing to a socket, and each request would look for them anew.
    client.trust_env = endpoint.socket is None
    if endpoint.tls and endpoint.tls.ca:
        keep_own_ca(client)
    return client


def keep_own_ca(client: docker.APIClient) -> None:
    """Let the CA of the engine hold, and not that of REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, which
    requests puts in the place of a session's own (Session.merge_environment_settings)."""
    merged = client.merge_environment_settings

    def with_own(url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        return merged(url, proxies, stream, client.verify if verify is None else verify, cert)

    client.merge_environment_settings = with_own  # type: ignore[method-assign]


def _tls_config(tls: Tls) -> TLSConfig:
    pair = (str(tls.cert), str(tls.key)) if tls.cert and tls.key else None
    return TLSConfig(client_cert=pair, ca_cert=str(tls.ca) if tls.ca else None, verify=tls.verify)


def _open(path: Path, timeout_s: float) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe_socket:
        probe_socket.settimeout(timeout_s)
        probe_socket.connect(str(path))


def _attempt(endpoint: Endpoint, outcome: Outcome, words: str = "") -> Attempt:
    return Attempt(endpoint.found_by, endpoint.url, outcome, words)


def _outcome(error: BaseException) -> Outcome:
    """The kind of a failure, from the types along its chain of causes."""
    kinds = list(_chain(error))
    for outcome, types in _KINDS:
        if any(isinstance(kind, types) for kind in kinds):
            return outcome
    return "refused"


_KINDS: tuple[tuple[Outcome, tuple[type[BaseException], ...]], ...] = (
    ("missing", (FileNotFoundError, NotADirectoryError)),
    ("denied", (PermissionError,)),
    # Both are among requests' connection errors, and mended in another way.
    ("unproven", (ssl.SSLCertVerificationError,)),
    ("shut", (ssl.SSLError,)),
    # Before "silent": urllib3 counts a connection that cannot be made among its timeouts.
    ("refused", (ConnectionRefusedError, urllib3.exceptions.NewConnectionError)),
    ("silent", (TimeoutError, requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)),
    ("foreign", (requests.exceptions.ConnectionError, urllib3.exceptions.HTTPError)),
)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it: by ``raise from``, or carried as an argument."""
    while error is not None:
        yield error
        for carried in error.args:
            if isinstance(carried, BaseException) and carried is not error.__cause__:
                yield from _chain(carried)
        error = error.__cause__ or error.__context__


def _words(error: BaseException) -> str:
    """What the system said at the bottom of the chain; "" where the outcome says it all."""
    if _outcome(error) in {"missing", "denied", "silent"}:
        return ""
    systems = [kind.strerror for kind in _chain(error) if isinstance(kind, OSError)]
    said = [words for words in systems if words]
    return said[-1] if said else str(error)[:200]

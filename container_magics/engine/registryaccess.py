"""GET from a registry, with the login that Docker has for it.

Protocol: OCI distribution specification 1.1; the token of a registry's own server as Docker
Registry's "Token Authentication Specification" and "OAuth2" pages have it. TLS is checked with the
authorities that `requests` knows; a registry on this machine's loopback is spoken to without TLS.
"""

from __future__ import annotations

import ipaddress
import json
import re
from base64 import b64encode
from collections.abc import Generator, Mapping
from contextlib import closing
from urllib.parse import urlsplit

import requests
import urllib3
from docker.auth import INDEX_NAME, INDEX_URL

from container_magics.core.names import ImageRef
from container_magics.core.terminal import plain
from container_magics.engine.credentials import credentials, login
from container_magics.engine.registry import login_needed, place, rate_limited
from container_magics.errors import BadArchive, ImageNotFound, RegistryRefused

CONNECT_S, READ_S = 10.0, 60.0
_LONGEST_TOKEN = 1 << 20
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_LOST = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class Access:
    """The way to the registry of one image. To be closed."""

    def __init__(self, reference: ImageRef) -> None:
        """Nothing is sent yet."""
        self._reference = reference
        host = reference.registry or str(urlsplit(INDEX_URL).hostname)
        short = not reference.registry and "/" not in reference.repository
        self._repository = f"library/{reference.repository}" if short else reference.repository
        self._url = f"{'http' if is_loopback(host) else 'https'}://{host}/v2/{self._repository}"
        self._authorization = ""
        self._session = requests.Session()
        # With an auth of its own, requests does not look into ~/.netrc; it takes the header away
        # when it is sent on to another host.
        self._session.auth = self._authorized
        self._session.trust_env = not is_loopback(host)  # no proxy leads to this machine
        self.close = self._session.close

    def body(self, path: str, max_bytes: int, accept: str = "*/*") -> bytes:
        """A small answer, whole. BadArchive when it is over ``max_bytes``."""
        body = bytearray()
        with closing(self.stream(path, 1 << 16, accept)) as chunks:
            for chunk in chunks:
                body += chunk
                if len(body) > max_bytes:
                    raise BadArchive(f"The registry's manifest is over {max_bytes:,} bytes.")
        return bytes(body)

    def stream(
        self, path: str, piece_bytes: int, accept: str = "*/*"
    ) -> Generator[bytes, None, None]:
        """An answer as it comes, in pieces. Raises LoginNeeded, RateLimited, ImageNotFound, and
        RegistryRefused for all else, also for a line that breaks."""
        try:
            with closing(self._answer(path, accept)) as answer:
                yield from answer.raw.stream(piece_bytes, decode_content=False)
        except _LOST as error:
            raise self._lost(error) from error

    def _answer(self, path: str, accept: str) -> requests.Response:
        answer = self._got(path, accept)
        if answer.status_code == 401 and not self._authorization:
            self._authorization = self._authorize(answer.headers.get("WWW-Authenticate", ""))
            answer.close()
            answer = self._got(path, accept)
        if answer.status_code != 200:
            with closing(answer):
                raise self._refusal(answer.status_code)
        return answer

    def _got(self, path: str, accept: str) -> requests.Response:
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        return self._session.get(
            f"{self._url}/{path}", headers=headers, stream=True, timeout=(CONNECT_S, READ_S)
        )

    def _authorized(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._authorization:
            request.headers["Authorization"] = self._authorization
        return request

    def _authorize(self, challenge: str) -> str:
        """The header for what a registry wants, "" when nothing is there to give."""
        kind, _, rest = challenge.partition(" ")
        user, password = credentials(self._reference.registry or INDEX_NAME)
        if kind.lower() == "basic":
            both = b64encode(f"{user}:{password}".encode()).decode("ascii")
            return f"Basic {both}" if user else ""
        wanted = dict(_PARAMETER.findall(rest))
        realm = urlsplit(wanted.get("realm", ""))
        safe = realm.scheme == "https" or is_loopback(realm.netloc)
        if kind.lower() != "bearer" or not safe:
            return ""
        token = self._token(wanted, user, password)
        return f"Bearer {token}" if token else ""

    def _token(self, wanted: Mapping[str, str], user: str, password: str) -> str:
        scope = f"repository:{self._repository}:pull"
        about = {"service": wanted.get("service", ""), "scope": scope}
        form, auth = None, (user, password) if user else _nobody
        if password and not user:  # an identity token
            form = {"grant_type": "refresh_token", "refresh_token": password}
            form |= {"client_id": "container-magics", **about}
        answer = requests.request(
            "POST" if form else "GET", wanted["realm"], params=None if form else about, data=form,
            auth=auth, timeout=(CONNECT_S, READ_S), stream=True, allow_redirects=False,
        )  # fmt: skip
        with closing(answer):
            if answer.status_code != 200:
                raise self._refusal(answer.status_code)
            body = answer.raw.read(_LONGEST_TOKEN, decode_content=True)
        return token_in(body)

    def _refusal(self, status: int) -> RegistryRefused | ImageNotFound:
        reference = self._reference
        match status:
            case 401 | 403:
                return login_needed(reference, login(reference.registry), (f"status {status}",))
            case 429:
                return rate_limited(reference, (f"status {status}",))
            case 404:
                return ImageNotFound(f"{place(reference)} has no {reference}, or not all of it.")
        return RegistryRefused(f"{place(reference)} does not give {reference}: status {status}.")

    def _lost(self, error: Exception) -> RegistryRefused:
        return RegistryRefused(
            f"{place(self._reference)} does not answer, or the line broke.",
            facts=(plain(str(error)),),
        )


def token_in(body: bytes) -> str:
    """The token in the answer of a registry's own server, "" when there is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    token = found.get("token") or found.get("access_token")
    # a header is one line of ASCII
    return token if isinstance(token, str) and token.isascii() and token.isprintable() else ""


def is_loopback(host: str) -> bool:
    """Whether a host, with or without port, is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request

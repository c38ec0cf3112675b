"""A session of BuildKit: what a build asks its client for while it runs.

POST /session turns the connection into HTTP/2 with the engine as the asking side
(moby, builder/builder-next; buildkit, session/manager.go). The services are those of BuildKit:
health, the context's files (session/filesync), secrets (session/secrets) and a registry's
credentials (session/auth). Field numbers are those of their .proto files.
"""

from __future__ import annotations

import hashlib
import platform
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import h2.exceptions
import requests
import urllib3

from container_magics.core.protowire import length_field, only_field
from container_magics.engine.client import Engine, refusal, told
from container_magics.engine.context import Context
from container_magics.engine.filesync import FileSync
from container_magics.engine.grpcserver import NOT_FOUND, GrpcServer, Outcome
from container_magics.engine.streams import Hijacked

HEALTH = "/grpc.health.v1.Health/Check"
FILES = "/moby.filesync.v1.FileSync/DiffCopy"
SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"  # noqa: S105 - a method's name
CREDENTIALS = "/moby.filesync.v1.Auth/Credentials"
NOTICED_S = 0.05
SERVING = b"\x08\x01"  # HealthCheckResponse: 1 status, SERVING

Credentials = Callable[[str], tuple[str, str]]
"""A registry's host -> (user, password or token); ("", "") for none."""


class BuildSession:
    """One session: a context, secrets by name, and logins."""

    def __init__(
        self, context: Context, secrets: Mapping[str, bytes], credentials: Credentials
    ) -> None:
        """Take what may be asked for."""
        self._id = uuid.uuid4().hex
        self._context, self._secrets, self._credentials = context, secrets, credentials
        self._thread: threading.Thread | None = None

    @property
    def asked(self) -> dict[str, str]:
        """The parameters by which POST /build finds the session, and the context in it."""
        return {"session": self._id, "remote": "client-session"}

    @contextmanager
    def served(self, engine: Engine) -> Iterator[None]:
        """While the block runs, the engine may ask. Raises EngineLost and EngineRefused."""
        line = Hijacked(self._open(engine))
        self._thread = threading.Thread(
            target=self._serve, args=(line,), daemon=True, name="container-magics build session"
        )
        self._thread.start()
        try:
            yield
        finally:
            line.abandon()
            self._thread.join()  # before the socket's number may be another's
            line.close()

    def is_lost(self) -> bool:
        """Whether the connection has ended, which it does not before the block does. The engine may
        tell that it misses it a moment before we see it."""
        if self._thread:
            self._thread.join(NOTICED_S)
        return self._thread is not None and not self._thread.is_alive()

    def _serve(self, line: Hijacked) -> None:
        unary = {HEALTH: lambda _: SERVING, SECRET: self._secret, CREDENTIALS: self._login}
        server = GrpcServer(line, unary, {FILES: partial(FileSync, self._context)})
        # An end of the connection is the build's to tell: its own stream ends as well.
        with suppress(OSError, ValueError, h2.exceptions.ProtocolError):
            server.serve()
        line.abandon()  # nobody is to wait for an answer

    def _open(self, engine: Engine) -> requests.Response:
        """The request. The header of the methods stands once for each, which a dict cannot say."""
        asked = requests.Request("POST", engine.url("/session"), headers={
            "Connection": "Upgrade", "Upgrade": "h2c",
            "X-Docker-Expose-Session-Uuid": self._id,
            "X-Docker-Expose-Session-Name": "container-magics",
            "X-Docker-Expose-Session-Sharedkey": shared_key(self._context.folder),
        })  # fmt: skip
        with told():
            prepared = engine.api.prepare_request(asked)
            headers = urllib3.HTTPHeaderDict(prepared.headers)
            for method in (HEALTH, FILES, SECRET, CREDENTIALS):
                headers.add("X-Docker-Expose-Session-Grpc-Method", method)
            prepared.headers = as_any(headers)
            response = engine.api.send(prepared, stream=True, timeout=engine.api.timeout)
            if response.status_code >= 400:
                raise refusal(response)
        return response

    def _secret(self, message: bytes) -> bytes | Outcome:
        """GetSecretRequest: 1 ID. GetSecretResponse: 1 data."""
        name = only_field(message, 1).decode("utf-8", "replace")
        if name not in self._secrets:
            return Outcome(NOT_FOUND, f"secret {name}: not found")
        return length_field(1, self._secrets[name])

    def _login(self, message: bytes) -> bytes:
        """CredentialsRequest: 1 Host. CredentialsResponse: 1 Username, 2 Secret."""
        user, secret = self._credentials(only_field(message, 1).decode("utf-8", "replace"))
        return length_field(1, user.encode()) + length_field(2, secret.encode())


def shared_key(folder: Path | None) -> str:
    """By what the engine knows a context again, to take of it only what has changed: the folder
    and the machine that it is on."""
    where = f"{platform.node()}\n{folder.resolve() if folder else ''}"
    return hashlib.sha256(where.encode("utf-8", "surrogateescape")).hexdigest()


def as_any(value: object) -> Any:
    """The same, of a type that is nobody's business: requests wants a dict, and only reads it."""
    return value

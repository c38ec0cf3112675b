"""A limit for what is done over a login, whatever the other side does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from container_magics.engine.sshclient import Login
from container_magics.errors import SshFailed


@contextmanager
def at_most(login: Login, limit_s: float) -> Iterator[None]:
    """Break the login when the block takes longer; SshFailed says so. A shell that hangs before it
    has begun with its command knows no other end."""
    end_s = time.monotonic() + limit_s
    login.end_after(limit_s)
    try:
        yield
    except SshFailed as error:
        if time.monotonic() < end_s:
            raise
        raise SshFailed(
            f"It was stopped: it took longer than {limit_s:g} s.",
            hint="See that nothing in ~/.bashrc or ~/.profile waits.",
        ) from error
    finally:
        login.end_after(None)

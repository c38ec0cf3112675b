"""Secrets by reference: read at the moment of their use, and kept nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from container_magics.core.buildspec import SecretRef
from container_magics.errors import UsageError

MOST_BYTES = 500_000
"""BuildKit takes no larger one (buildkit, session/secrets, MaxSecretSize)."""


def secret_values(secrets: Iterable[SecretRef]) -> dict[str, bytes]:
    """Name -> value. UsageError for one that is not there, is too large, or may not be read."""
    return {secret.name: value_of(secret) for secret in secrets}


def value_of(secret: SecretRef) -> bytes:
    """The value as it is now."""
    if secret.source == "env":
        value = os.environb.get(os.fsencode(secret.where))
        if value is None:
            raise UsageError(
                f"--secret id={secret.name}: there is no environment variable {secret.where}.",
                hint="The notebook's own environment counts; `%env NAME` shows and sets it.",
            )
    else:
        value = content_of(secret)
    if len(value) > MOST_BYTES:
        raise UsageError(
            f"--secret id={secret.name}: {len(value)} bytes are too many for a secret.",
            hint=f"BuildKit takes {MOST_BYTES} bytes at most. Give a large file by --context.",
        )
    return value


def content_of(secret: SecretRef) -> bytes:
    """The file's content; no more than shows that it is too large."""
    try:
        with Path(secret.where).expanduser().open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"--secret id={secret.name}: {secret.where} cannot be read.",
            hint=f"A relative path begins in {Path.cwd()}.",
            facts=(str(error),),
        ) from error

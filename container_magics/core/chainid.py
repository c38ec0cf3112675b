"""Chain IDs: the name of a layer together with all that lies under it.

Source: OCI image spec 1.1, `config.md`, "Layer ChainID".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """The chain ID of each layer, oldest first: the oldest one's is its diff ID."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(digest_of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)


def digest_of(data: bytes) -> str:
    """The digest of some bytes, as "sha256:HEX"."""
    return "sha256:" + hashlib.sha256(data).hexdigest()

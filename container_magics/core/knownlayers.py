"""Which layers of an image archive need not be read, since what they hold is known.

By name where the archive names them by digest: `blobs/sha256/HEX` (OCI image layout; the digest
is the diff ID where the layer is not packed) and `HEX.tar` (Podman). Up to Engine 24 a layer is
`ID/layer.tar`, and ID is a digest of `ID/json`, which stands before it, together with the chain ID
of the layer: so the chain ID is proved by trying each (moby/moby, `image/v1/imagev1.go`, CreateID,
and `image/tarexport/save.go`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from container_magics.core.chainid import chain_ids, digest_of
from container_magics.core.layers import Entry

_BY_DIGEST = re.compile(r"(?:blobs/sha256/([0-9a-f]{64})|([0-9a-f]{64})\.tar)")
_LEGACY = re.compile(r"([0-9a-f]{64})/(json|layer\.tar)")
_LONGEST_DOCUMENT = 1 << 20


class KnownLayers:
    """What is known of an image's layers: ``diff_ids`` are all of them, oldest first, ``entries``
    those that are known, by diff ID."""

    def __init__(
        self, diff_ids: Sequence[str] = (), entries: Mapping[str, tuple[Entry, ...]] | None = None
    ) -> None:
        self.entries = entries or {}
        self._chain = tuple(zip(diff_ids, chain_ids(diff_ids), strict=True))
        self._proved: dict[str, str] = {}

    def wants(self, name: str) -> bool:
        """Whether ``document`` shall be given the member of this name."""
        legacy = _LEGACY.fullmatch(name)
        return bool(self.entries) and legacy is not None and legacy[2] == "json"

    def document(self, name: str, body: bytes) -> None:
        """Take a member that was wanted."""
        legacy = _LEGACY.fullmatch(name)
        if legacy is not None and len(body) <= _LONGEST_DOCUMENT:
            found = next((d for d, chain in self._chain if _proves(body, legacy[1], chain)), None)
            if found is not None:
                self._proved[legacy[1]] = found

    def diff_id(self, name: str) -> str | None:
        """The known layer that the member of this name is; None for any other."""
        by_digest, legacy = _BY_DIGEST.fullmatch(name), _LEGACY.fullmatch(name)
        found = ""
        if by_digest is not None:
            found = f"sha256:{by_digest[1] or by_digest[2]}"
        elif legacy is not None and legacy[2] == "layer.tar":
            found = self._proved.get(legacy[1], "")
        return found if found in self.entries else None


def _proves(body: bytes, layer_id: str, chain_id: str) -> bool:
    """Whether a layer's old JSON and its chain ID have the digest ``layer_id``."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(told, dict) or told.pop("id", None) != layer_id:
        return False
    parent = told.pop("parent", "")
    told["layer_id"] = chain_id
    if parent:
        told["parent"] = f"sha256:{parent}"
    # the system is written into the JSON of all but the newest layer after the ID was made
    without = {key: value for key, value in told.items() if key != "os"}
    return any(digest_of(_as_go_writes(each)) == f"sha256:{layer_id}" for each in (told, without))


def _as_go_writes(told: Mapping[str, object]) -> bytes:
    """JSON as Go's encoding/json has it: the outer keys sorted, HTML's marks escaped."""
    text = json.dumps(dict(sorted(told.items())), separators=(",", ":"), ensure_ascii=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text.encode("utf-8", "surrogatepass")

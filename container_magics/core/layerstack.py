"""An image's layers, out of its config and what each of them holds.

Format: OCI image spec 1.1, "Image Configuration" (`config.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from container_magics.core.layers import Entry, Layer
from container_magics.core.terminal import plain
from container_magics.errors import BadArchive


def stack(
    config: Mapping[str, Any],
    entries: Mapping[str, tuple[Entry, ...]],
    digests: Mapping[str, str] | None = None,
) -> tuple[Layer, ...]:
    """Layers, oldest first, from an image's config and what each diff ID holds.

    Lines of the history that made no layer are kept, with 0 bytes; layers without a line come
    last, with no instruction. ``digests`` gives the blobs by diff ID. Raises BadArchive for a
    config that cannot be read, or a diff ID that is missing from ``entries``.
    """
    diff_ids: list[str] = _items(_mapping(config.get("rootfs")).get("diff_ids"), str)
    history: list[Mapping[str, Any]] = _items(config.get("history") or [], Mapping)
    waiting = iter(diff_ids)
    layers = []
    for line in history:
        diff_id = "" if line.get("empty_layer") else next(waiting, "")
        layers.append(_layer(line, diff_id, entries, digests or {}))
    layers.extend(_layer({}, diff_id, entries, digests or {}) for diff_id in waiting)
    return tuple(layers)


def _layer(
    line: Mapping[str, Any],
    diff_id: str,
    entries: Mapping[str, tuple[Entry, ...]],
    digests: Mapping[str, str],
) -> Layer:
    if diff_id and diff_id not in entries:
        raise BadArchive(f"The archive lacks the layer {plain(diff_id)}, which its image names.")
    held = entries[diff_id] if diff_id else ()
    return Layer(
        diff_id=diff_id,
        digest=digests.get(diff_id, ""),
        instruction=str(line.get("created_by") or line.get("comment") or ""),
        created_s=_epoch(line.get("created")),
        size_bytes=sum(entry.size_bytes for entry in held),
        entries=held,
        empty=not diff_id,
    )


def _epoch(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadArchive("The image's config cannot be read.")
    return value


def _items(value: object, kind: type) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise BadArchive("The image's config does not list its layers, or its history.")
    return value
